"""One-sided bounds for a mean paired difference: Tango's score bounds and cluster t bounds.

Differences ``x`` lie in [-1, 1]; a positive one is a loss. Every bound is one-sided at ``1 -
alpha``, so a shown pair is a two-sided interval at ``1 - 2 alpha``.

Source: T. Tango, Statistics in Medicine 17 (1998) 891-908, with the Rao-Scott design effect for
clustered rows. Measured error rates: ``bench/error_rates.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ipllvm_spec.statistics.quantiles import normal_quantile, t_quantile

Floats = NDArray[np.float64]

#: Bisection halves an interval of at most 2, so 60 steps reach the resolution of a float.
_STEPS = 60

#: Chosen on the grid of bench/error_rates.py: 1 leaves 7 % errors, 4 costs power for nothing.
_PSEUDO_CLUSTERS = 2

#: Below these the size of a change and the error of a mean are not estimated from the data.
MIN_CLUSTERS = 30
MIN_INFORMATIVE = 10


class Bounds(NamedTuple):
    """One-sided bounds of a mean difference in [-1, 1]."""

    lower: float
    upper: float

    def mirrored(self) -> Bounds:
        """Returns the bounds of the difference with its sign turned."""
        return Bounds(-self.upper, -self.lower)


def tango_z(difference: ArrayLike, *, worse: ArrayLike, better: ArrayLike, n: ArrayLike) -> Floats:
    """Score statistic of the hypothesis that the mean paired difference is ``difference``.

    Args:
        difference: Hypothetical mean in [-1, 1].
        worse: Number of differences equal to +1 (a design effect makes it fractional).
        better: Number of differences equal to -1.
        n: Number of differences.

    Returns:
        The statistic, decreasing in ``difference``; infinite where the variance vanishes.
    """
    d, a, b, total = (np.asarray(v, dtype=np.float64) for v in (difference, worse, better, n))
    # Restricted maximum likelihood of P(x = -1): the root of a quadratic in that probability.
    quadratic = 2.0 * total
    linear = -(a + b) + (2.0 * total - a + b) * d
    constant = -b * d * (1.0 - d)
    root = np.sqrt(np.maximum(linear * linear - 4.0 * quadratic * constant, 0.0))
    p = np.clip((root - linear) / (2.0 * quadratic), np.maximum(0.0, -d), (1.0 - d) / 2.0)
    spread = np.sqrt(np.maximum(total * (2.0 * p + d * (1.0 - d)), 0.0))
    distance = a - b - total * d
    # Without variance any distance is infinitely surprising, and no distance is none at all.
    degenerate = np.where(distance > 0.0, np.inf, np.where(distance < 0.0, -np.inf, 0.0))
    return np.where(spread > 0.0, distance / np.where(spread > 0.0, spread, 1.0), degenerate)


def tango_upper(worse: ArrayLike, better: ArrayLike, n: ArrayLike, *, z: ArrayLike) -> Floats:
    """Upper score bound of the mean difference, by bisection; broadcasts over arrays.

    Args:
        worse: Number of differences equal to +1.
        better: Number of differences equal to -1.
        n: Number of differences, at least 1.
        z: Critical value, for example 1.645.

    Returns:
        Bounds in [-1, 1], never below the estimate.
    """
    arrays = [np.asarray(value, dtype=np.float64) for value in (worse, better, n, z)]
    a, b, total, critical = np.broadcast_arrays(*arrays)
    low: Floats = np.asarray((a - b) / total)
    high = np.ones_like(low)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        inside = tango_z(middle, worse=a, better=b, n=total) > -critical
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.asarray(high, dtype=np.float64)


class Clustered(NamedTuple):
    """A weighted mean with its cluster-robust standard error.

    Attributes:
        mean: Weighted mean of the differences.
        error: Standard error (CR1); 0.0 for a single cluster.
        clusters: Number of clusters.
        informative: Clusters with at least one difference other than 0.
    """

    mean: float
    error: float
    clusters: int
    informative: int


def clustered_mean(x: Floats, *, weights: Floats, clusters: NDArray[np.intp]) -> Clustered:
    """Weighted mean of differences and its standard error over independent clusters.

    Args:
        x: Differences, shape (n,).
        weights: Positive weights, shape (n,); normalised here.
        clusters: Cluster index of each row, shape (n,), values 0..G-1, each present.
    """
    share = weights / weights.sum()
    mean = float(share @ x)
    count = int(clusters.max()) + 1
    residual = np.bincount(clusters, weights=share * (x - mean), minlength=count)
    touched = np.bincount(clusters, weights=(x != 0.0).astype(np.float64), minlength=count)
    error = float(np.sqrt(count / (count - 1) * (residual @ residual))) if count > 1 else 0.0
    return Clustered(mean, error, count, int(np.count_nonzero(touched)))


class Summary(NamedTuple):
    """What the bounds of a weighted mean of rows in [-1, 1] depend on.

    Attributes:
        worse: Effective number of losses: counted, weighted, divided by the design effect.
        better: Effective number of gains.
        n: Effective number of rows.
        size: Typical size of a change; 1 for rows in {-1, 0, 1}.
        critical: Critical value of the score: normal for independent rows, else Student's t.
        effect: Design effect by which the counts were divided.
        student: Mean, standard error and number of clusters of the same rows.
        reach: Half-width of the t interval.
    """

    worse: float
    better: float
    n: float
    size: float
    critical: float
    effect: float
    student: Clustered
    reach: float


def design_effect(x: Floats, *, weights: Floats, clusters: NDArray[np.intp]) -> float:
    """Variance of the mean of clustered rows over that of as many independent rows.

    The estimate is drawn toward its largest possible value as if two more clusters had been seen
    whose rows are all alike: with few informative clusters the plain estimate is too small too
    often (false PASS up to 14 % with 60 unequal clusters and rare discordance, instead of 5 %).

    Returns:
        A value of at least 1; the largest possible one when no row is informative.
    """
    share = weights / weights.sum()
    summary = clustered_mean(x, weights=weights, clusters=clusters)
    masses = np.bincount(clusters, weights=share)
    largest = max(1.0, float(masses @ masses) / float(share @ share))
    independent = float(share**2 @ (x - summary.mean) ** 2)
    if independent == 0.0:
        return largest
    estimate = float(np.clip(summary.error**2 / independent, 1.0, largest))
    seen = summary.informative
    return (seen * estimate + _PSEUDO_CLUSTERS * largest) / (seen + _PSEUDO_CLUSTERS)


def summarise(x: Floats, *, weights: Floats, clusters: NDArray[np.intp], alpha: float) -> Summary:
    """Reduces rows to what their bounds depend on.

    Tango's score bound is for rows in {-1, 0, 1} of equal weight. Other rows are scaled by the
    size of a typical change, which gives a row of that kind with the same mean and variance;
    unequal weights give Kish's effective number of rows.

    Args:
        x: Differences in [-1, 1], shape (n,). Repeats of a unit are rows of its cluster.
        weights: Positive weights, shape (n,); normalised here.
        clusters: Cluster index of each row, shape (n,), values 0..G-1, each present.
        alpha: Allowed one-sided error.
    """
    share = weights / weights.sum()
    student = clustered_mean(x, weights=weights, clusters=clusters)
    if student.clusters == len(x):
        effect, critical = 1.0, normal_quantile(1.0 - alpha)
    else:
        effect = design_effect(x, weights=weights, clusters=clusters)
        critical = t_quantile(1.0 - alpha, df=student.clusters - 1)
    size = _typical_size(x, share, student)
    n = 1.0 / float(share @ share) / effect
    worse = n * float(share @ np.maximum(x, 0.0)) / size
    better = n * float(share @ np.maximum(-x, 0.0)) / size
    # One cluster has no error to estimate: the whole range stays possible.
    reach = 2.0
    if student.clusters > 1:
        reach = t_quantile(1.0 - alpha, df=student.clusters - 1) * student.error
    return Summary(worse, better, n, size, critical, effect, student, reach)


def summarise_counts(worse: int, better: int, *, n: int, alpha: float) -> Summary:
    """Summary of ``n`` independent rows of equal weight, of which so many are +1 and -1."""
    mean = (worse - better) / n
    variance = max(0.0, (worse + better) / n - mean * mean)
    error = math.sqrt(variance / (n - 1)) if n > 1 else 0.0
    student = Clustered(mean, error, n, worse + better)
    critical = normal_quantile(1.0 - alpha)
    reach = t_quantile(1.0 - alpha, df=n - 1) * error if n > 1 else 2.0
    return Summary(worse, better, n, 1.0, critical, 1.0, student, reach)


def _typical_size(x: Floats, share: Floats, student: Clustered) -> float:
    # Too few changes say nothing about their size: then each counts as a whole unit, which
    # overstates the variance and so errs on the side of wide bounds.
    if student.clusters < MIN_CLUSTERS or student.informative < MIN_INFORMATIVE:
        return 1.0
    typical = float(share**2 @ x**2) / float(share**2 @ np.abs(x))
    seen = student.informative
    drawn = (seen * typical + _PSEUDO_CLUSTERS) / (seen + _PSEUDO_CLUSTERS)
    # Never so small that the changes would outnumber the rows.
    return min(1.0, max(drawn, float(share @ np.abs(x))))


def score_bounds(summaries: Sequence[Summary]) -> tuple[Bounds, ...]:
    """Bounds for each summary: the wider of the score and the t bound on each side.

    Tango's bound alone misses up to 9 % below a small positive mean, the t bound alone up to
    60 % above it; together they miss at most about 6 %.
    """
    worse, better, n, size, z = np.array([summary[:5] for summary in summaries]).T
    known = np.isfinite(z)
    critical = np.where(known, z, 0.0)
    upper = np.where(known, size * tango_upper(worse, better, n, z=critical), 1.0)
    lower = np.where(known, -size * tango_upper(better, worse, n, z=critical), -1.0)
    return tuple(
        Bounds(
            max(-1.0, min(float(low), one.student.mean - one.reach)),
            min(1.0, max(float(high), one.student.mean + one.reach)),
        )
        for low, high, one in zip(lower, upper, summaries, strict=True)
    )
