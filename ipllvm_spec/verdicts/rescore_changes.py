"""Which numbers of a run's records change when its answers are scored again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ipllvm_spec.spec.interventions import from_canonical
from ipllvm_spec.verdicts.record import Measured, Record
from ipllvm_spec.verdicts.records import MERGED
from ipllvm_spec.verdicts.rescore import metric_of
from ipllvm_spec.verdicts.rescore_cells import Scored

#: Differences of a metric that are rounding: summation order, not another score.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Change:
    """A number of a record that is another one now.

    Attributes:
        claim: Id of the claim.
        case: Key of the case.
        benchmark: Name of the benchmark.
        condition: ``intact`` or ``changed``, by the intervention of the claim.
        before: The metric in the record.
        after: The metric by today's scoring.
        scale: Largest value of the metric.
    """

    claim: str
    case: str
    benchmark: str
    condition: str
    before: float
    after: float
    scale: float


@dataclass(frozen=True)
class Changes:
    """Records compared with today's scoring.

    Attributes:
        changed: The numbers that differ.
        same: How many do not.
        open: How many could not be compared: searched orders, contrasts, or answers that are not
            all here.
    """

    changed: tuple[Change, ...]
    same: int
    open: int


def read_all_records(run_dir: Path) -> tuple[Record, ...]:
    """Returns the records of a run folder, merged or not; nothing when there are none.

    Raises:
        UsageError: When they were written by another version.
    """
    lines = [
        line
        for path in (run_dir / MERGED, *sorted(run_dir.glob("records-*.jsonl")))
        if path.is_file()
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        if line.endswith("\n")
    ]
    return tuple(Record.from_line(line) for line in lines)


def compare(records: Sequence[Record], scored: Sequence[Scored]) -> Changes:
    """Compares the metrics of records with those of the same cells, scored again.

    Args:
        records: Records of the run.
        scored: The cells of its store.
    """
    changed: list[Change] = []
    same = left = 0
    for record in records:
        for part in record.measured:
            for condition, before, after in _numbers(record, part, scored):
                if after is None:
                    left += 1
                elif abs(after - before) <= _ROUNDING * part.scale:
                    same += 1
                else:
                    changed.append(
                        Change(
                            claim=record.claim,
                            case=record.case,
                            benchmark=part.benchmark,
                            condition=condition,
                            before=before,
                            after=after,
                            scale=part.scale,
                        )
                    )
    return Changes(tuple(changed), same, left)


def _numbers(
    record: Record, part: Measured, scored: Sequence[Scored]
) -> Iterator[tuple[str, float, float | None]]:
    """Yields condition, metric in the record, and metric now (None when it cannot be told)."""
    intact = _cells(record, part, scored, intervention=record.control)
    other = _cells(record, part, scored, intervention=record.intervention)
    if record.intervention != record.control:
        other = other[: record.repeats] if len(other) >= record.repeats else []
    # A search measures one frozen order on other units than those it starts with, and a side of
    # a contrast is a mean of conditions.
    known = not {"search", "more"} & set(record.verdict.details)
    for condition, before, cells in (
        ("intact", part.intact, intact),
        ("changed", part.other, other),
    ):
        if before is not None:
            yield condition, before, _metric(part, cells, [*intact, *other]) if known else None


def _cells(
    record: Record, part: Measured, scored: Sequence[Scored], *, intervention: str
) -> list[Scored]:
    """Returns the cells of one condition, one per repeat."""
    # A cell knows who made a synthetic image by digests, a record by names.
    keyed = _keyed(intervention)
    # Weights that changed at one path leave several cells: the record is about the newest.
    found = {
        one.cell.repeat: one
        for one in sorted(scored, key=lambda one: one.cell.newest)
        if one.found is not None
        and record.model in one.cell.names
        and (one.cell.benchmark, one.cell.mode) == (part.benchmark, record.mode)
        and one.cell.content == part.content_digest
        and one.cell.intervention == keyed
        # A judge's rating and a proxy's are two metrics, neither a change of the other.
        and one.score.scored_by == part.scored_by
    }
    return [found[repeat] for repeat in sorted(found)]


def _keyed(canonical: str) -> str:
    steps = from_canonical(canonical).keyed()
    return json.dumps(steps, sort_keys=True, separators=(",", ":"))


def _metric(part: Measured, cells: Sequence[Scored], both: Sequence[Scored]) -> float | None:
    if not cells:
        return None
    found = cells[0].found
    assert found is not None
    # Intact answers belong to every seed: the order is that of the cells that drew something.
    seed = next((s.cell.suite_seed for s in both if s.cell.description["seed"]), None)
    order = found.ordered(cells[0].cell.suite_seed if seed is None else seed)[: part.n]
    if any(unit.unit_id not in one.values for unit in order for one in cells):
        return None
    # A unit with an unreadable reply under one condition is left out of both.
    lost = {unit_id for one in both for unit_id, value in one.values.items() if value is None}
    units = [unit for unit in order if unit.unit_id not in lost]
    if not units:
        return None
    scores = [[float(one.values[unit.unit_id] or 0.0) for unit in units] for one in cells]
    return metric_of(units, scores, found.benchmark.scale)
