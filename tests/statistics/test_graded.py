"""Bounds for graded differences: they cover, and few or unchanged answers never look certain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.statistics.graded import betting_upper, graded_bounds

TENTHS = st.integers(-10, 10).map(lambda n: n / 10)


def bounds_of(x, *, clusters=None, alpha=0.05):
    """Bounds with equal weights, each row its own cluster unless told otherwise."""
    x = np.asarray(x, dtype=float)
    index = np.arange(len(x)) if clusters is None else np.asarray(clusters)
    return graded_bounds(x, weights=np.ones(len(x)), clusters=index, alpha=alpha)


@given(st.lists(TENTHS, min_size=1, max_size=60))
def test_bounds_hold_the_mean_and_mirror(x):
    """Lower <= mean <= upper within [-1, 1], and the other sign gives the other bounds."""
    (low, high), method = bounds_of(x)
    (mirrored_low, mirrored_high), same = bounds_of([-value for value in x])

    assert -1.0 <= low <= np.mean(x) + 1e-9
    assert np.mean(x) - 1e-9 <= high <= 1.0
    assert (mirrored_low, mirrored_high) == (pytest.approx(-high), pytest.approx(-low))
    assert method == same


def test_the_method_follows_what_was_seen():
    """Thirty clusters with ten changes allow a t interval; anything less is a bet."""
    changes = [0.1, -0.1] * 5
    assert bounds_of(changes + [0.0] * 20).method == "clustered t bounds"
    assert bounds_of(changes + [0.0] * 19).method == "betting bounds"
    assert bounds_of(changes[:9] + [0.0] * 30).method == "betting bounds"
    assert bounds_of(changes * 6, clusters=np.arange(60) // 6).method == "betting bounds"


def test_no_change_is_no_certainty():
    """Where a t interval would say [0, 0], the bound shrinks with the number of answers."""
    widths = [bounds_of([0.0] * n).bounds.upper for n in (1, 10, 60, 218, 1000)]

    assert widths[0] > 0.9
    assert widths == sorted(widths, reverse=True)
    assert 0.0 < widths[-1] < 0.01


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_bets_miss_no_more_often_than_allowed(alpha):
    """Eight hundred samples of rare, skewed losses: the upper bound lies below the mean rarely."""
    draw = np.random.default_rng(20)
    values = draw.choice([0.0, 0.3, 1.0], p=[0.93, 0.04, 0.03], size=(800, 25))
    mean = 0.04 * 0.3 + 0.03
    missed = np.mean([betting_upper(row, largest=1.0, alpha=alpha) < mean for row in values])

    assert missed <= alpha


def test_unequal_clusters_keep_their_weight():
    """Rows of a cluster move together: doubling every row changes nothing but the rows."""
    x = np.random.default_rng(3).choice([-0.2, 0.0, 0.5], size=20)
    once = bounds_of(x)
    twice = bounds_of(np.repeat(x, 2), clusters=np.repeat(np.arange(20), 2))

    assert twice.bounds == pytest.approx(once.bounds)
