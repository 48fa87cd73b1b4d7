"""The judge of similarities: on which benchmark changed images stay closer to the intact ones.

The two benchmarks share no image, so they are independent strata.
"""

from __future__ import annotations

from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.statistics.combine import sum_bounds
from ipllvm_spec.statistics.graded import graded_bounds
from ipllvm_spec.statistics.intervals import Bounds
from ipllvm_spec.verdicts.cosines import Similarity
from ipllvm_spec.verdicts.frame import ALPHA, LIKE_THESE, Frame
from ipllvm_spec.verdicts.judge import require_statistic
from ipllvm_spec.verdicts.streams import ArrayStream, Layout, Scores
from ipllvm_spec.verdicts.verdict import Outcome, Verdict


def judge_similarities(
    first: Similarity, second: Similarity, limit: Limit, *, alpha: float = ALPHA
) -> Verdict:
    """Decides a limit on the difference of two mean cosines, in points of 100.

    With target ``benchmark`` and every unit of both measured the estimate decides; the cosines
    have six decimals, so a value at the limit is decided as it was rounded.

    Args:
        first: Cosines on the claim's benchmark.
        second: Cosines on the benchmark that it is compared with.
        limit: A limit of the statistic ``similarity_difference``.
        alpha: Allowed probability of a wrong decision, per side.

    Raises:
        SpecError: When the limit bounds another statistic.
    """
    require_statistic(limit, "similarity_difference")
    pair = (first, second)
    total = sum(len(one.sheet.units) for one in pair)
    cut = any(one.available < len(one.sheet.units) for one in pair)
    frame = Frame(limit, total, cut=cut, alpha=alpha)
    signs = (frame.sign, -frame.sign)
    value = sum(sign * one.mean for sign, one in zip(signs, pair, strict=True))
    bounds = sum_bounds(
        [sign * one.mean for sign, one in zip(signs, pair, strict=True)],
        [_bounds(one, sign=sign, alpha=alpha) for sign, one in zip(signs, pair, strict=True)],
        factors=[1.0, 1.0],
    )
    exact = not cut and limit.target == "benchmark"
    if exact:
        outcome = Outcome.PASS if value <= frame.bound else Outcome.FAIL
        side = "within" if outcome is Outcome.PASS else "beyond"
        reason = f"all {total} units were measured and the value is {side} the limit"
    else:
        outcome = frame.outcome(bounds)
        reason = {
            Outcome.PASS: "the bound on the side of the limit is within it",
            Outcome.FAIL: "both bounds are beyond the limit",
            Outcome.INCONCLUSIVE: "the bounds lie on both sides of the limit",
        }[outcome]
    return frame.verdict(
        outcome,
        estimate=value,
        bounds=bounds,
        about=LIKE_THESE,
        n=sum(one.available for one in pair),
        clusters=sum(len(set(one.sheet.clusters[: one.available])) for one in pair),
        method="mean cosines, all units" if exact else "bounds with the benchmarks as strata",
        reason=reason,
        exact=exact,
        details={"similarities": [100.0 * one.mean for one in pair]},
    )


def _bounds(one: Similarity, *, sign: int, alpha: float) -> Bounds:
    n = one.available
    # A stream of these units alone: its layout is checked as that of any judge.
    values = one.values[None, :]
    stream = ArrayStream(
        Scores(values, values), one.sheet.weights[:n], one.sheet.clusters[:n], available=n
    )
    layout = Layout.of(stream)
    return graded_bounds(
        sign * one.values, weights=layout.shares, clusters=layout.index, alpha=alpha
    ).bounds
