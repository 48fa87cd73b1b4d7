"""The judge of a difference of two drops: of two models on one benchmark, or of one on two.

A drop of one model minus that of another is paired unit by unit, which is far sharper than two
bounds side by side. Drops on two benchmarks share no unit, so they are independent strata.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.statistics.combine import sum_bounds
from ipllvm_spec.statistics.exact import exact_mean
from ipllvm_spec.statistics.intervals import Bounds
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.frame import ALPHA, LIKE_THESE, Frame
from ipllvm_spec.verdicts.judge import judge_limit, require_statistic
from ipllvm_spec.verdicts.measurement import Measurement
from ipllvm_spec.verdicts.mixture import Mixture, Term
from ipllvm_spec.verdicts.population import population_bounds
from ipllvm_spec.verdicts.streams import Layout, Paired, Stream
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

_NAME = "drop_difference"


class Drop(NamedTuple):
    """The two measurements that a drop is between."""

    intact: Measurement
    other: Measurement


def as_contrast(first: Drop, second: Drop) -> Comparison:
    """Returns two drops on the same units as one comparison: half of their difference.

    ``(a - b) - (c - d)`` is twice ``(a + d) / 2 - (b + c) / 2``, a difference of scores in [0, 1].
    """
    more = Mixture([Term(0.5, first.intact), Term(0.5, second.other)])
    less = Mixture([Term(0.5, first.other), Term(0.5, second.intact)])
    return Comparison(more, less)


def judge_paired(stream: Stream, limit: Limit, *, alpha: float = ALPHA, **options: Any) -> Verdict:
    """Decides a limit on the difference of two drops on the same units.

    Args:
        stream: ``as_contrast`` of the drops.
        limit: A limit of the statistic ``drop_difference``.
        alpha: Allowed probability of a wrong decision, per side.
        options: As those of ``judge_limit``.

    Raises:
        SpecError: When the limit bounds another statistic.
    """
    key = "at_most" if limit.at_most is not None else "at_least"
    halved = limit.model_copy(update={key: limit.value / 2})
    found = judge_limit(stream, halved, statistic=_NAME, alpha=alpha, **options)
    return replace(
        found,
        estimate=_twice(found.estimate),
        lower=_twice(found.lower),
        upper=_twice(found.upper),
        mde=_twice(found.mde),
        limit=limit.value,
        # What the two halves score is not anything that a reader could look up.
        details={key: value for key, value in found.details.items() if key == "repeats"},
    )


def judge_apart(first: Stream, second: Stream, limit: Limit, *, alpha: float = ALPHA) -> Verdict:
    """Decides a limit on the difference of drops on two benchmarks.

    With target ``benchmark`` and every unit of both measured the decision is exact.

    Args:
        first: Paired scores of the drop.
        second: Paired scores of the drop that is subtracted.
        limit: A limit of the statistic ``drop_difference``.
        alpha: Allowed probability of a wrong decision, per side.

    Raises:
        SpecError: When the limit bounds another statistic.
    """
    require_statistic(limit, _NAME)
    layouts = [Layout.of(stream) for stream in (first, second)]
    totals = [layout.n_total for layout in layouts]
    cut = any(s.available < n for s, n in zip((first, second), totals, strict=True))
    frame = Frame(limit, sum(totals), cut=cut, alpha=alpha)
    pairs = [
        Paired.first(stream, layout, stream.available, sign=sign * frame.sign)
        for stream, layout, sign in zip((first, second), layouts, (1, -1), strict=True)
    ]
    bounds = sum_bounds(
        [one.mean for one in pairs],
        [population_bounds(one, alpha=alpha) for one in pairs],
        factors=[1.0, 1.0],
    )
    drops = [
        exact_mean(one.scores.intact, one.shares) - exact_mean(one.scores.other, one.shares)
        for one in pairs
    ]
    value = drops[0] - drops[1]
    exact = not cut and limit.target == "benchmark"
    if exact:
        outcome = Outcome.PASS if frame.within(value) else Outcome.FAIL
        side = "within" if outcome is Outcome.PASS else "beyond"
        reason = f"all {frame.n_total} units were measured and the value is {side} the limit"
    else:
        outcome = frame.outcome(bounds)
        reason = {
            Outcome.PASS: "the bound on the side of the limit is within it",
            Outcome.FAIL: "both bounds are beyond the limit",
            Outcome.INCONCLUSIVE: "the bounds lie on both sides of the limit",
        }[outcome]
    return frame.verdict(
        outcome,
        estimate=frame.sign * float(value),
        bounds=_limited(bounds),
        about=LIKE_THESE,
        n=sum(one.n for one in pairs),
        clusters=sum(one.clusters for one in pairs),
        method="exact arithmetic" if exact else "bounds with the benchmarks as strata",
        reason=reason,
        exact=exact,
        details={"drops": [100.0 * float(drop) for drop in drops]},
    )


def _limited(bounds: Bounds) -> Bounds:
    """A difference of two differences of scores lies in [-2, 2]."""
    return Bounds(max(bounds.lower, -2.0), min(bounds.upper, 2.0))


def _twice(value: float | None) -> float | None:
    return None if value is None else 2.0 * value
