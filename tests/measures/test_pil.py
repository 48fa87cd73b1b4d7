"""Patch information loss: maps, regions, contrast and a spread that noise does not make."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.measures.pil import centre_minus_edge, pil_map, regions, spread


def scores(m, n, seed, *, chance=0.5):
    """Unit scores of 0 and 1 by group, the same chance everywhere."""
    return (np.random.default_rng(seed).random((m, m, n)) < chance).astype(float)


@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 99), st.sampled_from([None, 0.1]))
def test_a_map_is_the_formula_cell_by_cell(m, n, seed, chance):
    """Each cell is (s_full - s_group) / (s_full - chance) of weighted means, by plain loops."""
    generator = np.random.default_rng(seed)
    full, weights = generator.random(n) + 0.2, generator.random(n) + 0.1
    groups = scores(m, n, seed)
    found = pil_map(full, groups, weights=weights, chance=chance)
    before = sum(f * w for f, w in zip(full, weights, strict=True)) / sum(weights)
    for row in range(m):
        for column in range(m):
            kept = groups[row, column]
            after = sum(s * w for s, w in zip(kept, weights, strict=True)) / sum(weights)
            assert found[row, column] == pytest.approx((before - after) / (before - (chance or 0)))


def test_what_is_all_kept_all_lost_or_improved():
    """0, 1 and a negative loss; with chance, an answer by guessing has lost everything."""
    full = np.array([0.5, 0.5])
    groups = np.array([[[0.5, 0.5], [0.0, 0.0]], [[1.0, 1.0], [0.25, 0.25]]])
    ones = np.ones(2)
    assert pil_map(full, groups, weights=ones).tolist() == [[0.0, 1.0], [-1.0, 0.5]]
    assert pil_map(full, groups, weights=ones, chance=0.25)[1, 1] == 1.0


@pytest.mark.parametrize(("full", "chance"), [(0.0, None), (0.25, 0.25), (0.2, 0.25)])
def test_a_model_with_nothing_to_lose_has_no_map(full, chance):
    """The ratio is undefined, and a NaN is never taken for a loss of nothing."""
    found = pil_map(np.full(3, full), np.zeros((4, 4, 3)), weights=np.ones(3), chance=chance)
    assert found.shape == (4, 4)
    assert np.isnan(found).all()


@given(st.integers(3, 40))
def test_centre_and_edge_are_disjoint_and_symmetric(m):
    """Both exist for every m, and turning or mirroring the map changes neither."""
    found = regions(m)
    assert found.centre.any()
    assert not (found.centre & found.edge).any()
    assert found.edge.sum() == 4 * (m - 1)
    for part in (found.centre, found.edge):
        assert (part == part.T).all()
        assert (part == part[::-1]).all()
    rows = np.flatnonzero(found.centre.any(axis=1))
    assert ((rows + 0.5 >= m / 4) & (rows + 0.5 <= 3 * m / 4)).all()


def test_regions_of_the_sizes_in_use():
    """For m = 4 and 8 the inner half, for m = 6 the 4 x 4 cells whose middles lie in it."""
    assert regions(3).centre.sum() == 1
    assert regions(4).centre.sum() == 4
    assert regions(6).centre[1:5, 1:5].all()
    assert regions(6).centre.sum() == 16
    assert regions(8).centre.sum() == 16
    with pytest.raises(ValueError, match="has no centre"):
        regions(2)


def test_the_contrast_is_per_unit():
    """A unit that only the centre answers counts 1, one that only the edge answers -1."""
    where = regions(4)
    groups = np.zeros((4, 4, 3))
    groups[where.centre, 0] = 1.0
    groups[where.edge, 1] = 1.0
    groups[..., 2] = 1.0
    assert centre_minus_edge(groups).tolist() == [1.0, -1.0, 0.0]
    noise = scores(6, 50, 3)
    by_map = noise.mean(axis=2)
    where = regions(6)
    expected = by_map[where.centre].mean() - by_map[where.edge].mean()
    assert centre_minus_edge(noise).mean() == pytest.approx(expected)


def test_a_spread_of_noise_is_rarely_called_localised():
    """Units of unequal difficulty, groups that mean nothing: at most 5 % false alarms."""
    generator = np.random.default_rng(11)
    alarms = 0
    for trial in range(300):
        difficulty = generator.random(40)
        groups = (generator.random((3, 3, 40)) < difficulty).astype(float)
        found = spread(groups, weights=np.ones(40), seed=trial, draws=99)
        assert found.value > 0
        alarms += found.p_value <= 0.05
    # 300 trials at 5 %: more than 25 happen once in a hundred times.
    assert alarms <= 25


def test_a_group_that_knows_more_is_found():
    """One group right on half of the units more than all others."""
    groups = scores(4, 120, 5, chance=0.3)
    groups[1, 2, :60] = 1.0
    found = spread(groups, weights=np.ones(120), seed=1)
    assert found.value > found.null
    assert found.p_value == 0.001


def test_equal_groups_have_no_spread():
    """Answers that never depend on the group: a spread of 0, which every draw ties."""
    groups = np.broadcast_to(scores(1, 20, 2), (3, 3, 20))
    found = spread(groups, weights=np.ones(20), seed=1, draws=50)
    assert (found.value, found.null, found.p_value) == (0.0, 0.0, 1.0)


@given(st.integers(0, 2**32), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_the_seed_decides_and_weights_scale_out(seed, factor):
    """Equal seeds, equal nulls; multiplied weights change nothing."""
    groups, weights = scores(3, 15, 4), np.linspace(1, 2, 15)
    first = spread(groups, weights=weights, seed=seed, draws=30)
    again = spread(groups, weights=factor * weights, seed=seed, draws=30)
    assert again.value == pytest.approx(first.value)
    assert again.null == pytest.approx(first.null)
    assert again.p_value == first.p_value


@pytest.mark.parametrize(
    "call",
    [
        lambda: pil_map(np.ones(2), np.ones((3, 2, 2)), weights=np.ones(2)),
        lambda: pil_map(np.ones(3), np.ones((3, 3, 2)), weights=np.ones(2)),
        lambda: pil_map(np.ones(2), np.ones((3, 3, 2)), weights=np.zeros(2)),
        lambda: centre_minus_edge(np.ones((3, 3))),
        lambda: spread(np.ones((3, 3, 2)), weights=np.ones(3), seed=1),
        lambda: spread(np.ones((3, 3, 2)), weights=np.ones(2), seed=1, draws=0),
    ],
)
def test_shapes_that_do_not_fit_are_errors(call):
    """Nothing is broadcast by accident."""
    with pytest.raises(ValueError, match=r"must be|do not fit|no null"):
        call()
