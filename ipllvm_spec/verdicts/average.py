"""The judge of an aggregate over benchmarks: all are computed, the declared one decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ipllvm_spec.errors import UsageError, unknown_name
from ipllvm_spec.measures.aggregates import AGGREGATES, Pair, aggregate_all
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.statistics.combine import median_bounds, sum_bounds
from ipllvm_spec.statistics.exact import decimal, exact_mean
from ipllvm_spec.statistics.intervals import Bounds, score_bounds
from ipllvm_spec.statistics.power import LARGEST
from ipllvm_spec.verdicts.frame import ALPHA, LIKE_THESE, Frame
from ipllvm_spec.verdicts.judge import require_statistic
from ipllvm_spec.verdicts.population import population_bounds, unchanged_summary
from ipllvm_spec.verdicts.streams import Layout, Paired, Stream
from ipllvm_spec.verdicts.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Part:
    """One benchmark of an aggregate.

    Attributes:
        benchmark: Its name.
        scale: Largest value of its published metric: 100, or 2800 for MME.
        stream: Its paired scores.
    """

    benchmark: str
    scale: float
    stream: Stream


@dataclass(frozen=True)
class _Measured:
    part: Part
    paired: Paired
    n_total: int
    pair: Pair


def judge_average(
    parts: Sequence[Part],
    limit: Limit,
    *,
    aggregate: str,
    measure_below_floor: bool = False,
    alpha: float = ALPHA,
) -> Verdict:
    """Decides a limit on an aggregate of the drops on several benchmarks.

    With target ``benchmark`` and every unit measured the decision is exact. Otherwise it is by
    bounds, with the benchmarks as independent strata.

    Args:
        parts: The benchmarks.
        limit: A limit of the statistic ``average_drop``.
        aggregate: Name of the deciding aggregate.
        measure_below_floor: Measure even where too few units cannot give a PASS.
        alpha: Allowed probability of a wrong decision, per side.

    Returns:
        A verdict whose details hold ``aggregate``, all ``aggregates`` and each of the
        ``benchmarks`` with its metric before and after, drop and units.

    Raises:
        UnknownNameError: For an aggregate that does not exist.
        UsageError: When no benchmark was given, or one of them twice.
        SpecError: When the limit bounds another statistic.
    """
    require_statistic(limit, "average_drop")
    if aggregate not in AGGREGATES:
        raise unknown_name("aggregate", aggregate, AGGREGATES)
    names = [part.benchmark for part in parts]
    if not names or len(set(names)) != len(names):
        raise UsageError(
            f"an average needs each benchmark once, got {names}", "name each of them once"
        )
    layouts = [Layout.of(part.stream) for part in parts]
    totals = [layout.n_total for layout in layouts]
    cut = any(part.stream.available < n for part, n in zip(parts, totals, strict=True))
    frame = Frame(limit, sum(totals), cut=cut, alpha=alpha)
    exact = not cut and limit.target == "benchmark"
    if not exact and not (cut and measure_below_floor):
        small = _below_floor(parts, layouts, frame, aggregate)
        if small is not None:
            return small
    measured = [_measure(part, layout) for part, layout in zip(parts, layouts, strict=True)]
    return _decide(measured, frame, aggregate, exact=exact)


def _measure(part: Part, layout: Layout) -> _Measured:
    paired = Paired.first(part.stream, layout, part.stream.available, sign=1)
    scale = decimal(part.scale)
    intact = scale * exact_mean(paired.scores.intact, paired.shares)
    other = scale * exact_mean(paired.scores.other, paired.shares)
    return _Measured(part, paired, layout.n_total, Pair(intact, other, scale))


def _decide(measured: Sequence[_Measured], frame: Frame, aggregate: str, *, exact: bool) -> Verdict:
    values = aggregate_all([one.pair for one in measured])
    value = values[aggregate]
    bounds = None
    if value is not None:
        pairs = [one.pair for one in measured]
        bounds = _bounds([one.paired for one in measured], pairs, aggregate, alpha=frame.alpha)
        bounds = bounds if frame.sign > 0 else bounds.mirrored()
    if value is None or bounds is None:
        outcome = Outcome.INCONCLUSIVE
        reason = f"the aggregate '{aggregate}' is undefined for these benchmarks"
    elif exact:
        # The aggregate is in points already, the frame compares mean differences.
        outcome = Outcome.PASS if frame.within(value / 100) else Outcome.FAIL
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
        estimate=None if value is None else frame.sign * float(value) / 100.0,
        bounds=bounds,
        about=LIKE_THESE,
        n=sum(one.paired.n for one in measured),
        clusters=sum(one.paired.clusters for one in measured),
        method="exact arithmetic" if exact else "bounds with the benchmarks as strata",
        reason=reason,
        exact=exact and value is not None,
        details=_details(measured, values, aggregate),
    )


def _factors(pairs: Sequence[Pair], aggregate: str) -> list[float]:
    """What a mean difference in [-1, 1] of each benchmark adds to the aggregate, in points."""
    if aggregate == "raw":
        return [float(pair.scale) / len(pairs) for pair in pairs]
    if aggregate == "without_mme":
        count = sum(pair.scale == 100 for pair in pairs)
        return [100.0 / count if pair.scale == 100 else 0.0 for pair in pairs]
    if aggregate == "relative":
        # The intact metric is taken as known: units that lose were right before, so its error
        # goes with that of a loss and leaving it out errs on the side of wide bounds.
        return [float(100 * pair.scale / pair.intact) / len(pairs) for pair in pairs]
    return [100.0 / len(pairs)] * len(pairs)


def _bounds(
    paired: Sequence[Paired], pairs: Sequence[Pair], aggregate: str, *, alpha: float
) -> Bounds:
    share = alpha / len(paired) if aggregate == "median" else alpha
    bounds = [population_bounds(one, alpha=share) for one in paired]
    means = [one.mean for one in paired]
    return _combine(bounds, means, _factors(pairs, aggregate), aggregate)


def _combine(
    bounds: Sequence[Bounds],
    means: Sequence[float],
    factors: Sequence[float],
    aggregate: str,
) -> Bounds:
    if aggregate == "median":
        return median_bounds(bounds)
    points = sum_bounds(means, bounds, factors=factors)
    return Bounds(points.lower / 100.0, points.upper / 100.0)


def _below_floor(
    parts: Sequence[Part], layouts: Sequence[Layout], frame: Frame, aggregate: str
) -> Verdict | None:
    if frame.sign < 0 or frame.bound < 0.0 or any(part.stream.graded for part in parts):
        return None
    # "relative" needs the intact scores; 1 in their place gives the smallest possible factor.
    pairs = [Pair(decimal(part.scale), Fraction(), decimal(part.scale)) for part in parts]
    if aggregate == "without_mme" and all(pair.scale != 100 for pair in pairs):
        return None
    available = [part.stream.available for part in parts]
    alpha = frame.alpha / len(parts) if aggregate == "median" else frame.alpha
    summaries = [
        unchanged_summary(layout, stop, alpha=alpha)
        for layout, stop in zip(layouts, available, strict=True)
    ]
    factors = _factors(pairs, aggregate)

    def reaches(times: float) -> bool:
        longer = [summary._replace(n=summary.n * times) for summary in summaries]
        best = _combine(score_bounds(longer), [0.0] * len(parts), factors, aggregate)
        return best.upper <= frame.bound

    if reaches(1.0):
        return None
    return frame.too_small(n_needed=_smallest(reaches, sum(available)), available=sum(available))


def _smallest(reaches: Callable[[float], bool], units: int) -> int | None:
    """Units, as a multiple of those at hand, from which on ``reaches`` holds."""
    low, high = 1.0, LARGEST / units
    if not reaches(high):
        return None
    while (high - low) * units > 0.5:
        middle = (low + high) / 2.0
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return math.ceil(high * units)


def _details(
    measured: Sequence[_Measured], values: dict[str, Fraction | None], aggregate: str
) -> dict[str, Any]:
    return {
        "aggregate": aggregate,
        "aggregates": {
            name: None if value is None else float(value) for name, value in values.items()
        },
        "benchmarks": {
            one.part.benchmark: {
                "scale": one.part.scale,
                "intact": float(one.pair.intact),
                "other": float(one.pair.other),
                "drop": float(one.pair.drop),
                "points": float(one.pair.points),
                "n": one.paired.n,
                "n_total": one.n_total,
            }
            for one in measured
        },
    }
