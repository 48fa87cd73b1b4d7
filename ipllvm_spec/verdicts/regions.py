"""Centre and edge of a map of groups, as two sides of a contrast."""

from __future__ import annotations

from collections.abc import Callable

from ipllvm_spec.errors import SpecError
from ipllvm_spec.measures.pil import Bools, Regions, regions
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Intervention, KeepGroup
from ipllvm_spec.verdicts.measurement import Measurement
from ipllvm_spec.verdicts.mixture import Mixture, mean_of

Measure = Callable[[Case, Intervention], Measurement]


def in_centre(measure: Measure, case: Case) -> Mixture:
    """The mean over the groups in the inner half of both sides.

    Args:
        measure: Measures the case under an intervention.
        case: A case whose sweep keeps each group of one grid.

    Raises:
        SpecError: When the sweep is not such a map, or a map without a centre.
    """
    return _mean(measure, case, lambda found: found.centre)


def at_edge(measure: Measure, case: Case) -> Mixture:
    """The mean over the groups on the outermost ring; see ``in_centre``."""
    return _mean(measure, case, lambda found: found.edge)


def _mean(measure: Measure, case: Case, part: Callable[[Regions], Bools]) -> Mixture:
    groups = [one for one in case.sweep if isinstance(one, KeepGroup)]
    sizes = {one.m for one in groups}
    if len(groups) < len(case.sweep) or len(sizes) != 1:
        raise SpecError(
            f"{case.claim.id}: centre and edge are those of one map of groups",
            'write for example sweep = { keep_group = { m = 6, group = "each" } }',
        )
    try:
        where = part(regions(sizes.pop()))
    except ValueError as error:
        raise SpecError(f"{case.claim.id}: {error}") from None
    return mean_of([measure(case, one) for one in groups if where[one.group]])
