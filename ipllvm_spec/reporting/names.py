"""How conditions, scopes and numbers are worded: the same words in every table and figure."""

from __future__ import annotations

import json
import re

from ipllvm_spec.verdicts.record import Measured, Record
from ipllvm_spec.verdicts.verdict import UNSCORED, Outcome, Verdict

#: Goes under every table and into every figure that shows an embedded small model.
MINI_NOTICE = "Nothing about the minis is evidence about LLaVA."

_CONDITIONS = {
    "identity": "intact",
    "permute_tokens": "shuffled",
    "blank_image": "blank",
    "synthetic_image": "synthetic",
}


def condition(canonical: str) -> str:
    """Names a condition in one or two words, for example ``shuffled``.

    Args:
        canonical: Canonical text of an intervention; ``[]`` is the intact model.
    """
    steps = json.loads(canonical) if canonical else []
    names = [
        # A fixed order was found by a search; a fresh one is a shuffle.
        "reordered"
        if step.get("order")
        else _CONDITIONS.get(step["name"], step["name"].replace("_", " "))
        for step in steps
    ]
    return " + ".join(names) or "intact"


def first_side(record: Record) -> str:
    """Names what the other side is set against: ``intact``, a model, or the best of a sweep."""
    if record.verdict.statistic == "spread":
        return "best group"
    across = record.verdict.statistic == "contrast" and record.against is not None
    if across or record.intervention == "[]":
        return record.model if across else "intact"
    return condition(record.control)


def compared_with(record: Record) -> str:
    """Names the condition that is set against the intact model, for example ``blank``.

    A claim about a control (the image matters) may have no intervention of its own, and in a claim
    across models another model stands in its place.
    """
    if record.verdict.statistic == "worst_drop":
        return "worst found"
    if record.verdict.statistic == "spread":
        return "worst group"
    if record.verdict.statistic == "contrast":
        return record.against or "contrast"
    changed = condition(record.intervention)
    return changed if changed != "intact" else condition(record.control)


def model_title(model: str, *, mini: bool) -> str:
    """Returns the model's name, with ``(mini)`` where it applies."""
    return f"{model} (mini)" if mini else model


def where(record: Record) -> str:
    """Returns the benchmark, or ``average of N`` for a claim over several.

    Where some of them could not be scored it is ``average of 8 of 10``.
    """
    if record.benchmark is not None:
        return record.benchmark
    count, total = len(scored_parts(record)), len(record.measured)
    return f"average of {total}" if count == total else f"average of {count} of {total}"


def scored_parts(record: Record) -> list[Measured]:
    """Returns the benchmarks of a record that could be scored."""
    return [part for part in record.measured if part.scored_by != UNSCORED]


def part_name(part: Measured) -> str:
    """Returns a benchmark's name with how it was scored, where no rule did as published."""
    kind = part.scored_by.partition(" ")[0]
    return part.benchmark if kind == "rule" else f"{part.benchmark} ({kind})"


def row_name(record: Record) -> str:
    """Returns the first cell of a record's row: ``mmvet (proxy)``, ``average``, ``average 8/10``.

    What else must be said about the scores is ``scored_label``.
    """
    if record.benchmark is None:
        count, total = len(scored_parts(record)), len(record.measured)
        return "average" if count == total else f"average {count}/{total}"
    return part_name(record.measured[0]) if len(record.measured) == 1 else record.benchmark


def scored_label(record: Record) -> str:
    """Says how the scores came about where no rule gave them as published; "" where rules did.

    For example ``8 of 10; unscored: mmvet, llava_w (no judge); judge gpt-4o: mathvista``.
    """
    by: dict[str, list[str]] = {}
    for part in record.measured:
        by.setdefault(part.scored_by, []).append(part.benchmark)
    texts = []
    if UNSCORED in by and record.benchmark is None:
        count, total = len(scored_parts(record)), len(record.measured)
        texts.append(f"{count} of {total}; unscored: {', '.join(by[UNSCORED])} (no judge)")
    for name, benchmarks in by.items():
        if name not in ("rule", "similarity", UNSCORED):
            meaning = ", not comparable with published scores" if name == "proxy" else ""
            which = f": {', '.join(benchmarks)}" if record.benchmark is None else ""
            texts.append(f"{name}{meaning}{which}")
    return "; ".join(texts)


def verdict_word(record: Record) -> str:
    """Returns the verdict for a table, at most 15 characters where somebody must look.

    ``PASS``, ``FAIL``, ``INCONCLUSIVE``; ``unscored`` without a judge model; in lower case what the
    spec announced, so that nobody needs to look: ``fail (expected)``, ``undecided (expected)``;
    ``unexpected PASS`` otherwise.
    """
    outcome = record.verdict.outcome
    if record.verdict.method == UNSCORED:
        return UNSCORED
    if record.expected is None or outcome.value.lower() == record.expected.verdict:
        word = "undecided" if outcome is Outcome.INCONCLUSIVE else outcome.value.lower()
        return outcome.value if record.expected is None else f"{word} (expected)"
    # Not reached is not the same as refuted: undecided stays undecided, whatever was announced.
    return outcome.value if outcome is Outcome.INCONCLUSIVE else f"unexpected {outcome.value}"


def excess(verdict: Verdict) -> float:
    """Returns by how much the estimate is on the wrong side of the limit (negative: right side).

    Returns:
        A value in the verdict's unit; 0.0 when nothing was measured.
    """
    if verdict.estimate is None:
        return 0.0
    gap = verdict.estimate - verdict.limit
    return gap if verdict.direction == "at_most" else -gap


def is_unexpected(record: Record) -> bool:
    """True for what turns a run red: an unannounced FAIL, or an announced FAIL that passed."""
    if record.expected is None:
        return record.verdict.outcome is Outcome.FAIL
    return not record.as_expected and record.verdict.outcome is not Outcome.INCONCLUSIVE


def number(value: float | None, *, decimals: int = 1) -> str:
    """Formats a number; ``-`` when there is none and never ``-0.0``."""
    if value is None:
        return "-"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def limit_text(verdict: Verdict) -> str:
    """Returns the limit with its direction, for example ``<= 2.0``."""
    sign = "<=" if verdict.direction == "at_most" else ">="
    return f"{sign} {number(verdict.limit)}"


def estimate_text(verdict: Verdict) -> str:
    """Returns ``40.7 [38.1, 43.2]``; ``-`` when nothing was measured."""
    if verdict.estimate is None:
        return "-"
    if verdict.lower is None or verdict.upper is None:
        return number(verdict.estimate)
    return f"{number(verdict.estimate)} [{number(verdict.lower)}, {number(verdict.upper)}]"


def score_text(value: float | None, scale: float, *, decimals: int = 1) -> str:
    """Formats a metric on its benchmark's scale: no decimals for MME's 0-2800 in narrow tables."""
    return number(value, decimals=0 if scale > 100 and decimals < 2 else decimals)


def metric_text(record: Record, part: Measured) -> str:
    """Returns one benchmark's metric, for example ``mmvp intact 62.0 -> shuffled 21.3``."""
    other = compared_with(record)
    if part.scored_by == UNSCORED:
        return f"{part.benchmark} unscored: no judge (source {part.source or 'unknown'})"
    chance = f", chance {score_text(part.chance, part.scale)}" if part.chance is not None else ""
    notes = "".join(f"; {note}" for note in lost_notes(part, other=other))
    blind = f", blind {score_text(part.blind, part.scale)}" if part.blind is not None else ""
    by = "" if part.scored_by == "rule" else f", scored by {part.scored_by}"
    return (
        f"{part.benchmark} {first_side(record)} {score_text(part.intact, part.scale)} -> "
        f"{other} {score_text(part.other, part.scale)} of {part.scale:g}{blind}{chance} "
        f"({part.n} of {part.n_total} units, source {part.source or 'unknown'}{by})"
        f"{notes}"
    )


def lost_notes(part: Measured, *, other: str) -> list[str]:
    """Says what could not be read or did not count on one benchmark, with its numbers.

    Args:
        part: One benchmark's metrics.
        other: What the second condition is called, for example ``shuffled``.
    """
    notes = []
    if part.unparsed_intact or part.unparsed_other:
        notes.append(
            f"unparsed answers: {part.unparsed_intact} intact, {part.unparsed_other} {other}"
        )
    for count, why in (
        (part.excluded, "left out, the judge's reply was unreadable"),
        (part.undecodable, "never asked, an image cannot be decoded"),
    ):
        if count:
            notes.append(f"{count} unit{'s' if count > 1 else ''} {why}")
    return notes


def parts_text(part: Measured, *, most: int = 6) -> str:
    """Returns the published aggregates beside the metric, as ``name 71.2 -> 40.0; ...``.

    Args:
        part: One benchmark's metrics.
        most: How many are written out; the record holds all.

    Returns:
        "" where there are none.
    """
    names = [name for name in part.parts_intact if name in part.parts_other]
    texts = [
        f"{name} {number(part.parts_intact[name])} -> {number(part.parts_other[name])}"
        for name in names[:most]
    ]
    if len(names) > most:
        texts.append(f"{len(names) - most} more in the record")
    return f"{part.benchmark}: {'; '.join(texts)}" if texts else ""


def percent(value: float | None, scale: float) -> float | None:
    """Puts a metric on 0-100, whatever the benchmark's scale."""
    return None if value is None else 100.0 * value / scale


def mean_scores(record: Record) -> Measured:
    """Returns what stands for the record in a table: its one benchmark, or their mean on 0-100.

    For several benchmarks the units are summed and intact and other are plain means, as in the
    last column of Table 1 with MME put on 0-100; None as soon as one was not measured. Those that
    could not be scored are left out.
    """
    if len(record.measured) == 1:
        return record.measured[0]
    parts = scored_parts(record)
    pairs = [(percent(m.intact, m.scale), percent(m.other, m.scale)) for m in parts]
    complete = bool(pairs) and all(a is not None and b is not None for a, b in pairs)
    return Measured(
        benchmark=where(record),
        scale=100.0,
        intact=sum(a or 0.0 for a, _ in pairs) / len(pairs) if complete else None,
        other=sum(b or 0.0 for _, b in pairs) / len(pairs) if complete else None,
        chance=None,
        n=sum(m.n for m in parts),
        n_total=sum(m.n_total for m in parts),
    )


def paper_section(paper: str) -> str:
    """Returns the section of a source such as ``section 3.3, Table 1``, capitalised."""
    found = re.search(r"\b(?:section|sec\.|appendix)\s*[A-Z0-9.]*[A-Z0-9]", paper, re.IGNORECASE)
    text = found.group(0) if found else paper
    return text[:1].upper() + text[1:]


def paper_exhibits(paper: str) -> tuple[tuple[str, str], ...]:
    """Returns the figures and tables of a source: ``(("table", "Table 1"),)``."""
    found = re.findall(r"\b(table|figure|fig\.)\s*([0-9]+[a-z]?)", paper, re.IGNORECASE)
    pairs = [("table" if kind.lower() == "table" else "figure", digits) for kind, digits in found]
    return tuple((kind, f"{kind.capitalize()} {digits}") for kind, digits in pairs)
