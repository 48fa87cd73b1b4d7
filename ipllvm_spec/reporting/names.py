"""How conditions, scopes and numbers are worded: the same words in every table and figure."""

from __future__ import annotations

import json
import re

from ipllvm_spec.verdicts.record import Measured, Record
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

#: Goes under every table and into every figure that shows an embedded small model.
MINI_NOTICE = "Nothing about the minis is evidence about LLaVA."

_CONDITIONS = {
    "identity": "intact",
    "permute_tokens": "shuffled",
    "blank_image": "blank",
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


def compared_with(record: Record) -> str:
    """Names the condition that is set against the intact model, for example ``blank``.

    A claim about a control (the image matters) has no intervention of its own.
    """
    if record.verdict.statistic == "worst_drop":
        return "worst order"
    changed = condition(record.intervention)
    return changed if changed != "intact" else condition(record.control)


def model_title(model: str, *, mini: bool) -> str:
    """Returns the model's name, with ``(mini)`` where it applies."""
    return f"{model} (mini)" if mini else model


def where(record: Record) -> str:
    """Returns the benchmark, or ``average of N`` for a claim over several."""
    return record.benchmark or f"average of {len(record.measured)}"


def verdict_word(record: Record) -> str:
    """Returns the verdict for a table, at most 15 characters where somebody must look.

    ``PASS``, ``FAIL``, ``INCONCLUSIVE``; in lower case what the spec announced, so that nobody
    needs to look: ``fail (expected)``, ``undecided (expected)``; ``unexpected PASS`` otherwise.
    """
    outcome = record.verdict.outcome
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
    chance = f", chance {score_text(part.chance, part.scale)}" if part.chance is not None else ""
    unparsed = ""
    if part.unparsed_intact or part.unparsed_other:
        unparsed = (
            f"; unparsed answers: {part.unparsed_intact} intact, {part.unparsed_other} {other}"
        )
    return (
        f"{part.benchmark} intact {score_text(part.intact, part.scale)} -> "
        f"{other} {score_text(part.other, part.scale)} of {part.scale:g}{chance} "
        f"({part.n} of {part.n_total} units, source {part.source or 'unknown'}){unparsed}"
    )


def percent(value: float | None, scale: float) -> float | None:
    """Puts a metric on 0-100, whatever the benchmark's scale."""
    return None if value is None else 100.0 * value / scale


def mean_scores(record: Record) -> Measured:
    """Returns what stands for the record in a table: its one benchmark, or their mean on 0-100.

    For several benchmarks the units are summed and intact and other are plain means, as in the
    last column of Table 1 with MME put on 0-100; None as soon as one was not measured.
    """
    if len(record.measured) == 1:
        return record.measured[0]
    pairs = [(percent(m.intact, m.scale), percent(m.other, m.scale)) for m in record.measured]
    complete = bool(pairs) and all(a is not None and b is not None for a, b in pairs)
    return Measured(
        benchmark=where(record),
        scale=100.0,
        intact=sum(a or 0.0 for a, _ in pairs) / len(pairs) if complete else None,
        other=sum(b or 0.0 for _, b in pairs) / len(pairs) if complete else None,
        chance=None,
        n=sum(m.n for m in record.measured),
        n_total=sum(m.n_total for m in record.measured),
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
