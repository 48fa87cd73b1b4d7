"""Occlusions: which patches are hidden, how many, and what is seen instead."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import ImageFilter

from ipllvm_spec.errors import EngineError, InertInterventionError, ModelError
from ipllvm_spec.interventions.aids import Aids
from ipllvm_spec.interventions.apply import Draw, Step, apply_pixels, split
from ipllvm_spec.interventions.occlusion import (
    dropped_patches,
    on_pixels,
    patch_drop,
    saliency_map,
)
from ipllvm_spec.spec.interventions import PatchDrop
from ipllvm_spec.strategies import FILLS, KINDS, chosen_drops, patch_drops
from tests.pictures import MODES, noise, pictures, seen

LAWS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**63 - 1)
GRIDS = st.integers(1, 16)
RATIOS = st.floats(0, 1)
DRAW = Draw("q-17", 0, 11)


def heads(seed, shape=(6, 14, 14)):
    """Attention of a made-up saliency model; every value is positive."""
    return np.random.default_rng(seed).uniform(0.01, 1.0, shape)


def looking(image):
    """A saliency model that depends on the image and nothing else."""
    return heads(int(seen(image).sum()))


def hidden(step, seed=0):
    """The mask that a step gives, with made-up attention where it needs some."""
    attention = saliency_map(heads(seed), step) if step.needs_saliency else None
    return dropped_patches(step, seed=seed, attention=attention)


named = st.integers(1, 6).flatmap(lambda g: patch_drops(g, 1.0, fills=FILLS, empty=True))


@LAWS
@given(image=pictures, step=chosen_drops() | named, seed=SEEDS)
@example(image=noise(1, 1), step=PatchDrop(kind="random", ratio=0.5), seed=0)
@example(image=noise(10_000, 3), step=PatchDrop(kind="random", ratio=0.5, fill="blur"), seed=0)
@example(image=noise(10_000, 20, mode="CMYK"), step=PatchDrop(kind="salient", ratio=0.5), seed=0)
def test_any_image_keeps_its_size_and_what_is_not_hidden(image, step, seed):
    """Visible pixels stay bit by bit, hidden ones are the filler, the given image is untouched."""
    before = image.tobytes()
    after = patch_drop(step, image, seed=seed, item_id="q", aids=Aids(saliency=looking))
    assert image.tobytes() == before
    assert (after.mode, after.size) == ("RGB", image.size)
    attention = saliency_map(looking(image), step) if step.needs_saliency else None
    mask = on_pixels(dropped_patches(step, seed=seed, attention=attention), image.size)
    assert np.array_equal(seen(after)[~mask], seen(image)[~mask])
    if step.fill == "zero":
        assert not seen(after)[mask].any()


@LAWS
@given(grid=GRIDS, ratio=RATIOS, kind=st.sampled_from(KINDS), seed=SEEDS)
def test_a_ratio_hides_the_nearest_count(grid, ratio, kind, seed):
    """Exactly; the nearest integer, a half down."""
    step = PatchDrop(kind=kind, ratio=ratio, grid=grid)
    exact = Fraction(round(ratio * grid**2, 9))
    assert hidden(step, seed).sum() == step.dropped() == ceil(exact - Fraction(1, 2))


@LAWS
@given(data=st.data(), grid=GRIDS, kind=st.sampled_from(KINDS), seed=SEEDS)
def test_a_count_hides_that_many(data, grid, kind, seed):
    """Exactly."""
    count = data.draw(st.integers(0, grid**2))
    assert hidden(PatchDrop(kind=kind, count=count, grid=grid), seed).sum() == count


@pytest.mark.parametrize(("ratio", "count"), [(0.0, 0), (0.3, 59), (0.5, 98), (0.7, 137), (1, 196)])
def test_the_ratios_of_the_paper_on_its_grid(ratio, count):
    """Of 196 patches."""
    assert PatchDrop(kind="random", ratio=ratio).dropped() == count


@LAWS
@given(
    grid=GRIDS,
    ratios=st.tuples(RATIOS, RATIOS).map(sorted),
    kind=st.sampled_from(KINDS),
    item=st.text(max_size=5),
    fills=st.tuples(st.sampled_from(FILLS), st.sampled_from(FILLS)),
)
def test_masks_are_nested_across_ratios(grid, ratios, kind, item, fills):
    """Through the seeds that a measurement uses: more is hidden, never something else."""
    small, large = (
        PatchDrop(kind=kind, ratio=ratio, grid=grid, fill=fill)
        for ratio, fill in zip(ratios, fills, strict=True)
    )
    draw = Draw(item, 3, 11)
    attention = saliency_map(heads(1), small)
    fewer, more = (
        dropped_patches(step, seed=Step(0, step).seed(draw), attention=attention)
        for step in (small, large)
    )
    assert not (fewer & ~more).any()


@LAWS
@given(grid=GRIDS, ratio=st.floats(0, 0.5), seed=SEEDS)
def test_salient_and_non_salient_do_not_overlap_up_to_one_half(grid, ratio, seed):
    """Also for an odd number of patches; and every salient one is attended at least as much."""
    salient, rest = (
        PatchDrop(kind=kind, ratio=ratio, grid=grid) for kind in ("salient", "non_salient")
    )
    most, least = hidden(salient, seed), hidden(rest, seed)
    assert not (most & least).any()
    attention = saliency_map(heads(seed), salient)
    if most.any():
        assert attention[most].min() >= attention[~most].max(initial=0)
        assert attention[least].max() <= attention[~least].min(initial=1)


@LAWS
@given(grid=GRIDS, ratio=RATIOS, seed=SEEDS, head=st.just("mean") | st.integers(0, 5))
def test_by_mass_the_two_kinds_are_complements(grid, ratio, seed, head):
    """Each patch is hidden by exactly one of them."""
    salient, rest = (
        PatchDrop(kind=kind, ratio=ratio, grid=grid, selector="mass", head=head)
        for kind in ("salient", "non_salient")
    )
    assert (hidden(salient, seed) ^ hidden(rest, seed)).all()


@LAWS
@given(grid=GRIDS, ratio=RATIOS, seed=SEEDS)
def test_by_mass_the_salient_hold_the_share_of_attention(grid, ratio, seed):
    """As few as hold it, to within the patch at the threshold."""
    step = PatchDrop(kind="salient", ratio=ratio, grid=grid, selector="mass")
    attention, mask = saliency_map(heads(seed), step), hidden(step, seed)
    held = attention[mask].sum()
    assert held >= ratio - 1e-9
    if mask.any():
        assert held - attention[mask].min() <= ratio + 1e-9
        assert attention[mask].min() >= attention[~mask].max(initial=0)


def test_by_mass_the_ends_hide_all_and_nothing():
    """At 1 salient hides all and non-salient nothing, at 0 the other way round."""
    for ratio, kind, share in [
        (1, "salient", 1),
        (1, "non_salient", 0),
        (0, "salient", 0),
        (0, "non_salient", 1),
    ]:
        assert hidden(PatchDrop(kind=kind, ratio=ratio, selector="mass")).mean() == share


def test_by_mass_the_area_depends_on_the_image():
    """One bright patch holds half of the attention; spread out it takes half of the patches."""
    step = PatchDrop(kind="salient", ratio=0.5, grid=4, selector="mass")
    bright, even = np.ones((1, 4, 4)), np.ones((1, 4, 4))
    bright[0, 2, 1] = 16
    masks = [dropped_patches(step, seed=0, attention=saliency_map(m, step)) for m in (bright, even)]
    assert np.argwhere(masks[0]).tolist() == [[2, 1]]
    assert masks[1].sum() == 8


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "step",
    [
        PatchDrop(kind="random", ratio=0),
        PatchDrop(kind="salient", ratio=0, fill="mean"),
        PatchDrop(kind="non_salient", count=0),
        PatchDrop(kind="salient", ratio=0, selector="mass"),
        PatchDrop(patches=()),
    ],
)
def test_nothing_hidden_is_inert(mode, step):
    """Ratio 0 is the base of a curve, never a measurement of its own."""
    with pytest.raises(InertInterventionError, match=r"PatchDrop.*every pixel.*'q-17'"):
        apply_pixels(
            split(step).pixels, noise(9, 7, mode=mode), draw=DRAW, aids=Aids(saliency=looking)
        )


@LAWS
@given(seed=SEEDS, grid=GRIDS, width=st.integers(1, 60), height=st.integers(1, 60))
def test_a_mask_and_its_complement_cover_the_image(seed, grid, width, height):
    """Each pixel lies in exactly one patch, wherever the edges fall."""
    patches = np.random.default_rng(seed).random((grid, grid)) < 0.5
    covered = on_pixels(patches, (width, height))
    assert covered.shape == (height, width)
    assert (covered ^ on_pixels(~patches, (width, height))).all()


@LAWS
@given(grid=GRIDS, repeat=st.integers(0, 3))
def test_draws_follow_item_and_repeat(grid, repeat):
    """The same draw gives the same seed, another item or repeat another."""
    (step,) = split(PatchDrop(kind="random", ratio=0.5, grid=grid)).pixels
    seeds = [step.seed(Draw(item, at, 1)) for item in ("a", "b") for at in (repeat, repeat + 1)]
    assert len(set(seeds)) == 4
    assert seeds[0] == step.seed(Draw("a", repeat, 1))


def test_items_and_repeats_hide_other_patches():
    """And the same ones again when asked again."""
    steps, image = split(PatchDrop(kind="random", ratio=0.5)).pixels, noise(28, 28)
    draws = [Draw("a", 0, 1), Draw("b", 0, 1), Draw("a", 1, 1), Draw("a", 0, 1)]
    made = [apply_pixels(steps, image, draw=draw).tobytes() for draw in draws]
    assert len(set(made)) == 3
    assert made[0] == made[3]


def test_every_patch_is_hidden_equally_often_at_random():
    """A quarter of the time each, with a quarter hidden."""
    step = PatchDrop(kind="random", ratio=0.25, grid=4)
    share = np.mean([dropped_patches(step, seed=seed) for seed in range(2000)], axis=0)
    # Five standard errors.
    assert np.abs(share - 0.25).max() < 5 * (0.25 * 0.75 / 2000) ** 0.5


def test_the_fillers():
    """Black, the mean colour of the whole image, or the same place under a blur."""
    image = noise(8, 6)
    mask = on_pixels(np.array([[False, True], [False, False]]), image.size)
    made = {
        fill: seen(
            patch_drop(
                PatchDrop(patches=(1,), grid=2, fill=fill), image, seed=0, item_id="q", aids=Aids()
            )
        )
        for fill in FILLS
    }
    assert not made["zero"][mask].any()
    assert (made["mean"][mask] == np.rint(seen(image).mean(axis=(0, 1)))).all()
    blurred = seen(image.filter(ImageFilter.GaussianBlur((2, 1.5))))
    assert np.array_equal(made["blur"][mask], blurred[mask])
    assert not np.array_equal(made["blur"][mask], seen(image)[mask])


@LAWS
@given(rows=st.integers(1, 8), columns=GRIDS, grid=st.integers(1, 8), seed=SEEDS)
def test_saliency_is_spread_over_the_grid_without_loss(rows, columns, grid, seed):
    """It sums to 1, and both halves of the image keep their shares."""
    attention = heads(seed, (3, 2 * rows, columns))
    spread = saliency_map(attention, PatchDrop(kind="salient", ratio=0.5, grid=2 * grid))
    assert spread.sum() == pytest.approx(1)
    mean = attention.mean(axis=0)
    assert spread[:grid].sum() == pytest.approx(mean[:rows].sum() / mean.sum())


def test_a_map_of_the_same_grid_is_taken_as_it_is():
    """Head by head, or their mean."""
    attention = heads(3)
    for head, plain in (("mean", attention.mean(axis=0)), (1, attention[1])):
        step = PatchDrop(kind="salient", ratio=0.5, head=head)
        assert np.allclose(saliency_map(attention, step), plain / plain.sum())


@pytest.mark.parametrize(
    ("attention", "says"),
    [
        (np.ones((14, 14)), "the shape"),
        (np.ones((6, 0, 14)), "the shape"),
        (np.ones((3, 14, 14)), "asks for head 4 of a saliency model with 3"),
        (np.zeros((6, 2, 2)), "not all zero"),
        (-np.ones((6, 2, 2)), "not negative"),
        (np.full((6, 2, 2), np.nan), "finite"),
    ],
)
def test_an_unusable_map_is_an_error(attention, says):
    """It says what a saliency model has to return."""
    with pytest.raises(ModelError, match=says):
        saliency_map(attention, PatchDrop(kind="salient", ratio=0.5, head=4))


def test_a_missing_saliency_model_is_an_error():
    """Named by intervention and item, with a way out."""
    step = PatchDrop(kind="salient", ratio=0.5)
    with pytest.raises(EngineError, match=r"kind='salient'.*'q-17'.*no saliency model") as caught:
        apply_pixels(split(step).pixels, noise(9, 7), draw=DRAW)
    assert "random" in caught.value.advice
    with pytest.raises(ValueError, match="needs a saliency map"):
        dropped_patches(step, seed=0)
