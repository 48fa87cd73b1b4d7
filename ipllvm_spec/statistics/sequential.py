"""Anytime-valid decisions about the mean of a finite list that is drawn in random order.

Clusters are drawn without replacement. A cluster's value is ``x = G * sum_i w_i d_i`` over its
units, so that the mean of all G values is the weighted mean difference of the benchmark. Before
each draw a fixed fraction of the wealth is bet against the null hypothesis; the wealth is a
non-negative martingale at the boundary, so it reaches ``1 / alpha`` with probability at most
``alpha`` however often one looks (Ville). The wealth is a mean over several fractions.

Source: I. Waudby-Smith and A. Ramdas, JRSS B 86 (2024) 1-27, betting without replacement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.statistics.intervals import Bounds

Floats = NDArray[np.float64]

#: Betting fractions, equally weighted: small ones win for values near the limit, large ones
#: stop early far from it.
THETA = np.array([0.05, 0.1, 0.2, 0.35, 0.6, 0.9])

_STEPS = 50
#: Below this distance from the end of the range nothing is bet: a division by it is noise.
_TINY = 1e-9


@dataclass(frozen=True)
class Draws:
    """Values of the clusters drawn so far, in the order in which they were drawn.

    Attributes:
        values: ``x`` of each drawn cluster, shape (t,), ``|values[i]| <= reach[i]``.
        reach: Largest possible ``|x|`` of every cluster in drawing order, shape (G,).
    """

    values: Floats
    reach: Floats

    @property
    def total(self) -> int:
        """Number of clusters in the whole list."""
        return len(self.reach)

    def mirrored(self) -> Draws:
        """Returns the same draws with their sign turned."""
        return Draws(-self.values, self.reach)

    def possible(self) -> Bounds:
        """Range in which the mean must lie whatever the clusters not yet drawn hold."""
        drawn, rest = float(self.values.sum()), float(self.reach[len(self.values) :].sum())
        return Bounds((drawn - rest) / self.total, (drawn + rest) / self.total)


def log_wealth(draws: Draws, limit: float) -> Floats:
    """Logarithm of the wealth won by betting that the mean is below ``limit``.

    Under the null hypothesis ``mean >= limit`` the wealth after each draw has an expectation of
    at most 1, exactly 1 when the mean equals the limit.

    Args:
        draws: What was drawn.
        limit: Boundary of the null hypothesis on the scale of the values.

    Returns:
        Shape (t,); ``inf`` from the draw on at which the null hypothesis became impossible and
        ``-inf`` from the draw on at which its opposite did.
    """
    x, count = draws.values, len(draws.values)
    left = np.maximum(draws.total - np.arange(count + 1), 1)
    before = np.concatenate([[0.0], np.cumsum(x)])
    # What is left to draw, from each draw on: known in advance, so a bet may depend on it.
    rest = np.append(draws.reach[::-1].cumsum()[::-1], 0.0)[: count + 1]
    largest = np.maximum.accumulate(draws.reach[::-1])[::-1][:count]
    expected, slack = (draws.total * limit - before) / left, rest / left
    mu = expected[:count]
    betting = (mu > -largest + _TINY) & (mu < largest - _TINY)
    room = np.where(betting, largest - mu, 1.0)
    gain = np.where(betting, (mu - x) / room, 0.0)
    logs = np.log1p(THETA[:, None] * gain).cumsum(axis=1)
    peak = logs.max(axis=0)
    wealth = peak + np.log(np.exp(logs - peak).mean(axis=0))
    impossible = np.maximum.accumulate(expected[1:] > slack[1:] + _TINY)
    certain = np.maximum.accumulate(expected[1:] < -slack[1:] - _TINY)
    return np.where(impossible, np.inf, np.where(certain, -np.inf, wealth))


def best_log_wealth(draws: Draws, limit: float) -> float:
    """Largest wealth reached so far against ``mean >= limit``, as a logarithm."""
    if len(draws.values) == 0:
        return 0.0
    return max(0.0, float(log_wealth(draws, limit).max()))


def draws_when_unchanged(reach: Floats, limit: float, *, alpha: float) -> int:
    """Clusters to draw until values that are all 0 show "at most ``limit``" for the whole list.

    Returns:
        A number up to G; G also where only the last draw can decide.
    """
    wealth = log_wealth(Draws(np.zeros(len(reach)), reach), limit)
    enough = np.flatnonzero(wealth >= math.log(1.0 / alpha))
    return int(enough[0]) + 1 if len(enough) else len(reach)


def anytime_upper(draws: Draws, *, alpha: float) -> float:
    """Smallest limit at which ``mean >= limit`` is rejected at ``alpha``, by bisection.

    Valid at every stopping time; inside the range that the drawn values leave possible the
    wealth increases with the limit, so the bisection stays there.
    """
    low, high = draws.possible()
    needed = math.log(1.0 / alpha)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if best_log_wealth(draws, middle) >= needed:
            high = middle
        else:
            low = middle
    return high


def anytime_bounds(draws: Draws, *, alpha: float) -> Bounds:
    """Both anytime-valid one-sided bounds of the mean; the whole range before any draw."""
    if len(draws.values) == 0:
        return draws.possible()
    return Bounds(-anytime_upper(draws.mirrored(), alpha=alpha), anytime_upper(draws, alpha=alpha))
