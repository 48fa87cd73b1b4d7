"""Interventions on pixels as values: what is refused, what one meaning is called, what is drawn."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.interventions import (
    BlankImage,
    GridShuffle,
    PatchDrop,
    PermuteTokens,
    SyntheticImage,
    from_canonical,
    parse_intervention,
)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "give either kind, with ratio or count, or patches"),
        ({"kind": "random"}, "give either ratio or count"),
        ({"kind": "random", "ratio": 0.5, "count": 3}, "give either ratio or count"),
        ({"kind": "random", "ratio": 0.5, "patches": [1]}, "give either kind"),
        ({"patches": [1], "ratio": 0.5}, "leave out ratio and count"),
        ({"patches": [1], "count": 1}, "leave out ratio and count"),
        ({"patches": [1, 1]}, "patches: each patch is named once"),
        ({"patches": [196]}, r"patches lie in 0\.\.195 for a grid of 14"),
        ({"patches": [-1]}, "patches lie in"),
        ({"kind": "random", "count": 10, "grid": 3}, "a grid of 3 has 9 patches, not 10"),
        ({"kind": "salient", "count": 3, "selector": "mass"}, "takes a ratio of the attention"),
        ({"kind": "random", "ratio": 0.5, "selector": "mass"}, "choose by saliency"),
        ({"kind": "random", "ratio": 0.5, "head": 1}, "choose by saliency"),
        ({"patches": [1], "head": 1}, "choose by saliency"),
        ({"kind": "random", "ratio": 1.1}, r"patch_drop\.ratio"),
        ({"kind": "random", "ratio": float("nan")}, r"patch_drop\.ratio"),
        ({"kind": "random", "ratio": 0.5, "grid": 0}, r"patch_drop\.grid"),
        ({"kind": "salient", "ratio": 0.5, "head": -1}, r"patch_drop\.head"),
        ({"kind": "sailent", "ratio": 0.5}, "salient"),
        ({"kind": "random", "ratoi": 0.5}, "did you mean 'ratio'"),
    ],
)
def test_an_occlusion_that_says_two_things_or_nothing_is_refused(params, says):
    """Two ways of writing one meaning would have two keys: a setting without effect is refused."""
    with pytest.raises(SpecError, match=says):
        parse_intervention({"patch_drop": params})


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, r"grid_shuffle\.grid"),
        ({"grid": 0}, r"grid_shuffle\.grid"),
        ({"grid": 2, "order": [1, 0]}, r"a permutation of 0\.\.3 for a grid of 2"),
        ({"grid": 2, "padding": "stretch"}, "crop"),
    ],
)
def test_a_shuffle_of_something_else_is_refused(params, says):
    """An order is over all cells."""
    with pytest.raises(SpecError, match=says):
        parse_intervention({"grid_shuffle": params})


def test_the_patches_of_an_occlusion_have_one_order():
    """One meaning is one value with one key."""
    assert PatchDrop(patches=(9, 2)) == PatchDrop(patches=(2, 9))
    assert PatchDrop(patches=(9, 2)).canonical() == PatchDrop(patches=(2, 9)).canonical()


def test_the_draw_key_leaves_out_how_much_and_with_what():
    """Masks of one item are nested across ratios and the same for all fills."""
    half = PatchDrop(kind="random", ratio=0.5)
    for other in (
        PatchDrop(kind="random", ratio=0.7),
        PatchDrop(kind="random", count=3),
        PatchDrop(kind="random", ratio=0.5, fill="blur"),
    ):
        assert other.canonical() != half.canonical()
        assert other.draw_key() == half.draw_key()
    assert PatchDrop(kind="random", ratio=0.5, grid=7).draw_key() != half.draw_key()


@pytest.mark.parametrize(
    "value", [PermuteTokens(), BlankImage(), GridShuffle(grid=8), BlankImage() >> PermuteTokens()]
)
def test_other_draw_keys_are_the_whole_value(value):
    """Seeds of stored answers do not move."""
    assert value.draw_key() == value.canonical()


def test_how_many_a_share_of_attention_hides_is_unknown():
    """The image decides."""
    with pytest.raises(ValueError, match="depends on the image"):
        PatchDrop(kind="salient", ratio=0.5, selector="mass").dropped()


def test_a_chain_of_pixels_comes_back():
    """From its key, in order."""
    chain = PatchDrop(kind="salient", ratio=0.25) >> GridShuffle(grid=2, padding="reflect")
    assert from_canonical(chain.canonical()) == chain


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"generator": "folder"}, "the generator 'folder' and a folder go together"),
        ({"folder": "images"}, "the generator 'folder' and a folder go together"),
        ({"generator": "folder", "folder": "x", "captioner": "y"}, "leave out captioner"),
        ({"generator": "painter"}, "generator: input should be 'renderer'"),
    ],
)
def test_synthetic_images_have_one_maker(params, says):
    """Images that lie ready have no captions, and nobody else takes a folder."""
    with pytest.raises(SpecError, match=says):
        parse_intervention({"synthetic_image": params})


def test_a_key_has_no_names_of_captioner_and_generator():
    """It has their digests; what a record and another process get has the names."""
    named = SyntheticImage(captioner="mini-llava", generator="renderer")
    assert named.keyed() == SyntheticImage().keyed() == [{"name": "synthetic_image", "version": 1}]
    assert from_canonical(named.canonical()) == named
