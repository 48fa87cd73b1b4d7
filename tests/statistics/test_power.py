"""Numbers of units: floors, sample sizes and detectable differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.statistics.intervals import score_bounds, summarise_counts
from ipllvm_spec.statistics.power import detectable, floor_bound, floor_units, sample_size

ALPHA = 0.05


@given(st.floats(0.001, 0.5))
def test_the_floor_is_the_smallest_n_that_can_pass(limit):
    """One unit fewer and even unchanged answers do not show the limit."""
    n = floor_units(limit, alpha=ALPHA)
    assert n is not None

    assert floor_bound(n, alpha=ALPHA) <= limit + 1e-9
    assert n == 1 or floor_bound(n - 1, alpha=ALPHA) > limit


def test_known_floors():
    """2 points need 133 units; 50 units show 5.1 points at best; no n shows 0."""
    assert floor_units(0.02, alpha=ALPHA) == 133
    assert floor_bound(50, alpha=ALPHA) == pytest.approx(0.051, abs=5e-4)
    assert floor_units(0.0, alpha=ALPHA) is None


@pytest.mark.parametrize(
    ("difference", "discordance", "n"),
    [
        (0.0, 0.01, 297),
        (0.0, 0.02, 425),
        (0.0, 0.04, 695),
        (0.0, 0.08, 1277),
        (0.0, 0.30, 4642),
        (0.005, 0.01, 488),
        (0.005, 0.15, 4145),
        (0.01, 0.04, 2631),
    ],
)
def test_units_for_80_percent_power(difference, discordance, n):
    """Units to show "at most 2 points", from the design's table."""
    found = sample_size(0.02, difference=difference, discordance=discordance, alpha=ALPHA)

    assert found == pytest.approx(n, abs=1)


@pytest.mark.parametrize(("difference", "discordance"), [(0.0, 0.04), (0.005, 0.02), (0.05, 0.1)])
def test_the_promised_power_is_there(difference, discordance):
    """With that many units about 80 % of simulated measurements decide, on either side."""
    n = sample_size(0.02, difference=difference, discordance=discordance, alpha=ALPHA)
    assert n is not None
    rng = np.random.default_rng(1)
    worse, better = (discordance + difference) / 2, (discordance - difference) / 2
    counts = rng.multinomial(n, [worse, better, 1 - worse - better], size=600)

    bounds = score_bounds(
        [summarise_counts(int(a), int(b), n=n, alpha=ALPHA) for a, b, _ in counts]
    )
    decided = [b.upper <= 0.02 if difference < 0.02 else b.lower > 0.02 for b in bounds]

    assert 0.74 <= np.mean(decided) <= 0.9


def test_a_value_on_the_limit_is_never_decided():
    """No number of units separates a value from itself."""
    assert sample_size(0.02, difference=0.02, discordance=0.1, alpha=ALPHA) is None


@pytest.mark.parametrize(
    ("n", "discordance", "points"), [(300, 0.05, 3.21), (1500, 0.02, 0.91), (1000, 0.3, 4.31)]
)
def test_detectable_differences(n, discordance, points):
    """Detectable differences in points, from the design's table."""
    found = 100 * detectable(n, discordance=discordance, alpha=ALPHA)

    assert found == pytest.approx(points, abs=0.01)


def test_unchanged_units_still_have_a_detectable_difference():
    """Zero observed changes do not make every difference detectable."""
    assert detectable(300, discordance=0.0, alpha=ALPHA) == floor_bound(300, alpha=ALPHA)
