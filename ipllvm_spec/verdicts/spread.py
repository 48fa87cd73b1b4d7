"""The judge of a spread: how far apart the best and the worst condition of a sweep are.

The largest of many means lies above its true value and the smallest below, so even conditions
that mean nothing are some points apart. What such conditions give is subtracted before the
limit is held against the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.errors import UsageError
from ipllvm_spec.measures.pil import Indices, spread, sums_by_cluster
from ipllvm_spec.spec.schema import Claim, Limit
from ipllvm_spec.spec.seeds import derive_seed
from ipllvm_spec.statistics.intervals import Bounds
from ipllvm_spec.statistics.quantiles import normal_quantile
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.frame import ALPHA, LIKE_THESE, Frame
from ipllvm_spec.verdicts.judge import require_statistic
from ipllvm_spec.verdicts.measurement import Measurement
from ipllvm_spec.verdicts.streams import Floats, Layout
from ipllvm_spec.verdicts.verdict import Outcome, Verdict


class Extremes(NamedTuple):
    """The verdict about a spread, and the conditions with the highest and the lowest score."""

    verdict: Verdict
    pair: Comparison


def judge_spread(
    scores: Sequence[Floats],
    layout: Layout,
    limit: Limit,
    *,
    seed: int,
    alpha: float = ALPHA,
) -> Verdict:
    """Decides a limit on the spread of the conditions' mean scores.

    Below, the bound is the observed spread less the ``1 - alpha`` quantile of that of conditions
    that mean nothing (``measures.pil.spread``). Above, it is the observed spread plus the error
    of the difference of two conditions, the largest of all pairs: the conditions that are truly
    furthest apart are among them, and were not seen further apart than the furthest seen.

    Args:
        scores: Unit scores in [0, 1] under each condition, each of shape (n,).
        layout: Weights and clusters of the benchmark's units, the first n of which were measured.
        limit: A limit ``at_least`` of the statistic ``spread``.
        seed: Of the permutations.
        alpha: Allowed probability of a wrong decision, per side.

    Raises:
        SpecError: When the limit bounds another statistic.
        UsageError: When there is only one condition.
    """
    require_statistic(limit, "spread")
    if len(scores) < 2:
        raise UsageError("a spread needs two conditions", "name more values in the sweep")
    table = np.stack(scores)
    n = table.shape[1]
    shares, index = layout.shares[:n], layout.index[:n]
    found = spread(table, weights=shares, seed=seed, quantile=1 - alpha, clusters=index)
    error = normal_quantile(1 - alpha) * _largest_error(table, shares / shares.sum(), index)
    frame = Frame(limit, layout.n_total, cut=n < layout.n_total, alpha=alpha)
    bounds = Bounds(found.value - found.null, found.value + error)
    outcome = frame.outcome(bounds if frame.sign > 0 else bounds.mirrored())
    means = table @ (shares / shares.sum())
    reason = {
        Outcome.PASS: "beyond what conditions that mean nothing give, by the limit and more",
        Outcome.FAIL: "the conditions are closer together than the limit asks",
        Outcome.INCONCLUSIVE: "the bounds lie on both sides of the limit",
    }[outcome]
    return frame.verdict(
        outcome,
        estimate=frame.sign * found.value,
        bounds=bounds if frame.sign > 0 else bounds.mirrored(),
        about=LIKE_THESE,
        n=n,
        clusters=int(index[-1]) + 1,
        method="permutations of the conditions within units",
        reason=f"{reason} (p = {found.p_value:.3g})",
        n_needed=_enough(found.value, found.null, error, limit.value / 100, n)
        if outcome is Outcome.INCONCLUSIVE
        else None,
        details={
            "means": [100.0 * float(mean) for mean in means],
            "null": 100.0 * found.null,
            "p_value": found.p_value,
        },
    )


def judge_extremes(measurements: Sequence[Measurement], claim: Claim) -> Extremes:
    """Measures every condition whole and decides how far apart they are.

    Args:
        measurements: One for each condition; at least two.
        claim: The claim, whose limit decides and whose id seeds the permutations.

    Raises:
        SpecError: When the limit bounds another statistic.
        UsageError: When there is only one condition.
    """
    available = measurements[0].available
    table = np.stack([one.take(available).mean(axis=0) for one in measurements])
    sheet = measurements[0].sheet
    layout = Layout.of(Comparison(measurements[0], measurements[-1]))
    verdict = judge_spread(
        list(table), layout, claim.limit, seed=derive_seed(SUITE_SEED, claim.id, "spread")
    )
    means = table @ sheet.weights[:available]
    pair = Comparison(measurements[int(means.argmax())], measurements[int(means.argmin())])
    return Extremes(verdict, pair)


def _largest_error(table: Floats, share: Floats, index: Indices) -> float:
    """Largest standard error of the difference of two conditions' means."""
    deviations = (table - (table @ share)[:, None]) * share
    sums = sums_by_cluster(deviations, index)
    covariance = sums @ sums.T
    own = np.diag(covariance)
    variances = own[:, None] + own[None, :] - 2 * covariance
    return math.sqrt(max(float(variances.max()), 0.0))


def _enough(value: float, null: float, error: float, limit: float, n: int) -> int | None:
    """Units with which both what chance gives and the error would be small enough."""
    room = abs(value - limit)
    needed = null if value > limit else error
    return None if room == 0 else max(n + 1, math.ceil(n * (needed / room) ** 2))
