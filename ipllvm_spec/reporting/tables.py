"""The tables of the terminal summary: every verdict, and Table 1 as the paper lays it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ipllvm_spec.measures.aggregates import Pair, aggregate_all
from ipllvm_spec.reporting.names import (
    compared_with,
    estimate_text,
    limit_text,
    mean_scores,
    model_title,
    number,
    paper_exhibits,
    row_name,
    score_text,
    scored_label,
    verdict_word,
)
from ipllvm_spec.verdicts.record import Measured, Record
from ipllvm_spec.verdicts.verdict import UNSCORED, Outcome

#: Columns of the paper's Table 1 in its order; others follow by name.
_TABLE1_ORDER = (
    "mmvp", "qbench", "mme", "mmstar", "mmvet", "llava_w", "mathvista", "sqa", "chartqa", "ai2d",
)  # fmt: skip
_STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.INCONCLUSIVE: "yellow"}
_COLUMNS = ("benchmark", "intact->other", "estimate [bounds]", "limit", "units", "verdict")


def sort_records(records: Iterable[Record]) -> list[Record]:
    """Sorts by model, claim and benchmark, with averages after their benchmarks."""
    return sorted(records, key=lambda r: (r.model, r.claim, r.benchmark is None, r.benchmark or ""))


def verdict_lines(records: Iterable[Record], *, width: int) -> Iterator[RenderableType]:
    """Yields the verdict table: a heading per model and claim, a row per check, then reasons.

    Args:
        records: All records of the run.
        width: Columns of the terminal; 80 are enough for every column.
    """
    ordered = sort_records(records)
    # One width per column over all models, so that the eye can run down the page.
    widths = [
        max(len(cell) for cell in column)
        for column in zip(_COLUMNS, *(_cells(record) for record in ordered), strict=True)
    ]
    gap = 2 if width >= 100 else 1
    yield _rows([], widths, gap=gap)
    for model, of_model in groupby(ordered, key=lambda r: r.model):
        group = list(of_model)
        yield Text(f"\n{model_title(model, mini=group[0].mini)}", style="bold")
        for claim, of_claim in groupby(group, key=lambda r: r.claim):
            rows = list(of_claim)
            against = f" against {rows[0].against}" if rows[0].against else ""
            yield Text(f" {claim}{against}", style="cyan")
            yield _rows(rows, widths, gap=gap)
            yield from _reasons(rows)
    if any(record.verdict.stopped_early or record.verdict.cut for record in ordered):
        yield Text("\n * decided early   < only the first units were allowed (--units)", "dim")


def _cells(record: Record) -> tuple[str, ...]:
    part = mean_scores(record)
    other = score_text(part.other, part.scale)
    verdict = record.verdict
    mark = "<" if verdict.cut else "*" if verdict.stopped_early else ""
    return (
        row_name(record),
        "-" if part.intact is None else f"{score_text(part.intact, part.scale)} -> {other}",
        estimate_text(verdict),
        limit_text(verdict),
        f"{verdict.n}/{verdict.n_total}{mark}",
        verdict_word(record),
    )


def _rows(records: Sequence[Record], widths: Sequence[int], *, gap: int) -> Table:
    table = Table.grid(padding=(0, gap))
    table.add_column(width=1)
    for name, needed in zip(_COLUMNS, widths, strict=True):
        right = name in ("intact->other", "estimate [bounds]", "units")
        # Only the last column may wrap: "undecided (expected)" is longer than it looks.
        fixed = None if name == "verdict" else needed
        table.add_column(
            width=fixed, no_wrap=fixed is not None, justify="right" if right else "left"
        )
    if not records:
        table.add_row("", *(Text(name, style="dim") for name in _COLUMNS))
    for record in records:
        *texts, word = _cells(record)
        quiet = record.expected is not None and record.as_expected
        style = "dim" if quiet else _STYLES[record.verdict.outcome]
        table.add_row("", *texts, Text(word, style=style))
    return table


def _reasons(records: Sequence[Record]) -> Iterator[Padding]:
    """One line per distinct reason: an expectation often covers every benchmark of a claim."""
    by_reason: dict[str, list[str]] = {}
    for record in records:
        name = record.benchmark or "average"
        if label := scored_label(record):
            by_reason.setdefault(label, []).append(name)
        reason = record.verdict.reason
        if record.expected is not None:
            reason = record.expected.reason
            if not record.as_expected:
                reason = f"announced as {record.expected.verdict}: {reason}"
        elif record.verdict.outcome is Outcome.PASS:
            continue
        by_reason.setdefault(reason, []).append(name)
    for reason, benchmarks in by_reason.items():
        text = Text(f"{', '.join(benchmarks)}: {reason}", style="dim")
        yield Padding(text, (0, 0, 0, 5))


def table1_lines(records: Iterable[Record], *, width: int) -> Iterator[RenderableType]:
    """Yields Table 1 for the models at hand: intact, shuffled and delta per benchmark.

    Delta is shuffled minus intact, as in the paper (a drop is negative). Printed numbers stand
    below measured ones only where the record has them: where the paper measured that model.

    Args:
        records: All records; those of other tables are ignored.
        width: Columns of the terminal; a table that is too wide continues below.
    """
    ours = [
        record
        for record in sort_records(records)
        if ("table", "Table 1") in paper_exhibits(record.paper)
        and record.verdict.statistic in ("drop", "average_drop")
        and compared_with(record) == "shuffled"
    ]
    for model, of_model in groupby(ours, key=lambda r: r.model):
        group = list(of_model)
        parts = _best_parts(group)
        if not parts:
            continue
        title = model_title(model, mini=group[0].mini)
        modes = ", ".join(sorted({record.mode for record in group}))
        yield Text(f"\nTable 1, shuffled visual patch tokens: {title}, {modes} mode", style="bold")
        per_block = max((width - 17) // 10, 1)
        for start in range(0, len(parts), per_block):
            yield _table1_block(parts[start : start + per_block])
        missing = {
            part.benchmark: None
            for record in group
            for part in record.measured
            if part.scored_by == UNSCORED
        }
        if missing:
            yield Text(f"   unscored, no judge: {', '.join(missing)}", style="dim")
        yield from _averages(parts)


def _best_parts(records: Iterable[Record]) -> list[Measured]:
    """Returns one measurement per benchmark, the one with the most units."""
    best: dict[str, Measured] = {}
    for record in records:
        for part in record.measured:
            known = best.get(part.benchmark)
            if part.other is not None and (known is None or part.n > known.n):
                best[part.benchmark] = part
    rank = {name: place for place, name in enumerate(_TABLE1_ORDER)}
    return sorted(best.values(), key=lambda m: (rank.get(m.benchmark, len(rank)), m.benchmark))


def _table1_block(parts: Sequence[Measured]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column(width=14)
    for _ in parts:
        table.add_column(justify="right", min_width=9)
    table.add_row("", "", *(Text(part.benchmark, style="cyan") for part in parts))
    for name, values in (
        ("intact", [part.intact for part in parts]),
        ("shuffled", [part.other for part in parts]),
        ("delta", [_delta(part.intact, part.other) for part in parts]),
    ):
        table.add_row("", name, *(number(value, decimals=2) for value in values))
    if any(part.blind is not None for part in parts):
        table.add_row("", "blind", *(number(part.blind, decimals=2) for part in parts))
    if any(part.scored_by != "rule" for part in parts):
        # One word: the judge's name stands under the verdicts and in the record.
        table.add_row("", "scored by", *(part.scored_by.partition(" ")[0] for part in parts))
    if any(part.n < part.n_total for part in parts):
        table.add_row("", "units", *(f"{part.n}/{part.n_total}" for part in parts))
    if any(part.printed for part in parts):
        printed = [part.printed or {} for part in parts]
        for name, key in (("paper intact", "intact"), ("paper shuffled", "other")):
            cells = [number(row.get(key), decimals=2) for row in printed]
            table.add_row("", Text(name, style="dim"), *cells)
        deltas = [_delta(row.get("intact"), row.get("other")) for row in printed]
        table.add_row("", Text("paper delta", "dim"), *(number(d, decimals=2) for d in deltas))
    return table


def _delta(intact: float | None, other: float | None) -> float | None:
    return None if intact is None or other is None else other - intact


def _averages(parts: Sequence[Measured]) -> Iterator[Table]:
    """All five aggregates: they disagree on the paper's own table, so none stands alone."""
    pairs = [
        Pair.of(part.intact, part.other, scale=part.scale)
        for part in parts
        if part.intact is not None and part.other is not None
    ]
    if len(pairs) < 2:
        return
    drops = aggregate_all(pairs)
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2)
    table.add_column(width=14)
    for _ in drops:
        table.add_column(justify="right", min_width=9)
    table.add_row("", Text(f"mean of {len(pairs)}", "dim"), *(Text(n, "dim") for n in drops))
    deltas = [None if drop is None else -float(drop) for drop in drops.values()]
    table.add_row("", "average delta", *(number(delta, decimals=2) for delta in deltas))
    yield table
