"""Exact arithmetic for decisions at the limit, where 0.02 * N in floats is a trap."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

#: Scores and weights are ratios of small counts: k/n of questions, 1/(14 * images of a subtask).
#: Two different fractions with denominators up to this one differ by at least 1e-12.
MAX_DENOMINATOR = 10**6

_ROUNDING = 2e-15


def as_fraction(value: float) -> Fraction:
    """Returns the ratio of small integers that a float in [-1, 1] was computed from.

    A float that is not within rounding distance of such a ratio is taken at its exact value, so
    nothing is ever rounded to a neighbour that it was not.

    Args:
        value: For example ``1 / 3`` or ``0.1 + 0.2``.
    """
    near = Fraction(value).limit_denominator(MAX_DENOMINATOR)
    return near if abs(float(near) - value) <= _ROUNDING else Fraction(value)


def decimal(value: float) -> Fraction:
    """Returns a limit as it was written: ``2.3`` is 23/10, not the float next to it."""
    return Fraction(repr(float(value)))


def exact_fractions(values: NDArray[np.float64]) -> list[Fraction]:
    """Converts an array; benchmarks hold few distinct scores, each is converted once."""
    distinct, index = np.unique(values, return_inverse=True)
    fractions = [as_fraction(float(value)) for value in distinct]
    return [fractions[i] for i in index.ravel()]


def exact_mean(scores: NDArray[np.float64], weights: NDArray[np.float64]) -> Fraction:
    """Exact weighted mean over units of the mean over repeats.

    Args:
        scores: Unit scores, shape (repeats, n).
        weights: Positive weights, shape (n,); normalised exactly.
    """
    shares = exact_fractions(weights)
    repeats = scores.shape[0]
    columns = zip(*(exact_fractions(row) for row in scores), strict=True)
    weighted = (
        share * sum(column, Fraction()) for share, column in zip(shares, columns, strict=True)
    )
    total: Fraction = _sum(weighted) / (repeats * _sum(shares))
    return total


def _sum(values: Iterable[Fraction]) -> Fraction:
    # One common denominator at the end instead of one gcd per term: many terms share theirs.
    by_denominator: dict[int, int] = {}
    for value in values:
        bottom = value.denominator
        by_denominator[bottom] = by_denominator.get(bottom, 0) + value.numerator
    parts = (Fraction(top, bottom) for bottom, top in by_denominator.items())
    return sum(parts, start=Fraction())
