"""Grid shuffles: no pixel of a cell is lost, whatever the image's mode, size and order."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ipllvm_spec.errors import InertInterventionError
from ipllvm_spec.interventions.apply import Draw, apply_pixels, split
from ipllvm_spec.interventions.grids import cell_sides, cut, grid_shuffle, join
from ipllvm_spec.spec.interventions import GridShuffle
from ipllvm_spec.spec.orders import inverse
from ipllvm_spec.strategies import PADDINGS, grid_shuffles, permutations_of
from tests.pictures import MODES, noise, pictures, seen

LAWS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**63 - 1)
shuffles = st.builds(GridShuffle, grid=st.integers(1, 16), padding=st.sampled_from(PADDINGS))
ordered = st.integers(1, 4).flatmap(lambda g: grid_shuffles(g, paddings=PADDINGS, identity=True))


def cells(image, grid):
    """The multiset of an image's cells."""
    return Counter(cell.tobytes() for cell in cut(seen(image), grid))


def fitted_side(side, step):
    """The side after declared cropping or padding."""
    if step.padding == "crop" and side >= step.grid:
        return side - side % step.grid
    return side + -side % step.grid


@LAWS
@given(image=pictures, step=shuffles | ordered, seed=SEEDS)
@example(image=noise(1, 1), step=GridShuffle(grid=14), seed=0)
@example(image=noise(10_000, 3), step=GridShuffle(grid=14), seed=0)
@example(image=noise(10_000, 15, mode="P"), step=GridShuffle(grid=14, padding="reflect"), seed=1)
def test_any_image_has_the_declared_size_and_is_left_untouched(image, step, seed):
    """Either nothing moved and the very image comes back, or an RGB one of the declared size."""
    before = image.tobytes()
    after = grid_shuffle(step, image, seed=seed)
    assert image.tobytes() == before
    if after is not image:
        assert after.mode == "RGB"
        assert after.size == tuple(fitted_side(side, step) for side in image.size)


@LAWS
@given(image=pictures, step=shuffles | ordered, seed=SEEDS)
def test_cells_are_permuted_and_none_is_lost(image, step, seed):
    """The cells of the cropped or padded image come back, each as often as before."""
    after = grid_shuffle(step, image, seed=seed)
    if after is image:
        return
    pixels = seen(image)
    for axis, side in enumerate(pixels.shape[:2]):
        change = fitted_side(side, step) - side
        if change < 0:
            pixels = np.take(pixels, np.arange(-change // 2, side - (-change - -change // 2)), axis)
        around = [(0, 0)] * 3
        around[axis] = (max(0, change) // 2, max(0, change) - max(0, change) // 2)
        pixels = np.pad(pixels, around, mode="reflect")
    whole = Counter(cell.tobytes() for cell in cut(pixels, step.grid))
    assert cells(after, step.grid) == whole


@LAWS
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    order=st.integers(1, 4).flatmap(lambda grid: permutations_of(grid * grid)),
)
def test_an_order_and_its_inverse_give_the_image_back(rows, columns, order):
    """Also cell by cell: cell j holds what was in cell order[j]."""
    grid = int(len(order) ** 0.5)
    image = noise(columns * grid, rows * grid)
    there = grid_shuffle(GridShuffle(grid=grid, order=order), image, seed=0)
    back = grid_shuffle(GridShuffle(grid=grid, order=inverse(order)), there, seed=0)
    before, after = cut(seen(image), grid), cut(seen(there), grid)
    assert all(np.array_equal(after[slot], before[source]) for slot, source in enumerate(order))
    assert np.array_equal(seen(back), seen(image))


@LAWS
@given(grid=st.integers(1, 6), rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_cutting_and_joining_cancel(grid, rows, columns):
    """Nothing is lost between them."""
    pixels = seen(noise(grid * columns, grid * rows))
    assert np.array_equal(join(cut(pixels, grid), grid), pixels)


@LAWS
@given(side=st.integers(1, 10_000), grid=st.integers(1, 40))
def test_cells_cover_a_side_and_differ_by_one_pixel_at_most(side, grid):
    """Also where there are fewer pixels than cells."""
    sizes = cell_sides(side, grid)
    assert len(sizes) == grid
    assert sizes.sum() == side
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", [GridShuffle(grid=1), GridShuffle(grid=2, order=(0, 1, 2, 3))])
@pytest.mark.parametrize("padding", PADDINGS)
def test_what_moves_nothing_is_inert_although_the_grid_does_not_divide(mode, step, padding):
    """A cropped or padded image is no shuffled one."""
    step = step.model_copy(update={"padding": padding})
    with pytest.raises(InertInterventionError, match=r"GridShuffle.*every pixel.*'q'"):
        apply_pixels(split(step).pixels, noise(7, 5, mode=mode), draw=Draw("q", 0, 0))


def test_equal_cells_are_inert():
    """A plain image has nothing to shuffle, divisible or not."""
    plain = noise(15, 15).point(lambda _: 7)
    with pytest.raises(InertInterventionError):
        apply_pixels(split(GridShuffle(grid=4)).pixels, plain, draw=Draw("q", 0, 0))


def test_draws_follow_item_and_repeat_and_nothing_else():
    """Fresh per item and repeat, the same again from the same draw."""
    steps, image = split(GridShuffle(grid=4)).pixels, noise(8, 8)
    draws = [Draw("a", 0, 1), Draw("b", 0, 1), Draw("a", 1, 1), Draw("a", 0, 2), Draw("a", 0, 1)]
    made = [apply_pixels(steps, image, draw=draw).tobytes() for draw in draws]
    assert len(set(made)) == 4
    assert made[0] == made[4]


def test_a_fresh_shuffle_is_uniform_over_what_moves_something():
    """All 23 orders of four cells but the identity come up, none much more often than others."""
    image = noise(2, 2, seed=3)
    counts = Counter(
        grid_shuffle(GridShuffle(grid=2), image, seed=seed).tobytes() for seed in range(2300)
    )
    assert len(counts) == 23
    assert image.tobytes() not in counts
    # Chi-square with 22 degrees of freedom stays below 49 in 99.9 % of cases.
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 49


def test_cropping_takes_from_both_ends_and_reflecting_adds_to_both():
    """Five columns in two cells: the last one is cut off, or the fourth is seen again."""
    image = noise(5, 2)
    swap = {"grid": 2, "order": (1, 0, 3, 2)}
    cropped = seen(grid_shuffle(GridShuffle(**swap), image, seed=0))
    padded = seen(grid_shuffle(GridShuffle(**swap, padding="reflect"), image, seed=0))
    assert np.array_equal(cropped, seen(image)[:, [2, 3, 0, 1]])
    assert np.array_equal(padded, seen(image)[:, [3, 4, 3, 0, 1, 2]])
