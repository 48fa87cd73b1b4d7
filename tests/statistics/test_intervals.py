"""Score and t bounds: inversion, floors, symmetry, and what clusters and weights do to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.statistics.combine import median_bounds, sum_bounds
from ipllvm_spec.statistics.intervals import (
    Bounds,
    clustered_mean,
    design_effect,
    score_bounds,
    summarise,
    summarise_counts,
    tango_upper,
    tango_z,
)
from ipllvm_spec.statistics.quantiles import normal_quantile, t_quantile

ALPHA = 0.05
Z = normal_quantile(1 - ALPHA)


def bounds_of(x, weights=None, clusters=None, alpha=ALPHA) -> Bounds:
    """Bounds of rows, by default of equal weight and independent."""
    x = np.asarray(x, dtype=float)
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=float)
    clusters = np.arange(len(x)) if clusters is None else np.asarray(clusters)
    (bounds,) = score_bounds([summarise(x, weights=weights, clusters=clusters, alpha=alpha)])
    return bounds


scores = st.sampled_from([-1.0, -0.75, -0.25, 0.0, 0.0, 0.0, 0.25, 0.75, 1.0])
rows = st.lists(scores, min_size=2, max_size=40)


@pytest.mark.parametrize("n", [10, 50, 300, 1500])
def test_zero_discordance_still_leaves_an_upper_bound(n):
    """Unchanged answers are no proof of 0: the bound is z^2 / (n + z^2), not 0."""
    bounds = bounds_of(np.zeros(n))

    assert bounds.upper == pytest.approx(Z**2 / (n + Z**2), rel=1e-9)
    assert bounds.lower == pytest.approx(-bounds.upper)


@pytest.mark.parametrize("counts", [(9, 0, 44), (12, 2, 50), (3, 7, 30), (1, 1, 300)])
@pytest.mark.parametrize("difference", [-0.2, -0.03, 0.0, 0.02, 0.15])
def test_the_statistic_agrees_with_a_search_of_the_likelihood(counts, difference):
    """The closed form is the score test at the restricted maximum, found here by brute force."""
    worse, better, n = counts
    grid = np.linspace(max(0.0, -difference), (1 - difference) / 2, 400_003)[1:-1]
    same = 1 - 2 * grid - difference
    likelihood = (
        worse * np.log(grid + difference)
        + better * np.log(grid)
        + (n - worse - better) * np.log(same)
    )
    p = grid[np.argmax(likelihood)]
    expected = (worse - better - n * difference) / np.sqrt(
        n * (2 * p + difference * (1 - difference))
    )

    z = tango_z(difference, worse=worse, better=better, n=n)

    assert float(z) == pytest.approx(expected, abs=2e-3)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 200))
def test_the_upper_bound_inverts_the_statistic(worse, better, same):
    """At the bound the score statistic equals the critical value, or the bound is 1."""
    n = worse + better + same
    if n == 0:
        return

    upper = float(tango_upper(worse, better, n, z=Z))

    assert (worse - better) / n <= upper <= 1.0
    if upper < 1.0 - 1e-9:
        assert tango_z(upper, worse=worse, better=better, n=n) == pytest.approx(-Z, abs=1e-4)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 100))
def test_the_statistic_decreases_with_the_hypothesis(worse, better, same):
    """Without this the bisection would not find the bound."""
    grid = np.linspace(-0.999, 0.999, 201)

    z = tango_z(grid, worse=worse, better=better, n=worse + better + same)

    assert np.all(np.diff(z) <= 1e-9)


@given(rows)
def test_bounds_contain_the_estimate_and_stay_in_range(x):
    """Whatever the rows are."""
    bounds = bounds_of(x)

    assert -1.0 <= bounds.lower <= np.mean(x) + 1e-12
    assert np.mean(x) - 1e-12 <= bounds.upper <= 1.0


@given(rows, st.data())
def test_exchanging_the_conditions_mirrors_the_bounds(x, data):
    """Neither condition is privileged, with any weights and clusters."""
    n = len(x)
    weights = data.draw(st.lists(st.sampled_from([1.0, 2.0, 5.0]), min_size=n, max_size=n))
    clusters = np.sort(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    clusters = np.unique(clusters, return_inverse=True)[1]

    there = bounds_of(x, weights, clusters)
    back = bounds_of(-np.asarray(x), weights, clusters)

    assert there == pytest.approx(back.mirrored(), abs=1e-9)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=5, max_size=60), st.integers(1, 4))
@settings(max_examples=60)
def test_more_of_the_same_never_widens_the_bounds(x, times):
    """Seeing the same units again as new ones can only narrow the bounds."""
    once, again = bounds_of(x), bounds_of(x * (times + 1))

    assert again.upper <= once.upper + 1e-9
    assert again.lower >= once.lower - 1e-9


@given(rows)
def test_the_scale_of_weights_does_not_matter(x):
    """Weights are shares."""
    weights = np.linspace(1.0, 2.0, len(x))

    assert bounds_of(x, weights) == pytest.approx(bounds_of(x, 7 * weights), abs=1e-9)


@given(st.integers(0, 15), st.integers(0, 15), st.integers(2, 100))
def test_counts_and_rows_give_the_same_bounds(worse, better, same):
    """The shortcut that the error-rate bench enumerates is the code that judges."""
    n = worse + better + same
    x = np.concatenate([np.ones(worse), -np.ones(better), np.zeros(same)])

    (counted,) = score_bounds([summarise_counts(worse, better, n=n, alpha=ALPHA)])

    assert counted == pytest.approx(bounds_of(x), abs=1e-9)


def test_repeats_of_a_unit_are_not_units():
    """Five equal repeats of every unit tell no more than one."""
    x = np.array([1.0] * 6 + [-1.0] * 3 + [0.0] * 91)
    units = np.arange(100)

    once = bounds_of(x)
    five = bounds_of(np.tile(x, 5), clusters=np.tile(units, 5))
    naive = bounds_of(np.tile(x, 5))

    assert five.upper >= once.upper
    assert naive.upper < once.upper


def test_unchanged_clusters_count_as_alike():
    """Nothing was learned about how alike units of a cluster are, so the worst is assumed."""
    clusters = np.repeat(np.arange(50), 4)
    x = np.zeros(200)

    assert design_effect(x, weights=np.ones(200), clusters=clusters) == pytest.approx(4.0)
    assert bounds_of(x, clusters=clusters).upper > bounds_of(np.zeros(50)).upper


def test_one_cluster_says_nothing():
    """A single cluster has no error to estimate: the whole range stays."""
    assert bounds_of([1.0, 0.0, 0.0], clusters=[0, 0, 0]) == Bounds(-1.0, 1.0)


def test_unequal_weights_cost_precision():
    """A unit with ten times the weight makes the mean less certain (Kish)."""
    x = np.array([1.0, 0.0, 0.0, 0.0, -1.0] * 20)
    weights = np.where(np.arange(100) % 10 == 0, 10.0, 1.0)

    even, uneven = bounds_of(x), bounds_of(x, weights)

    assert uneven.upper - uneven.lower > even.upper - even.lower


def test_small_changes_give_narrow_bounds_once_there_are_enough():
    """Changes of a quarter point are not treated as whole ones, unless they are too few to know."""
    whole = np.array([1.0] * 12 + [-1.0] * 12 + [0.0] * 276)
    few = np.array([0.25] * 2 + [0.0] * 298)

    assert bounds_of(0.25 * whole).upper < 0.5 * bounds_of(whole).upper
    # Two small changes: each counts as one whole lost unit in four.
    assert bounds_of(few).upper > Z**2 / (300 + Z**2)


def test_clustered_mean_matches_the_textbook_for_independent_rows():
    """CR1 with one row a cluster is the usual standard error."""
    x = np.array([1.0, 0.0, 0.0, -1.0, 0.5, 0.0])

    summary = clustered_mean(x, weights=np.ones(6), clusters=np.arange(6))

    assert summary.mean == pytest.approx(x.mean())
    assert summary.error == pytest.approx(x.std(ddof=1) / np.sqrt(6))
    assert (summary.clusters, summary.informative) == (6, 3)


def test_t_quantiles_are_the_tabulated_ones():
    """Textbook values; no degrees of freedom means no bound."""
    assert t_quantile(0.95, df=10) == pytest.approx(1.8125, abs=1e-4)
    assert t_quantile(0.95, df=1e9) == pytest.approx(Z, abs=1e-6)
    assert t_quantile(0.95, df=0) == float("inf")


def test_a_sum_is_as_uncertain_as_its_parts():
    """Equal parts combine as independent ones do, and unchanged parts keep their width."""
    part = Bounds(-0.01, 0.03)

    total = sum_bounds([0.0] * 4, [part] * 4, factors=[0.25] * 4)

    assert total.upper == pytest.approx(0.015)
    assert total.lower == pytest.approx(-0.005)
    assert median_bounds([part, Bounds(0.0, 0.1), Bounds(0.2, 0.4)]) == Bounds(0.0, 0.1)
