"""One group of visual tokens: what stays, what leaves, which position ids are left."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.errors import InertInterventionError, SpecError
from ipllvm_spec.interventions.apply import Draw, apply_tokens, split
from ipllvm_spec.interventions.base import TokenKind, VisualTokens
from ipllvm_spec.interventions.groups import keep_group
from ipllvm_spec.spec.interventions import (
    BlankImage,
    KeepGroup,
    PermuteTokens,
    from_canonical,
    parse_intervention,
)
from ipllvm_spec.spec.token_interventions import Layout, layout_after

DRAW = Draw(item_id="q-17", repeat=0, suite_seed=11)
HOWS = st.sampled_from(["keep", "meanpool"])
POSITIONS = st.sampled_from(["repacked", "retained"])


def visual(rows, columns, *, others=0):
    """Tokens that carry their first place as value: a base view and what else there is."""
    count = rows * columns + others
    kinds = [TokenKind.BASE] * (rows * columns) + [TokenKind.NEWLINE] * others
    return VisualTokens(
        tokens=torch.arange(count, dtype=torch.float32)[:, None].repeat(1, 3),
        kinds=torch.tensor(kinds, dtype=torch.int8),
        positions=torch.arange(count),
        grid=(rows, columns),
    )


def places(tokens):
    """The first place of the token in each slot."""
    return tokens.tokens[:, 0].int().tolist()


def cells(m, **settings):
    """Every group of an m x m grid, row by row."""
    return [KeepGroup(m=m, group=(r, c), **settings) for r in range(m) for c in range(m)]


@st.composite
def grids(draw):
    """Draws m and the sides of a grid that it can be laid over."""
    m = draw(st.integers(1, 7))
    return m, draw(st.integers(m, 30)), draw(st.integers(m, 30))


@given(grids(), st.integers(0, 9), POSITIONS)
def test_groups_partition_the_patch_tokens(sides, others, positions):
    """For any grid and m each patch token is in exactly one group, as numpy.array_split cuts."""
    m, rows, columns = sides
    before = visual(rows, columns, others=others)
    kept = [keep_group(c, before, seed=0) for c in cells(m, positions=positions)]
    assert sorted(place for each in kept for place in places(each)) == list(range(rows * columns))
    square = np.arange(rows * columns).reshape(rows, columns)
    bands = np.array_split(square, m)
    expected = [part.ravel().tolist() for b in bands for part in np.array_split(b, m, axis=1)]
    assert [places(each) for each in kept] == expected
    for each in kept:
        assert (each.kinds == TokenKind.BASE).all()
        assert each.tokens.shape[0] + each.removed == before.tokens.shape[0]
        assert each.grid[0] * each.grid[1] == each.tokens.shape[0]


def test_a_ragged_grid_differs_by_one():
    """27 patches and m = 6: three cells of 5, three of 4."""
    sides = [keep_group(c, visual(27, 27), seed=0).grid for c in cells(6)]
    assert [rows for rows, _ in sides[::6]] == [5, 5, 5, 4, 4, 4]
    assert [columns for _, columns in sides[:6]] == [5, 5, 5, 4, 4, 4]


@given(grids(), st.integers(0, 9))
def test_position_ids_are_repacked_or_retained(sides, others):
    """Repacked ids count from 0 and leave no gap; retained ones are those of the whole span."""
    m, rows, columns = sides
    before = visual(rows, columns, others=others)
    last = (m - 1, m - 1)
    short = keep_group(KeepGroup(m=m, group=last), before, seed=0)
    assert short.positions.tolist() == list(range(short.tokens.shape[0]))
    assert short.vacant == 0
    whole = keep_group(KeepGroup(m=m, group=last, positions="retained"), before, seed=0)
    assert whole.positions.tolist() == places(whole)
    assert whole.tokens.shape[0] + whole.vacant == before.tokens.shape[0]


@given(grids(), POSITIONS)
def test_meanpool_is_the_mean_of_the_group(sides, positions):
    """One token with the mean of what ``keep`` keeps; a retained id is the cell's centre."""
    m, rows, columns = sides
    before = visual(rows, columns)
    for group in ((0, 0), (m - 1, 0), (m // 2, m - 1)):
        kept = keep_group(KeepGroup(m=m, group=group, positions=positions), before, seed=0)
        step = KeepGroup(m=m, group=group, how="meanpool", positions=positions)
        pooled = keep_group(step, before, seed=0)
        assert pooled.tokens.shape == (1, 3)
        torch.testing.assert_close(pooled.tokens[0], kept.tokens.mean(dim=0))
        assert (pooled.grid, pooled.removed) == ((1, 1), rows * columns - 1)
        height, width = kept.grid
        centre = kept.positions.reshape(height, width)[(height - 1) // 2, (width - 1) // 2]
        assert pooled.positions.tolist() == [int(centre) if positions == "retained" else 0]


@given(grids(), HOWS, POSITIONS)
def test_the_layout_is_known_without_tokens(sides, how, positions):
    """What a plan reckons with is what is left when the step is applied."""
    m, rows, columns = sides
    before = visual(rows, columns)
    for step in cells(m, how=how, positions=positions):
        left = keep_group(step, before, seed=0)
        planned = layout_after(step, Layout(rows * columns, (rows, columns)))
        assert planned == Layout(left.tokens.shape[0], left.grid)


def test_one_cell_is_inert_and_reported():
    """With m = 1 and ``keep`` a single grid stays as it is, bit for bit: no measurement."""
    before = visual(4, 4)
    for positions in ("repacked", "retained"):
        step = KeepGroup(m=1, group=(0, 0), positions=positions)
        assert keep_group(step, before, seed=0).equals(before)
        with pytest.raises(InertInterventionError, match=r"KeepGroup.*'q-17'"):
            apply_tokens(split(step).tokens, before, draw=DRAW)
    # With several views it removes the others.
    assert places(keep_group(step, visual(4, 4, others=5), seed=0)) == list(range(16))


def test_a_retained_id_alone_is_a_change():
    """Kept first tokens with and without the gap behind them are different inputs."""
    before = visual(4, 4)
    short, whole = (
        keep_group(KeepGroup(m=4, group=(0, 0), positions=p), before, seed=0)
        for p in ("repacked", "retained")
    )
    assert torch.equal(short.tokens, whole.tokens)
    assert torch.equal(short.positions, whole.positions)
    assert not short.equals(whole)


def test_steps_compose():
    """A group of a group, a group of a shuffled image, and a shuffled group."""
    before = visual(8, 8)
    inner = KeepGroup(m=2, group=(1, 1)) >> KeepGroup(m=2, group=(0, 1), positions="retained")
    found = apply_tokens(split(inner).tokens, before, draw=DRAW)
    assert places(found) == [38, 39, 46, 47]
    assert (found.removed, found.vacant, found.positions.tolist()) == (60, 12, [2, 3, 6, 7])
    assert layout_after(inner, Layout(64, (8, 8))) == Layout(4, (2, 2))
    moved = PermuteTokens(order=(1, 0), positions="travel") >> KeepGroup(m=2, group=(0, 0))
    found = apply_tokens(split(moved).tokens, before, draw=DRAW)
    assert places(found) == [32, 33, 34, 35, 40, 41, 42, 43, 48, 49, 50, 51, 56, 57, 58, 59]
    assert found.positions.tolist() == list(range(16))
    mixed = KeepGroup(m=2, group=(0, 0)) >> PermuteTokens()
    found = apply_tokens(split(mixed).tokens, before, draw=DRAW)
    assert sorted(places(found)) == [r * 8 + c for r in range(4) for c in range(4)]


def test_values_survive_keys_and_specs():
    """Canonical text and TOML tables rebuild the value, also inside a chain."""
    step = KeepGroup(m=6, group=(2, 5), how="meanpool", positions="retained")
    for value in (step, BlankImage() >> step, step >> PermuteTokens()):
        assert from_canonical(value.canonical()) == value
    table = {"m": 6, "group": [2, 5], "how": "meanpool", "positions": "retained"}
    assert parse_intervention({"keep_group": table}) == step
    assert eval(repr(step), {"KeepGroup": KeepGroup}) == step
    assert step.needs() == {"visual_tokens"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"m": 4, "group": [4, 0]}, r"group \(4, 0\) is outside a grid of 4 x 4"),
        ({"m": 4, "group": [-1, 0]}, "outside"),
        ({"m": 0, "group": [0, 0]}, "m"),
        ({"m": 4, "group": [0, 0], "how": "max"}, "how"),
    ],
)
def test_a_group_that_does_not_exist_is_an_error(table, message):
    """The message names the group and the grid."""
    with pytest.raises(SpecError, match=message):
        parse_intervention({"keep_group": table})


def test_tokens_without_a_fitting_grid_are_an_error():
    """No grid at all, or fewer patches a side than cells."""
    with pytest.raises(SpecError, match="3 x 9 patches into more cells") as caught:
        keep_group(KeepGroup(m=4, group=(0, 0)), visual(3, 9), seed=0)
    assert caught.value.advice == "choose m of at most 3"
    with pytest.raises(SpecError, match="form a grid"):
        KeepGroup(m=4, group=(0, 0)).block(None)
