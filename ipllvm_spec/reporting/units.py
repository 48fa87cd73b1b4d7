"""The scored units of a decision, for tables that show single answers."""

from __future__ import annotations

from collections.abc import Iterator

from ipllvm_spec.reporting.allure import UnitRow
from ipllvm_spec.verdicts.decide import Decision


def unit_rows(decision: Decision) -> Iterator[UnitRow]:
    """Yields one row per unit that was measured under both conditions, in measuring order."""
    single = len(decision.comparisons) == 1
    for pair in decision.comparisons:
        name = pair.intact.sheet.benchmark.name
        count = min(pair.intact.measured, pair.other.measured)
        if not count:
            continue
        intact, other = pair.take(count)
        kept = pair.kept()
        for position, unit in enumerate(pair.intact.sheet.units[:count]):
            yield UnitRow(
                unit_id=unit.unit_id if single else f"{name}: {unit.unit_id}",
                intact=float(intact[:, position].mean()) if kept[position] else None,
                other=float(other[:, position].mean()) if kept[position] else None,
                intact_answers=pair.intact.texts(position),
                other_answers=pair.other.texts(position),
            )
