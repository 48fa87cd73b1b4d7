"""What a person reads when a check turns the run red: everything needed to argue or to repeat."""

from __future__ import annotations

from ipllvm_spec.reporting.names import (
    condition,
    is_unexpected,
    limit_text,
    metric_text,
    model_title,
    parts_text,
    where,
)
from ipllvm_spec.verdicts.record import Record
from ipllvm_spec.verdicts.verdict import Outcome


def failure_text(record: Record) -> str:
    """Explains a check that failed, passed against expectation, or stayed undecided.

    The first line stands alone, because pytest's short summary shows no more than that.

    Returns:
        Plain text of several lines: claim, statement, model, benchmark, case, measured, bounds,
        n, limit, why and the command that reruns the check.
    """
    verdict = record.verdict
    rows = [
        ("claim", f"{record.claim}: {record.statement}"),
        ("property", f"{record.property_statement} ({record.paper})"),
        ("model", model_title(record.model, mini=record.mini)),
        *([("against", record.against)] if record.against else []),
        ("benchmark", f"{where(record)}, {record.mode} mode"),
        ("case", record.case),
        *[("measured", metric_text(record, part)) for part in record.measured],
        *[("parts", text) for part in record.measured if (text := parts_text(part))],
        ("statistic", f"{verdict.statistic.replace('_', ' ')} {verdict.measured()}"),
        ("bounds", _bounds(record)),
        ("n", f"{verdict.scope()}; {verdict.clusters} clusters"),
        ("limit", f"{limit_text(verdict)} {verdict.unit}, for the {verdict.target}"),
        ("why", verdict.why),
        ("decided", f"{verdict.method}: {verdict.reason}"),
        *_advice(record),
        ("rerun", record.rerun),
    ]
    if "replay" in verdict.details:
        # What a search found can be measured by itself, on every unit.
        rows.append(("replay", str(verdict.details["replay"])))
    return "\n".join([headline(record), *(f"  {name:<10} {text}" for name, text in rows)])


def headline(record: Record) -> str:
    """Returns the verdict with claim, model and benchmark in one line."""
    return (
        f"{record.claim} on {model_title(record.model, mini=record.mini)}, {where(record)}: "
        f"{record.verdict.sentence()}"
    )


def _bounds(record: Record) -> str:
    verdict = record.verdict
    if verdict.lower is None or verdict.upper is None:
        return "none"
    role = "; for the reader only, the decision is arithmetic" if verdict.exact else ""
    return f"{1 - verdict.alpha:.0%} one-sided each, about {verdict.bounds}{role}"


def _advice(record: Record) -> list[tuple[str, str]]:
    verdict = record.verdict
    rows: list[tuple[str, str]] = []
    if record.intervention != "[]":
        rows.append(("changed", f"{condition(record.intervention)}, repeats {record.repeats}"))
    if verdict.n_needed is not None:
        rows.append(("needed", f"{verdict.n_needed} units would be expected to decide"))
    if record.expected is not None:
        rows.append(("expected", f"{record.expected.verdict}: {record.expected.reason}"))
        if is_unexpected(record) and verdict.outcome is Outcome.PASS:
            rows.append(
                ("do", f"find out what changed, then delete the expectation in {record.spec_file}")
            )
    return rows
