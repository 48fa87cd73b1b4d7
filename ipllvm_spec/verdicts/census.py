"""Decisions about the units of this very benchmark: arithmetic, or a bet while sampling it."""

from __future__ import annotations

import math
from fractions import Fraction

from ipllvm_spec.statistics.exact import exact_mean
from ipllvm_spec.statistics.sequential import (
    Draws,
    anytime_bounds,
    best_log_wealth,
    draws_when_unchanged,
)
from ipllvm_spec.verdicts.frame import LIKE_THESE, THIS_BENCHMARK, Frame
from ipllvm_spec.verdicts.population import paired_details, population_bounds
from ipllvm_spec.verdicts.streams import Floats, Layout, Paired, Stream
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

#: Units between two looks. Looking less often is always valid; the engine works in such blocks.
CHUNK = 32


def judge_benchmark(
    stream: Stream,
    layout: Layout,
    frame: Frame,
    *,
    early_stop: bool,
    suite_size: int,
    measure_below_floor: bool,
) -> Verdict:
    """Decides about all units of the benchmark, measuring no more of them than needed.

    Args:
        stream: Paired scores.
        layout: Its layout.
        frame: The limit.
        early_stop: Whether measuring may stop when the anytime-valid rule has decided.
        suite_size: Checks in the run: an early FAIL must hold for all of them together, or the
            check is measured to its end where a FAIL is exact.
        measure_below_floor: Measure a cut benchmark even where it cannot give a PASS.
    """
    if frame.cut:
        return _judge_cut(stream, layout, frame, measure_anyway=measure_below_floor)
    if early_stop:
        for stop in range(CHUNK, layout.n_total, CHUNK):
            paired = Paired.first(stream, layout, stop, sign=frame.sign)
            draws = layout.draws(_unit_means(paired))
            outcome = _bet(draws, frame, fail_alpha=frame.alpha / suite_size)
            if outcome is not Outcome.INCONCLUSIVE:
                return _early(paired, draws, frame, outcome)
    return _exact(Paired.first(stream, layout, layout.n_total, sign=frame.sign), frame)


def exact_difference(paired: Paired) -> Fraction:
    """Exact weighted mean of intact minus other (not turned)."""
    intact = exact_mean(paired.scores.intact, paired.shares)
    return intact - exact_mean(paired.scores.other, paired.shares)


def _exact(paired: Paired, frame: Frame) -> Verdict:
    value = exact_difference(paired)
    passed = frame.within(value)
    side = "within" if passed else "beyond"
    return frame.verdict(
        Outcome.PASS if passed else Outcome.FAIL,
        estimate=float(frame.sign * value),
        bounds=population_bounds(paired, alpha=frame.alpha),
        about=LIKE_THESE,
        n=paired.n,
        clusters=paired.clusters,
        method="exact arithmetic",
        reason=f"all {paired.n} units were measured and the value is {side} the limit",
        exact=True,
        details=paired_details(paired, frame),
    )


def _early(paired: Paired, draws: Draws, frame: Frame, outcome: Outcome) -> Verdict:
    side = "within" if outcome is Outcome.PASS else "beyond"
    return frame.verdict(
        outcome,
        estimate=paired.mean,
        bounds=anytime_bounds(draws, alpha=frame.alpha),
        about=THIS_BENCHMARK,
        n=paired.n,
        clusters=len(draws.values),
        method="betting without replacement",
        reason=(
            f"{paired.n} of {frame.n_total} units show that the value for all of them is {side} "
            "the limit"
        ),
        stopped_early=True,
        details=paired_details(paired, frame),
    )


def _judge_cut(stream: Stream, layout: Layout, frame: Frame, *, measure_anyway: bool) -> Verdict:
    available = stream.available
    needed = None
    if frame.sign > 0 and frame.bound >= 0.0:
        draws = draws_when_unchanged(layout.reach, frame.bound, alpha=frame.alpha)
        needed = layout.units_of(draws)
        if needed > available and not measure_anyway:
            return frame.too_small(n_needed=needed, available=available)
    paired = Paired.first(stream, layout, available, sign=frame.sign)
    seen = layout.draws(_unit_means(paired))
    outcome = _bet(seen, frame, fail_alpha=frame.alpha)
    n_needed = None
    if outcome is Outcome.INCONCLUSIVE:
        n_needed = layout.n_total if needed is None else max(needed, available + 1)
        reason = f"the first {available} of {frame.n_total} units leave both sides possible"
        if needed is not None and needed > available:
            reason += f"; n too small, needs {needed} units even when no answer changes"
    else:
        side = "within" if outcome is Outcome.PASS else "beyond"
        reason = f"the first {available} units show that the value for all is {side} the limit"
    return frame.verdict(
        outcome,
        estimate=paired.mean,
        bounds=anytime_bounds(seen, alpha=frame.alpha),
        about=THIS_BENCHMARK,
        n=paired.n,
        clusters=len(seen.values),
        method="betting without replacement",
        reason=reason,
        n_needed=n_needed,
        details=paired_details(paired, frame),
    )


def _unit_means(paired: Paired) -> Floats:
    means: Floats = paired.rows.mean(axis=0)
    return means


def _bet(draws: Draws, frame: Frame, *, fail_alpha: float) -> Outcome:
    if best_log_wealth(draws, frame.bound) >= math.log(1.0 / frame.alpha):
        return Outcome.PASS
    if best_log_wealth(draws.mirrored(), -frame.bound) >= math.log(1.0 / fail_alpha):
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE
