"""Bounds of a ratio: its definition, the case of a known denominator, and where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from ipllvm_spec.statistics.intervals import clustered_mean
from ipllvm_spec.statistics.quantiles import t_quantile
from ipllvm_spec.statistics.ratios import ratio_bounds

ALPHA = 0.025


def sample(seed, n=200, clusters=80):
    """Right and wrong answers in clusters, the numerator right about half as often."""
    generator = np.random.default_rng(seed)
    index = np.concatenate([np.arange(clusters), generator.integers(0, clusters, n - clusters)])
    whole = (generator.random(n) < 0.8).astype(float)
    part = whole * (generator.random(n) < 0.5)
    return part, whole, generator.random(n) + 0.5, index


def test_at_a_bound_the_difference_is_just_compatible_with_nothing():
    """The mean of numerator - r * denominator lies t standard errors from 0."""
    part, whole, weights, index = sample(1)
    bounds = ratio_bounds(part, whole, weights=weights, clusters=index, alpha=ALPHA)
    critical = t_quantile(1 - ALPHA, df=79)
    for bound, sign in ((bounds.lower, 1), (bounds.upper, -1)):
        mean = clustered_mean(part - bound * whole, weights=weights, clusters=index)
        assert sign * mean.mean == pytest.approx(critical * mean.error)


def test_a_denominator_without_error_gives_the_bounds_of_the_mean():
    """Two of four, all answered intact: 0.5 +- t * standard error."""
    part, ones = np.array([1.0, 1.0, 0.0, 0.0]), np.ones(4)
    bounds = ratio_bounds(part, ones, weights=ones, clusters=np.arange(4), alpha=ALPHA)
    reach = 3.18245 * (0.25 / 3) ** 0.5
    assert bounds == pytest.approx((0.5 - reach, 0.5 + reach), abs=1e-4)


def test_coverage():
    """The true ratio of 0.5 lies within at about the declared rate."""
    held = 0
    for seed in range(400):
        part, whole, weights, index = sample(seed)
        bounds = ratio_bounds(part, whole, weights=weights, clusters=index, alpha=ALPHA)
        held += bounds.lower <= 0.5 <= bounds.upper
    assert 0.92 <= held / 400 <= 0.98


def test_no_bounds():
    """One cluster, or hardly any score to lose, leaves the ratio open."""
    ones = np.ones(4)
    one = np.zeros(4, dtype=np.intp)
    assert ratio_bounds(ones, ones, weights=ones, clusters=one, alpha=ALPHA) is None
    rare = np.array([1.0, 0.0, 0.0, 0.0])
    assert ratio_bounds(ones, rare, weights=ones, clusters=np.arange(4), alpha=ALPHA) is None
