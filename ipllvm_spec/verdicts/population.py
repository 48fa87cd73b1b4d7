"""Decisions about units like the measured ones, by score bounds of the mean difference."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ipllvm_spec.statistics.exact import exact_mean
from ipllvm_spec.statistics.graded import GradedBounds, graded_bounds
from ipllvm_spec.statistics.intervals import Bounds, Summary, score_bounds, summarise
from ipllvm_spec.statistics.power import detectable, floor_units, sample_size
from ipllvm_spec.verdicts.frame import LIKE_THESE, Frame
from ipllvm_spec.verdicts.streams import Layout, Paired, Stream
from ipllvm_spec.verdicts.verdict import Outcome, Verdict


def judge_population(
    stream: Stream, layout: Layout, frame: Frame, *, floor: bool = True
) -> Verdict:
    """Measures every unit that may be measured and decides by the bounds.

    Scores of a judge model get the bounds of graded ones, and neither a floor nor a number of
    units that would decide: both are worked out for answers that are right or wrong.

    There is no early stop here: looking at a fixed-n interval more than once breaks its error
    rate, and valid sequential ones cost too much power for a claim about a population.

    Args:
        stream: Paired scores.
        layout: Its layout.
        frame: The limit.
        floor: Whether units too few for a PASS are INCONCLUSIVE without measuring.
    """
    needed = None
    if floor and not stream.graded:
        needed = units_for_floor(layout, stream.available, frame)
    if needed is not None and needed.missing:
        return frame.too_small(n_needed=needed.units, available=stream.available)
    paired = Paired.first(stream, layout, stream.available, sign=frame.sign)
    if paired.graded:
        return _judge_graded(paired, frame)
    summary = row_summary(paired, alpha=frame.alpha)
    (bounds,) = score_bounds([summary])
    outcome = frame.outcome(bounds)
    discordance = (summary.worse + summary.better) / summary.n
    mde = summary.size * detectable(summary.n, discordance=discordance, alpha=frame.alpha)
    n_needed = None
    reason = "the upper bound is within the limit"
    if frame.sign < 0:
        reason = "the lower bound is within the limit"
    if outcome is Outcome.FAIL:
        reason = "both bounds are beyond the limit"
    elif outcome is Outcome.INCONCLUSIVE:
        n_needed = _enough(summary, paired.n, frame)
        more = f"about {n_needed} units would decide it" if n_needed else "no n would decide it"
        reason = f"the bounds lie on both sides of the limit; {more}"
    return frame.verdict(
        outcome,
        estimate=paired.mean,
        bounds=bounds,
        about=LIKE_THESE,
        n=paired.n,
        clusters=paired.clusters,
        method=f"score bounds, design effect {summary.effect:.2f}",
        reason=reason,
        n_needed=n_needed,
        mde=mde,
        details=paired_details(paired, frame),
    )


def _judge_graded(paired: Paired, frame: Frame) -> Verdict:
    bounds, method = _graded(paired, alpha=frame.alpha)
    outcome = frame.outcome(bounds)
    reason = {
        Outcome.PASS: "the bound on the side of the limit is within it",
        Outcome.FAIL: "both bounds are beyond the limit",
        Outcome.INCONCLUSIVE: "the bounds lie on both sides of the limit",
    }[outcome]
    return frame.verdict(
        outcome,
        estimate=paired.mean,
        bounds=bounds,
        about=LIKE_THESE,
        n=paired.n,
        clusters=paired.clusters,
        method=f"{method} for graded scores",
        reason=reason,
        details=paired_details(paired, frame),
    )


def _graded(paired: Paired, *, alpha: float) -> GradedBounds:
    repeats = len(paired.rows)
    return graded_bounds(
        paired.rows.ravel(),
        weights=np.tile(paired.shares, repeats),
        clusters=np.tile(paired.index, repeats),
        alpha=alpha,
    )


def row_summary(paired: Paired, *, alpha: float) -> Summary:
    """Reduces pairs to what bounds need; repeats of a unit are rows of its cluster."""
    repeats = len(paired.rows)
    return summarise(
        paired.rows.ravel(),
        weights=np.tile(paired.shares, repeats),
        clusters=np.tile(paired.index, repeats),
        alpha=alpha,
    )


def unchanged_summary(layout: Layout, stop: int, *, alpha: float) -> Summary:
    """What the first units would give if no answer changed."""
    return summarise(
        np.zeros(stop),
        weights=layout.shares[:stop],
        clusters=layout.index[:stop],
        alpha=alpha,
    )


class Floor(NamedTuple):
    """Units needed for a PASS when nothing changes (None: no number), and whether they miss."""

    units: int | None
    missing: bool


def units_for_floor(layout: Layout, available: int, frame: Frame) -> Floor | None:
    """Units below which a model that does not change at all could not PASS.

    Returns:
        None for "at least" limits and limits below 0: there the best case is a change.
    """
    if frame.sign < 0 or frame.bound < 0.0:
        return None
    unchanged = unchanged_summary(layout, available, alpha=frame.alpha)
    (bounds,) = score_bounds([unchanged])
    units = floor_units(frame.bound, alpha=frame.alpha)
    if units is not None:
        units = max(1, math.ceil(units * available / unchanged.n - 1e-9))
    return Floor(units, missing=bounds.upper > frame.bound)


def population_bounds(paired: Paired, *, alpha: float) -> Bounds:
    """Bounds of the mean difference over units like these: never Tango's for a judge's scores."""
    if paired.graded:
        return _graded(paired, alpha=alpha).bounds
    (bounds,) = score_bounds([row_summary(paired, alpha=alpha)])
    return bounds


def paired_details(paired: Paired, frame: Frame) -> dict[str, Any]:
    """JSON data that every paired verdict carries."""
    rows = frame.sign * paired.rows
    share = paired.shares / paired.shares.sum()
    return {
        "repeats": len(rows),
        "per_repeat": [100.0 * float(row @ share) for row in rows],
        "intact": float(100 * exact_mean(paired.scores.intact, paired.shares)),
        "other": float(100 * exact_mean(paired.scores.other, paired.shares)),
        "units_worse": int(np.sum(rows.mean(axis=0) > 0.0)),
        "units_better": int(np.sum(rows.mean(axis=0) < 0.0)),
    }


def _enough(summary: Summary, units: int, frame: Frame) -> int | None:
    needed = sample_size(
        frame.bound / summary.size,
        difference=(summary.worse - summary.better) / summary.n,
        discordance=(summary.worse + summary.better) / summary.n,
        alpha=frame.alpha,
        effect=units / summary.n,
    )
    # The formula knows only the estimate; more than now is needed by what was just seen.
    return None if needed is None else max(needed, units + 1)
