"""Bounds of a combination of independent estimates, each of which has bounds of its own."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from ipllvm_spec.statistics.intervals import Bounds


def sum_bounds(
    estimates: Sequence[float], bounds: Sequence[Bounds], *, factors: Sequence[float]
) -> Bounds:
    """Bounds of ``sum_i factor_i * value_i`` for independent values.

    Each value's distance to its bound takes the place of a multiple of its standard error, so
    skewed bounds and values without any observed change keep their honest width (a standard
    error of 0 would claim certainty).

    Args:
        estimates: Estimated values.
        bounds: One-sided bounds of each at the wanted level.
        factors: Positive factors.

    Source: G. Zou and A. Donner, Statistics in Medicine 27 (2008) 1693-1702 (MOVER).
    """
    parts = list(zip(estimates, bounds, factors, strict=True))
    centre = sum(factor * value for value, _, factor in parts)
    below = math.sqrt(sum((factor * (value - bound.lower)) ** 2 for value, bound, factor in parts))
    above = math.sqrt(sum((factor * (bound.upper - value)) ** 2 for value, bound, factor in parts))
    return Bounds(centre - below, centre + above)


def median_bounds(bounds: Sequence[Bounds]) -> Bounds:
    """Bounds of the median, from bounds that hold for all values at once.

    Args:
        bounds: One-sided bounds of each value at ``alpha`` divided by their number.
    """
    return Bounds(
        statistics.median(bound.lower for bound in bounds),
        statistics.median(bound.upper for bound in bounds),
    )
