"""Bounds of the ratio of two means over the same units, such as the share of a score that is kept.

Source: E. C. Fieller, JRSS B 16 (1954) 175-185, with cluster-robust variances. A ratio ``r`` lies
within the bounds exactly when the mean of ``numerator - r * denominator`` is compatible with 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.statistics.intervals import Bounds
from ipllvm_spec.statistics.quantiles import t_quantile

Floats = NDArray[np.float64]


def ratio_bounds(
    numerator: Floats,
    denominator: Floats,
    *,
    weights: Floats,
    clusters: NDArray[np.intp],
    alpha: float,
) -> Bounds | None:
    """One-sided bounds of a ratio of weighted means.

    Args:
        numerator: Values, shape (n,).
        denominator: Values of the same units, shape (n,).
        weights: Positive weights, shape (n,); normalised here.
        clusters: Cluster index of each unit, shape (n,), values 0..G-1, each present.
        alpha: Allowed one-sided error.

    Returns:
        None where the data leave the ratio unbounded: one cluster, or a denominator that is not
        told from 0.
    """
    count = int(clusters.max()) + 1
    if count < 2:
        return None
    share = weights / weights.sum()
    above, below = float(share @ numerator), float(share @ denominator)
    residuals = np.stack(
        [
            np.bincount(clusters, weights=share * (numerator - above)),
            np.bincount(clusters, weights=share * (denominator - below)),
        ]
    )
    reach = t_quantile(1.0 - alpha, df=count - 1) ** 2 * count / (count - 1)
    (upper, mixed), (_, lower) = reach * (residuals @ residuals.T)
    # The bounds are the roots of a r^2 - 2 b r + c.
    a, b, c = below**2 - lower, above * below - mixed, above**2 - upper
    if not a > 0.0:
        return None
    root = math.sqrt(max(0.0, b * b - a * c))
    return Bounds((b - root) / a, (b + root) / a)
