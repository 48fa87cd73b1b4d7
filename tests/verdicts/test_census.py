"""Decisions about this benchmark: exact at full n, early only when valid, honest when cut."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.errors import SpecError
from ipllvm_spec.verdicts.judge import judge_drop, judge_gap
from ipllvm_spec.verdicts.verdict import Outcome

PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.mark.parametrize("n", [50, 150, 300, 350, 700, 1150])
def test_a_drop_of_exactly_the_limit_passes(losing, make_limit, n):
    """At most 2 points allows exactly 2 points, although 0.02 * n is no integer as a float."""
    k = n // 50

    assert judge_drop(losing(n, worse=k), make_limit()).outcome is PASS
    assert judge_drop(losing(n, worse=k + 1), make_limit()).outcome is FAIL


@given(st.integers(2, 120), st.data())
@settings(max_examples=60, deadline=None)
def test_full_n_is_arithmetic(losing, make_limit, n, data):
    """For any counts and any decimal limit the outcome is that of fractions, never undecided."""
    worse = data.draw(st.integers(0, n))
    better = data.draw(st.integers(0, n - worse))
    tenths = data.draw(st.integers(-300, 300))
    limit = make_limit(at_most=tenths / 10)

    verdict = judge_drop(losing(n, worse=worse, better=better), limit)

    within = Fraction(worse - better, n) * 100 <= Fraction(tenths, 10)
    assert verdict.outcome is (PASS if within else FAIL)
    assert verdict.exact
    assert verdict.estimate == pytest.approx(100 * (worse - better) / n)


@given(st.integers(2, 120), st.data())
@settings(max_examples=40, deadline=None)
def test_at_least_mirrors_at_most(losing, make_limit, n, data):
    """A gap of at least m is a drop of at most -m seen from the other side."""
    worse = data.draw(st.integers(0, n))
    better = data.draw(st.integers(0, n - worse))
    points = data.draw(st.integers(-100, 100))

    gap = judge_gap(losing(n, worse=worse, better=better), make_limit("gap", at_least=points / 2))
    drop = judge_drop(losing(n, worse=better, better=worse), make_limit(at_most=-points / 2))

    assert gap.outcome is drop.outcome
    assert gap.estimate == pytest.approx(-drop.estimate)
    assert (gap.lower, gap.upper) == (pytest.approx(-drop.upper), pytest.approx(-drop.lower))


def test_repeats_are_averaged_per_unit(make_stream, make_limit):
    """Three repeats, one loss in one of them among ten units: 10/3 points, exactly."""
    other = np.ones((3, 10))
    other[1, 4] = 0.0

    verdict = judge_drop(make_stream(np.ones((1, 10)), other), make_limit(at_most=3.33))

    assert verdict.outcome is FAIL
    assert verdict.estimate == pytest.approx(10 / 3)
    assert verdict.details["per_repeat"] == pytest.approx([0.0, 10.0, 0.0])
    assert verdict.details["units_worse"] == 1


def test_weights_of_subtasks_decide_exactly(make_stream, make_limit):
    """Two subtasks of 3 and 7 units with half the metric each: 1/6 of a point of 100."""
    weights = np.array([1 / 6] * 3 + [1 / 14] * 7)
    other = np.ones(10)
    other[0] = 0.0

    at_limit = judge_drop(
        make_stream(np.ones(10), other, weights=weights), make_limit(at_most=16.7)
    )
    below = judge_drop(make_stream(np.ones(10), other, weights=weights), make_limit(at_most=16.6))

    assert (at_limit.outcome, below.outcome) == (PASS, FAIL)


def test_without_permission_everything_is_measured(losing, make_limit):
    """A claim that feeds an aggregate or a figure is measured whole."""
    stream = losing(600)

    verdict = judge_drop(stream, make_limit(at_most=10.0))

    assert stream.stops == [600]
    assert verdict.exact
    assert not verdict.stopped_early


def test_early_stop_measures_only_what_it_needs(losing, make_limit):
    """Unchanged answers of 1,500 units: "at most 2 points" is shown by about 15 %."""
    stream = losing(1500)

    verdict = judge_drop(stream, make_limit(), early_stop=True)

    assert verdict.outcome is PASS
    assert verdict.stopped_early
    assert not verdict.exact
    assert verdict.n == max(stream.stops) == 256
    assert verdict.upper <= 2.0


def test_an_early_fail_must_hold_for_the_whole_suite(losing, make_limit):
    """With many checks an early FAIL needs more units than with one, a PASS does not."""
    one = judge_drop(losing(1500, worse=300), make_limit(), early_stop=True)
    many = judge_drop(losing(1500, worse=300), make_limit(), early_stop=True, suite_size=10**6)
    passing = judge_drop(losing(1500), make_limit(), early_stop=True, suite_size=10**6)

    assert one.outcome is many.outcome is FAIL
    assert one.n < many.n
    assert passing.n == 256


def test_undecided_until_the_end_is_exact_at_the_end(losing, make_limit):
    """A value on the limit is decided by the last unit."""
    verdict = judge_drop(losing(300, worse=6), make_limit(), early_stop=True)

    assert verdict.outcome is PASS
    assert verdict.exact
    assert verdict.n == 300


def test_early_decisions_are_rarely_wrong(losing, make_limit):
    """120 random orders with the value just past, or on, the limit: at most 5 % decided wrong."""
    past = [
        judge_drop(losing(200, worse=5, seed=seed), make_limit(), early_stop=True).outcome
        for seed in range(60)
    ]
    on = [
        judge_drop(losing(200, worse=4, seed=seed), make_limit(), early_stop=True).outcome
        for seed in range(60)
    ]

    assert past.count(PASS) + on.count(FAIL) <= 6


def test_a_cut_measurement_is_never_exact(losing, make_limit):
    """First N units: bounds for all units decide, and the label says so."""
    stream = losing(300, worse=120, available=100)

    verdict = judge_drop(stream, make_limit(), measure_below_floor=True)

    assert verdict.outcome is FAIL
    assert verdict.cut
    assert not verdict.exact
    assert verdict.scope() == "first 100 units of 300"
    assert max(stream.stops) == 100
    assert verdict.lower <= verdict.estimate <= verdict.upper


def test_a_cut_that_cannot_pass_is_not_measured(losing, make_limit):
    """60 of 300 units never show "at most 2 points": nothing is asked, the number is named."""
    stream = losing(300, available=60)

    verdict = judge_drop(stream, make_limit())

    assert verdict.outcome is UNDECIDED
    assert stream.stops == []
    assert verdict.estimate is None
    assert verdict.n_needed == 168
    assert "n too small, needs 168 units" in verdict.reason


def test_a_cut_measured_anyway_says_what_it_would_need(losing, make_limit):
    """The same 60 units, measured: undecided, with the estimate and the number."""
    verdict = judge_drop(losing(300, available=60), make_limit(), measure_below_floor=True)

    assert verdict.outcome is UNDECIDED
    assert verdict.estimate == 0.0
    assert "n too small, needs 168 units" in verdict.reason


def test_a_cut_gap_is_measured(losing, make_limit):
    """Limits from below have no floor: 60 units show a gap of 80 points against 10."""
    verdict = judge_gap(losing(300, worse=240, available=60), make_limit("gap", at_least=10.0))

    assert verdict.outcome is PASS
    assert verdict.cut


def test_a_cut_inside_a_cluster_uses_whole_clusters(make_stream, make_limit):
    """Bets are on whole clusters; a half-measured one is left out of the bounds."""
    clusters = [f"c{i // 4}" for i in range(400)]
    stream = make_stream(np.ones(400), np.zeros(400), clusters=clusters, available=30)

    verdict = judge_drop(stream, make_limit(), measure_below_floor=True)

    assert verdict.outcome is FAIL
    assert verdict.n == 30
    assert verdict.clusters == 7


def test_a_limit_on_something_else_is_an_error(losing, make_limit):
    """A check that judges a gap against a drop's limit is a mistake in the check."""
    with pytest.raises(SpecError, match="declares 'drop'"):
        judge_gap(losing(10), make_limit())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [1.0, 0.0, 1.0]}, "positive"),
        ({"weights": [1.0, 1.0]}, "2 weights for 3 units"),
        ({"clusters": ["a", "b", "a"]}, "neighbours"),
        ({"available": 4}, "4 of 3"),
    ],
)
def test_impossible_streams_are_refused(make_stream, make_limit, change, message):
    """Errors in what made the stream surface as such, not as numbers."""
    with pytest.raises(ValueError, match=message):
        judge_drop(make_stream(np.ones(3), np.ones(3), **change), make_limit())


@pytest.mark.parametrize("bad", [np.nan, 1.5, -0.1])
def test_scores_outside_the_range_are_refused(make_stream, make_limit, bad):
    """NaN is not a score: an unscored unit must never count as one."""
    with pytest.raises(ValueError, match="outside"):
        judge_drop(make_stream([1.0, bad, 1.0], np.ones(3)), make_limit())


def test_different_numbers_of_repeats_are_refused(make_stream, make_limit):
    """Two repeats against three cannot be paired."""
    with pytest.raises(ValueError, match="2 repeats against 3"):
        judge_drop(make_stream(np.ones((2, 3)), np.ones((3, 3))), make_limit())
