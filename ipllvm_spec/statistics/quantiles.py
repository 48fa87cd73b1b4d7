"""Quantiles of the two reference distributions."""

from __future__ import annotations

import math
from statistics import NormalDist


def normal_quantile(probability: float) -> float:
    """Returns the standard normal quantile."""
    return NormalDist().inv_cdf(probability)


def t_quantile(probability: float, *, df: float) -> float:
    """Returns the quantile of Student's t; infinite without degrees of freedom.

    Args:
        probability: In (0.5, 1).
        df: Degrees of freedom, not necessarily an integer.
    """
    if df <= 0:
        return math.inf
    # Workers of a parallel run that never need a t quantile should not pay for scipy.
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))
