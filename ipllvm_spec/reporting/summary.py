"""What the terminal says at the end of a run, rendered to text for pytest's own reporter."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.text import Text

from ipllvm_spec.benchmarks.judging import JudgePrice
from ipllvm_spec.reporting.failure import failure_text
from ipllvm_spec.reporting.names import (
    MINI_NOTICE,
    compared_with,
    excess,
    is_unexpected,
    lost_notes,
    model_title,
    number,
    verdict_word,
    where,
)
from ipllvm_spec.reporting.tables import sort_records, table1_lines, verdict_lines
from ipllvm_spec.verdicts.record import Record
from ipllvm_spec.verdicts.verdict import Outcome

__all__ = ["RunStats", "failure_text", "render_summary", "unexpected"]

_NARROWEST = 80
#: How much a verdict asks to be looked at; what the spec announced has 1.
_LOOK = {"PASS": 0, "INCONCLUSIVE": 2, "unexpected PASS": 3, "unexpected FAIL": 4, "FAIL": 5}


@dataclass(frozen=True, kw_only=True)
class JudgeStats:
    """What a judge model was asked in a run.

    Attributes:
        model: Its name.
        calls: Answers about which it was asked.
        hits: Answers about which its reply was stored.
        unreadable: Replies among the asked ones that could not be read.
        prompt_tokens: Tokens sent.
        reply_tokens: Tokens received.
        price: What it costs; None when that was not declared.
    """

    model: str
    calls: int
    hits: int
    unreadable: int
    prompt_tokens: int
    reply_tokens: int
    price: JudgePrice | None = None

    def sentence(self) -> str:
        """Returns all of it in one line."""
        cost = ""
        if self.price is not None:
            cost = f", cost {self.price.of(self.prompt_tokens, self.reply_tokens):.2f}"
        return (
            f"judge {self.model}: {self.calls} replies asked for ({self.unreadable} unreadable), "
            f"{self.hits} from the store; {self.prompt_tokens} tokens sent, "
            f"{self.reply_tokens} received{cost}"
        )


@dataclass(frozen=True, kw_only=True)
class RunStats:
    """What a run cost and where its results lie.

    Attributes:
        prompts: Prompts that models answered in this run.
        hits: Answers taken from the store.
        misses: Answers that were not in the store.
        wall_s: Duration of the run in seconds.
        store: Where the store lies, as the user would write it.
        records: Where the merged records lie.
        allure: Where the Allure results lie; None when none were written.
        judge: What a judge was asked; None without one.
    """

    prompts: int
    hits: int
    misses: int
    wall_s: float
    store: str
    records: str
    allure: str | None = None
    judge: JudgeStats | None = None


def render_summary(
    records: Sequence[Record], stats: RunStats, *, width: int = 80, colour: bool = False
) -> str:
    """Renders verdict table, Table 1, costs, places and rerun commands.

    Args:
        records: All records of the run, in any order.
        stats: What the run cost.
        width: Columns of the terminal; less than 80 is taken as 80.
        colour: Whether the terminal takes ANSI colours.

    Returns:
        Text that ends with a newline; without escape sequences unless ``colour``.
    """
    console = Console(
        file=io.StringIO(),
        width=max(width, _NARROWEST),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        for part in _parts(records, stats, console.width):
            # Commands and paths are for copying: a wrapped one would be a broken one.
            console.print(part, soft_wrap=isinstance(part, str))
    lines = (line.rstrip() for line in capture.get().splitlines())
    return "\n".join(lines) + "\n"


def unexpected(records: Sequence[Record]) -> list[Record]:
    """Returns what turns the run red, worst first: by distance beyond the limit."""
    red = [record for record in records if is_unexpected(record)]
    return sorted(red, key=lambda r: (-excess(r.verdict), r.claim, r.case))


def title(records: Sequence[Record]) -> str:
    """Returns the heading of the verdict table: protocol mode, and "mini" when one is shown."""
    modes = ", ".join(sorted({record.mode for record in records}))
    if not any(record.mini for record in records):
        return f"Verdicts, {modes} mode"
    return f"Verdicts, {modes} mode. {MINI_NOTICE}"


def _parts(records: Sequence[Record], stats: RunStats, width: int) -> Iterator[RenderableType]:
    if not records:
        yield "No check was decided."
    else:
        yield Text(title(records), style="bold")
        yield from verdict_lines(records, width=width)
        yield from table1_lines(records, width=width)
        yield ""
        yield _counts(records)
        yield from _lost(records)
    yield from _costs(stats)
    red = unexpected(records)
    if red:
        yield ""
        yield "Rerun what turned the run red, worst first:"
        for record in red:
            yield _why_red(record)
            yield f"    {record.rerun}"


def _counts(records: Sequence[Record]) -> str:
    counts = Counter(verdict_word(record) for record in records)
    # What needs a look comes last, where the eye rests.
    order = sorted(counts, key=lambda word: (_LOOK.get(word, 1), word))
    early = sum(record.verdict.stopped_early for record in records)
    return (
        f"{len(records)} checks: "
        + ", ".join(f"{counts[word]} {word}" for word in order)
        + f"; {early} decided early"
    )


def _lost(records: Sequence[Record]) -> Iterator[str]:
    """Says once for each model and benchmark what could not be read or did not count."""
    lines = {
        f"{model_title(record.model, mini=record.mini)}, {part.benchmark}: {note}": None
        for record in sort_records(records)
        for part in record.measured
        for note in lost_notes(part, other=compared_with(record))
    }
    yield from lines


def _costs(stats: RunStats) -> Iterator[str]:
    asked = stats.hits + stats.misses
    share = f" ({stats.hits / asked:.0%})" if asked else ""
    yield f"store: {stats.hits} hits{share}, {stats.misses} misses ({stats.store})"
    yield f"models: {stats.prompts} prompts answered; the run took {duration(stats.wall_s)}"
    if stats.judge is not None:
        yield stats.judge.sentence()
    yield f"records: {stats.records}"
    if stats.allure is not None:
        yield f"Allure results: {stats.allure}"


def _why_red(record: Record) -> str:
    name = f"  {model_title(record.model, mini=record.mini)}, {where(record)}, {record.claim}: "
    if record.verdict.outcome is Outcome.PASS:
        return f"{name}passed, but the spec announces {record.expected and record.expected.verdict}"
    return f"{name}{number(excess(record.verdict))} points beyond the limit"


def duration(seconds: float) -> str:
    """Formats a duration for people: ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
