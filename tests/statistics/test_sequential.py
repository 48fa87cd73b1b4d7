"""Betting without replacement: a fair game at the limit, and bounds that never lose the truth."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.statistics.sequential import (
    Draws,
    anytime_bounds,
    anytime_upper,
    best_log_wealth,
    draws_when_unchanged,
    log_wealth,
)

LISTS = [
    [1, 0, 0, -1, 1],
    [1, 1, 0, 0, 0, -1],
    [0.5, -0.25, 1, 0, 0],
    [0, 0, 0, 0, 0],
    [1, 1, 1, 1, -1, -1],
]


def even(values) -> Draws:
    """A whole list of clusters of equal weight."""
    values = np.asarray(values, dtype=float)
    return Draws(values, np.ones(len(values)))


def orders(values, reach):
    """Every order in which the list can be drawn."""
    for order in itertools.permutations(range(len(values))):
        chosen = list(order)
        yield Draws(np.asarray(values, float)[chosen], np.asarray(reach, float)[chosen])


@pytest.mark.parametrize("values", LISTS, ids=str)
def test_the_game_is_fair_at_the_limit(values):
    """Over all orders of the list the mean wealth is exactly 1 after every draw."""
    limit = float(np.mean(values))

    wealth = np.mean(
        [np.exp(log_wealth(draws, limit)) for draws in orders(values, np.ones(len(values)))], axis=0
    )

    assert wealth == pytest.approx(np.ones(len(values)), abs=1e-9)


def test_the_game_is_fair_with_unequal_clusters():
    """Clusters of different size and weight: still exactly 1, over all orders."""
    values, reach = [2, -0.5, 0.5, 0, 1], [2, 1, 0.5, 0.5, 1]
    limit = float(np.mean(values))

    for sign in (1, -1):
        games = orders([sign * value for value in values], reach)
        wealth = np.mean([np.exp(log_wealth(draws, sign * limit)) for draws in games], axis=0)
        assert wealth == pytest.approx(np.ones(5), abs=1e-9)


@pytest.mark.parametrize("past", [0.05, 0.2])
def test_betting_against_the_truth_loses(past):
    """Past the limit the mean wealth over all orders is at most 1 after every draw."""
    values = [1, 1, 0, 0, 0, -1]
    limit = float(np.mean(values)) - past

    wealth = np.mean([np.exp(log_wealth(d, limit)) for d in orders(values, np.ones(6))], axis=0)

    assert np.all(wealth <= 1.0 + 1e-9)


def test_ville_holds_over_all_orders():
    """Among all orders at most one in ten ever reaches a wealth of 10 at the limit."""
    values = [1, 1, 1, 0, 0, 0, -1]
    limit = float(np.mean(values))

    reached = [best_log_wealth(d, limit) >= math.log(10) for d in orders(values, np.ones(7))]

    assert np.mean(reached) <= 0.1


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.25, 1.0]), min_size=1, max_size=40), st.data())
@settings(max_examples=60, deadline=None)
def test_the_wealth_grows_with_the_limit(values, data):
    """Inside the possible range a laxer limit is easier to show: the bisection relies on it."""
    count = data.draw(st.integers(1, len(values)))
    draws = Draws(np.array(values[:count]), np.ones(len(values)))
    low, high = draws.possible()

    grid = np.linspace(low, high, 30)[1:-1]
    wealth = [best_log_wealth(draws, limit) for limit in grid]

    assert all(a <= b + 1e-7 for a, b in itertools.pairwise(wealth))


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.0, 1.0]), min_size=4, max_size=60), st.data())
@settings(max_examples=60, deadline=None)
def test_bounds_mirror_and_narrow_with_more_draws(values, data):
    """Turning the sign mirrors the bounds; they widen only where certainty refutes the older one.

    A running bound misses with probability alpha. Once the values drawn leave nothing beyond it
    possible, what is certain counts.
    """
    count = data.draw(st.integers(1, len(values)))
    less = Draws(np.array(values[: max(1, count - 3)]), np.ones(len(values)))
    draws = Draws(np.array(values[:count]), np.ones(len(values)))

    bounds, before = anytime_bounds(draws, alpha=0.05), anytime_bounds(less, alpha=0.05)

    assert bounds == pytest.approx(anytime_bounds(draws.mirrored(), alpha=0.05).mirrored())
    low, high = draws.possible()
    assert bounds.upper <= max(before.upper, low) + 1e-9
    assert bounds.lower >= min(before.lower, high) - 1e-9


def test_what_is_certain_refutes_a_running_bound_that_missed():
    """An order that hides its losses until the end: at the end the bound is their mean."""
    values = np.array([-1.0] * 3 + [0.0] * 4 + [-1.0] * 17)
    before = anytime_bounds(Draws(values[:21], np.ones(24)), alpha=0.05)
    whole = anytime_bounds(Draws(values, np.ones(24)), alpha=0.05)

    assert before.lower > values.mean()
    assert whole == pytest.approx((values.mean(), values.mean()))


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 1.0]), min_size=1, max_size=50))
@settings(max_examples=40, deadline=None)
def test_the_whole_list_leaves_only_its_mean(values):
    """With every value drawn both bounds are the mean."""
    bounds = anytime_bounds(even(values), alpha=0.05)

    # A running bound may lie below the final mean with probability alpha; it never lies above.
    assert bounds.upper <= np.mean(values) + 1e-6
    assert bounds.lower >= np.mean(values) - 1e-6


def test_certainty_needs_no_bet():
    """When the rest cannot change the decision the wealth is infinite."""
    draws = Draws(np.full(10, -1.0), np.ones(12))

    assert best_log_wealth(draws, 0.1) == math.inf
    assert log_wealth(draws.mirrored(), 0.1)[-1] == -math.inf


@pytest.mark.parametrize(("n", "share"), [(300, 0.56), (1500, 0.15), (3000, 0.08)])
def test_unchanged_answers_stop_early(n, share):
    """Share of a benchmark to measure for "at most 2 points" when no answer changes."""
    assert draws_when_unchanged(np.ones(n), 0.02, alpha=0.05) / n == pytest.approx(share, abs=0.01)


def test_a_limit_of_zero_needs_every_draw():
    """That no loss at all was made is only known at the end."""
    assert draws_when_unchanged(np.ones(40), 0.0, alpha=0.05) == 40


def test_anytime_bounds_rarely_lose_the_truth():
    """Looked at after every draw of 200 random orders: each side misses at most 5 %."""
    rng = np.random.default_rng(7)
    values = np.concatenate([np.ones(8), -np.ones(3), np.zeros(89)])
    truth = values.mean()

    missed = 0
    for _ in range(200):
        draws = Draws(rng.permutation(values)[:60], np.ones(100))
        missed += anytime_upper(draws, alpha=0.05) < truth - 1e-9

    assert missed <= 200 * 0.05


def test_nothing_drawn_leaves_everything_possible():
    """Before the first draw nothing is known."""
    assert anytime_bounds(Draws(np.zeros(0), np.ones(5)), alpha=0.05) == (-1.0, 1.0)
