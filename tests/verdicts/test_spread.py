"""The spread of a map: its bounds hold as often as they say; what means nothing never passes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ipllvm_spec.errors import SpecError, UsageError
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.spread import judge_spread
from ipllvm_spec.verdicts.streams import Layout
from ipllvm_spec.verdicts.verdict import Outcome

LIMIT = Limit(statistic="spread", at_least=1.0, target="population", why="a test")


def layout(n, *, total=None, size=1):
    """Equal units in clusters of a size."""
    total = total or n
    clusters = [str(i // size) for i in range(total)]
    return Layout.of(SimpleNamespace(weights=np.ones(total), clusters=clusters, available=total))


def decided(table, limit=LIMIT, **more):
    """Judges the rows of a table as conditions."""
    return judge_spread(list(table), layout(table.shape[1], **more), limit, seed=1)


def test_groups_that_mean_nothing_rarely_pass():
    """Sixteen equal groups: at most one trial in twenty passes, with a margin for luck."""
    generator = np.random.default_rng(0)
    passed = 0
    for _ in range(40):
        table = (generator.random((16, 80)) < generator.random(80)).astype(float)
        passed += decided(table).outcome is Outcome.PASS
    assert passed <= 6


def test_a_group_that_keeps_more_passes():
    """One group answers half as many units again as the others."""
    generator = np.random.default_rng(0)
    table = (generator.random((9, 300)) < 0.4).astype(float)
    table[4] = generator.random(300) < 0.8
    found = decided(table)
    assert found.outcome is Outcome.PASS
    assert found.lower > 1.0
    assert found.details["p_value"] < 0.01


def test_equal_answers_fail_whatever_is_kept():
    """Every group gives the same answers: spread 0, and no n would change that."""
    row = np.arange(40) % 2
    found = decided(np.stack([row, row, row]).astype(float))
    assert found.outcome is Outcome.FAIL
    assert (found.estimate, found.lower, found.upper) == pytest.approx((0.0, 0.0, 0.0))


def test_too_few_units_say_how_many_are_needed():
    """A true difference that 40 units cannot show is undecided, with the n that could."""
    generator = np.random.default_rng(3)
    table = (generator.random((16, 40)) < 0.4).astype(float)
    found = decided(table)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.n_needed > 40


def test_the_upper_bound_covers_the_true_spread():
    """The true spread lies above the upper bound in at most one trial in twenty, and luck."""
    generator = np.random.default_rng(5)
    missed = 0
    for _ in range(50):
        rights = np.linspace(0.4, 0.6, 6)
        table = (generator.random((6, 120)) < rights[:, None]).astype(float)
        missed += decided(table).upper < 20.0
    assert missed <= 7


def test_units_of_one_image_count_once():
    """Four copies of each unit add nothing: bounds stay as wide as those of the images."""
    generator = np.random.default_rng(7)
    table = (generator.random((6, 50)) < 0.5).astype(float)
    alone = decided(table)
    copied = judge_spread(list(np.repeat(table, 4, axis=1)), layout(200, size=4), LIMIT, seed=1)
    assert copied.estimate == pytest.approx(alone.estimate)
    assert copied.upper == pytest.approx(alone.upper)
    assert copied.lower == pytest.approx(alone.lower, abs=2.5)
    assert copied.clusters == 50


def test_a_cut_benchmark_says_so():
    """The first units of more are not the benchmark."""
    table = np.eye(3).repeat(10, axis=1)
    found = judge_spread(list(table), layout(30, total=90), LIMIT, seed=1)
    assert found.cut
    assert found.n == 30


def test_one_condition_or_another_statistic_is_refused():
    """A spread needs two groups and its own limit."""
    with pytest.raises(UsageError, match="two conditions"):
        decided(np.ones((1, 4)))
    other = Limit(statistic="contrast", at_least=1.0, why="a test")
    with pytest.raises(SpecError, match="spread"):
        decided(np.ones((2, 4)), other)
