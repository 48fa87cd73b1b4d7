"""Bounds for the mean of graded differences, such as those of a judge model's scores.

Tango's score bound supposes rows in {-1, 0, 1}. A judge gives tenths, and where its scores happen
to be all 0 or 1 that says nothing about the next ones. So these bounds use the t interval over
clusters where enough of them carry information, and else a bet that needs no assumption but the
range, which is wide for few clusters and never claims certainty from a sample without changes.

Source of the bet: I. Waudby-Smith and A. Ramdas, JRSS B 86 (2024) 1-27, with replacement.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.statistics.intervals import (
    MIN_CLUSTERS,
    MIN_INFORMATIVE,
    Bounds,
    clustered_mean,
)
from ipllvm_spec.statistics.quantiles import t_quantile
from ipllvm_spec.statistics.sequential import THETA

Floats = NDArray[np.float64]

_STEPS = 60
_TINY = 1e-12


class GradedBounds(NamedTuple):
    """Bounds with the name of the method that gave them."""

    bounds: Bounds
    method: str


def graded_bounds(
    x: Floats, *, weights: Floats, clusters: NDArray[np.intp], alpha: float
) -> GradedBounds:
    """One-sided bounds of the weighted mean of rows in [-1, 1].

    Args:
        x: Differences, shape (n,). Repeats of a unit are rows of its cluster.
        weights: Positive weights, shape (n,); normalised here.
        clusters: Cluster index of each row, shape (n,), values 0..G-1, each present.
        alpha: Allowed one-sided error.
    """
    student = clustered_mean(x, weights=weights, clusters=clusters)
    if student.clusters >= MIN_CLUSTERS and student.informative >= MIN_INFORMATIVE:
        reach = t_quantile(1.0 - alpha, df=student.clusters - 1) * student.error
        bounds = Bounds(max(-1.0, student.mean - reach), min(1.0, student.mean + reach))
        return GradedBounds(bounds, "clustered t bounds")
    share = weights / weights.sum()
    sums = np.bincount(clusters, weights=share * x).astype(np.float64)
    values = student.clusters * sums
    largest = student.clusters * float(np.bincount(clusters, weights=share).max())
    bounds = Bounds(
        -betting_upper(-values, largest=largest, alpha=alpha),
        betting_upper(values, largest=largest, alpha=alpha),
    )
    return GradedBounds(bounds, "betting bounds")


def betting_upper(values: Floats, *, largest: float, alpha: float) -> float:
    """Upper bound of the mean of independent values in [-largest, largest], at most 1.

    The smallest limit at which a fixed bet against "the mean is at least the limit" multiplies
    its stake by ``1 / alpha``; under that hypothesis this has at most the probability ``alpha``.

    Args:
        values: Shape (G,).
        largest: Largest possible absolute value.
        alpha: Allowed one-sided error.
    """
    # At the mean itself nothing is won, whatever the values: the logarithm is concave.
    low, high = float(values.mean()), largest
    needed = math.log(1.0 / alpha)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        room = max(largest - middle, _TINY)
        logs = np.log1p(np.outer(THETA, (middle - values) / room)).sum(axis=1)
        peak = float(logs.max())
        # The wealth grows with the limit, so bisection finds where it suffices.
        if peak + math.log(float(np.exp(logs - peak).mean())) >= needed:
            high = middle
        else:
            low = middle
    return max(-1.0, min(1.0, high))
