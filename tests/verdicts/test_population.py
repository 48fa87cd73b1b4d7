"""Decisions about units like the measured ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.verdicts.judge import judge_drop, judge_gap
from ipllvm_spec.verdicts.verdict import Outcome

PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def test_too_few_units_are_not_measured(losing, make_limit):
    """132 units cannot show "at most 2 points" even when nothing changes; 133 can."""
    few, enough = losing(132), losing(133)

    refused = judge_drop(few, make_limit(target="population"))
    passed = judge_drop(enough, make_limit(target="population"))

    assert refused.outcome is UNDECIDED
    assert few.stops == []
    assert refused.n == 0
    assert refused.n_needed == 133
    assert "n too small, needs 133 units" in refused.sentence()
    assert passed.outcome is PASS


def test_clusters_raise_the_floor(make_stream, make_limit):
    """200 units in 50 clusters are as few as 50 when nothing is known about them."""
    clusters = [f"c{i // 4}" for i in range(200)]
    stream = make_stream(np.ones(200), np.ones(200), clusters=clusters)

    verdict = judge_drop(stream, make_limit(target="population"))

    assert verdict.outcome is UNDECIDED
    assert stream.stops == []
    assert verdict.n_needed == 4 * 133


def test_a_limit_of_zero_cannot_be_shown(losing, make_limit):
    """No number of units proves that nothing at all is lost in a population."""
    verdict = judge_drop(losing(300), make_limit(at_most=0.0, target="population"))

    assert verdict.outcome is UNDECIDED
    assert verdict.n_needed is None
    assert "more than any number" in verdict.reason


@pytest.mark.parametrize(
    ("worse", "better", "outcome"), [(3, 3, PASS), (60, 10, FAIL), (12, 6, UNDECIDED)]
)
def test_bounds_decide(losing, make_limit, worse, better, outcome):
    """PASS below, FAIL above, undecided where the limit lies between the bounds."""
    verdict = judge_drop(losing(600, worse=worse, better=better), make_limit(target="population"))

    assert verdict.outcome is outcome
    assert not verdict.exact
    assert verdict.lower <= verdict.estimate <= verdict.upper
    assert (verdict.upper <= 2.0) == (outcome is PASS)
    assert (verdict.lower > 2.0) == (outcome is FAIL)
    assert verdict.mde is not None
    assert (verdict.n_needed is not None) == (outcome is UNDECIDED)


def test_undecided_names_a_number_that_would_decide(losing, make_limit):
    """More units than now, in the reason too."""
    verdict = judge_drop(losing(600, worse=12, better=6), make_limit(target="population"))

    assert verdict.n_needed > 600
    assert f"about {verdict.n_needed} units" in verdict.reason


def test_early_stop_does_not_apply(losing, make_limit):
    """A fixed-n interval is looked at once."""
    stream = losing(1500)

    judge_drop(stream, make_limit(target="population"), early_stop=True)

    assert stream.stops == [1500]


def test_repeats_are_rows_of_their_unit(make_stream, make_limit):
    """Five repeats that always agree leave the bounds no narrower than one."""
    rng = np.random.default_rng(3)
    other = (rng.random((1, 300)) > 0.05).astype(float)

    one = judge_drop(
        make_stream(np.ones((1, 300)), other), make_limit(at_most=20.0, target="population")
    )
    five = judge_drop(
        make_stream(np.ones((1, 300)), np.tile(other, (5, 1))),
        make_limit(at_most=20.0, target="population"),
    )

    assert five.estimate == pytest.approx(one.estimate)
    assert five.upper >= one.upper - 1e-9
    assert five.lower <= one.lower + 1e-9


@given(st.integers(40, 400), st.data())
@settings(max_examples=40, deadline=None)
def test_exchanging_the_conditions_mirrors_the_verdict(make_stream, make_limit, n, data):
    """A gap of at least m for (a, b) is a drop of at most -m for (b, a)."""
    worse = data.draw(st.integers(0, n))
    a = np.concatenate([np.ones(worse), np.zeros(n - worse)])
    b = np.zeros(n)

    gap = judge_gap(make_stream(a, b), make_limit("gap", at_least=10.0, target="population"))
    drop = judge_drop(make_stream(b, a), make_limit(at_most=-10.0, target="population"))

    assert gap.outcome is drop.outcome
    assert gap.lower == pytest.approx(-drop.upper)
    assert gap.upper == pytest.approx(-drop.lower)


def test_a_cut_population_claim_says_so(losing, make_limit):
    """The first 200 units are a sample like any other, labelled as what they are."""
    verdict = judge_drop(losing(1000, available=200), make_limit(target="population"))

    assert verdict.outcome is PASS
    assert verdict.cut
    assert verdict.scope() == "first 200 units of 1000"
