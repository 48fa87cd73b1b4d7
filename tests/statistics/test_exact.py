"""Exact arithmetic at the limit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.statistics.exact import as_fraction, decimal, exact_mean


@given(st.integers(0, 3000), st.integers(1, 3000))
def test_ratios_of_counts_are_recovered(top, bottom):
    """A score k/n survives the trip through a float."""
    if top <= bottom:
        assert as_fraction(top / bottom) == Fraction(top, bottom)


def test_sums_of_tenths_are_recovered():
    """0.1 + 0.2 is three tenths, as the judge who gave the scores meant."""
    assert as_fraction(0.1 + 0.2) == Fraction(3, 10)
    assert as_fraction(1 / 14 / 147) == Fraction(1, 2058)


def test_other_floats_are_taken_at_their_value():
    """Nothing is rounded to a neighbour: a probability stays what it is."""
    value = 0.12345678901234566

    assert as_fraction(value) == Fraction(value)


def test_limits_are_decimals():
    """A limit of 2.3 is 23/10, not the float beside it."""
    assert decimal(2.3) == Fraction(23, 10)
    assert Fraction(2.3) != Fraction(23, 10)


@pytest.mark.parametrize("n", [7, 49, 150, 300, 1187, 1495])
def test_the_mean_is_exact_where_floats_are_not(n):
    """Ones among n units give their ratio, for weights that are floats of 1/n."""
    k = n // 3
    scores = np.concatenate([np.ones(k), np.zeros(n - k)])[None, :]

    assert exact_mean(scores, np.full(n, 1.0 / n)) == Fraction(k, n)


def test_repeats_are_averaged_exactly():
    """Three repeats give thirds."""
    scores = np.array([[1.0, 0.0, 0.25], [0.0, 0.0, 1.0], [0.0, 0.0, 0.25]])

    assert exact_mean(scores, np.ones(3)) == Fraction(1 + Fraction(3, 2), 9)


def test_weights_of_unequal_subtasks_are_exact():
    """MME: 14 subtasks of different size, every image right in one of them."""
    images = [30] * 4 + [147, 170, 200, 200, 200, 20, 70, 20, 20, 20]
    weights = np.concatenate([np.full(count, 1 / 14 / count) for count in images])
    scores = np.zeros((1, len(weights)))
    scores[0, 120:267] = 1.0

    assert exact_mean(scores, weights) == Fraction(1, 14)
