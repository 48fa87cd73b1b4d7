"""Scores of single conditions as values: the mean over units, its bounds, what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.statistics.graded import graded_bounds
from ipllvm_spec.statistics.intervals import Bounds, score_bounds, summarise
from ipllvm_spec.statistics.ratios import ratio_bounds

#: One-sided error on each side: a pair of bounds holds at 95 %.
_ALPHA = 0.025


class Units(NamedTuple):
    """Unit scores, mean over repeats, and the units' weights and cluster indices, each (n,)."""

    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    clusters: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Point:
    """The score under one condition, mean over repeats, in percent of the benchmark's scale.

    Attributes:
        estimate: In [0, 100].
        lower: Lower bound of the mean over units like these, 95 % together with ``upper``.
        upper: Upper bound.
        n: Units.
        n_total: Units of the benchmark.
        repeats: Repeats that were averaged.
        chance: Score of guessing.
        scored_by: ``rule``, ``proxy``, or the judge.
        units: The unit scores behind it; points of one line have the same units.
    """

    estimate: float
    lower: float
    upper: float
    n: int
    n_total: int
    repeats: int
    chance: float
    scored_by: str
    units: Units = field(repr=False, compare=False)

    def kept(self, whole: Point) -> Bounds | None:
        """Returns bounds (95 %) of the share of another point of the line that is kept.

        The wider ones, on each side, of Fieller's and of this point's own over a known whole:
        answers that never change would leave Fieller's without any width.

        Returns:
            None where the whole is not told from 0.
        """
        found = ratio_bounds(
            self.units.scores,
            whole.units.scores,
            weights=self.units.weights,
            clusters=self.units.clusters,
            alpha=_ALPHA,
        )
        if found is None:
            return None
        return Bounds(
            min(found.lower, self.lower / whole.estimate),
            max(found.upper, self.upper / whole.estimate),
        )


def mean_bounds(
    rows: NDArray[np.float64],
    *,
    weights: NDArray[np.float64],
    clusters: NDArray[np.intp],
    graded: bool,
) -> tuple[float, float, float]:
    """Returns the weighted mean of unit scores and its bounds at 95 %, cut to [0, 1].

    The bounds are those of a population claim: a score is a difference from nothing, and repeats
    of a unit are rows of its cluster.

    Args:
        rows: Unit scores in [0, 1], shape (repeats, n).
        weights: Weights of the units, shape (n,).
        clusters: Cluster index of each unit, shape (n,), values 0..G-1, each present.
        graded: Whether a judge, or what stands in for one, scored.
    """
    repeats = len(rows)
    flat, wide, places = rows.ravel(), np.tile(weights, repeats), np.tile(clusters, repeats)
    if graded:
        bounds = graded_bounds(flat, weights=wide, clusters=places, alpha=_ALPHA).bounds
    else:
        (bounds,) = score_bounds([summarise(flat, weights=wide, clusters=places, alpha=_ALPHA)])
    mean = float(rows.mean(axis=0) @ weights / weights.sum())
    return mean, max(0.0, bounds.lower), min(1.0, bounds.upper)
