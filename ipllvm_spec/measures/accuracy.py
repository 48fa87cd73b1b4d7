"""Published metrics and paired drops from unit scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def published_metric(scores: Floats, *, weights: Floats, scale: float) -> float:
    """Weighted mean of unit scores on the benchmark's scale; higher is better.

    Args:
        scores: Unit scores in [0, 1], shape (n,) or (repeats, n); repeats are averaged.
        weights: Weights, shape (n,); normalised, so that a part of the units gives a metric too.
        scale: Largest value of the metric: 100, or 2800 for MME.

    Returns:
        A value in [0, scale].

    Raises:
        ValueError: For shapes that do not fit or weights that sum to nothing.
    """
    if scores.shape[-1:] != weights.shape or not weights.sum() > 0.0:
        raise ValueError(f"scores {scores.shape} do not fit weights {weights.shape}")
    unit_scores = scores if scores.ndim == 1 else scores.mean(axis=0)
    return float(scale * (unit_scores @ weights) / weights.sum())


def drop_in_points(intact: Floats, other: Floats, *, weights: Floats) -> float:
    """Loss from ``intact`` to ``other`` in points of 100; positive means worse.

    Args:
        intact: Unit scores in [0, 1], shape (n,) or (repeats, n).
        other: Unit scores of the same units, shape (n,) or (repeats, n).
        weights: Weights, shape (n,).

    Returns:
        A value in [-100, 100], whatever the scale of the published metric.
    """
    before = published_metric(intact, weights=weights, scale=100.0)
    return before - published_metric(other, weights=weights, scale=100.0)
