"""Applying interventions: one applier per declared value, seeds per item, proof of change."""

import pytest
import torch
from PIL import Image

from ipllvm_spec.errors import InertInterventionError, SpecError
from ipllvm_spec.interventions.apply import APPLIERS, Draw, apply_pixels, apply_tokens, split
from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.spec.interventions import (
    INTERVENTIONS,
    BlankImage,
    Identity,
    Intervention,
    PermuteTokens,
)
from ipllvm_spec.spec.seeds import derive_seed

DRAW = Draw(item_id="q-17", repeat=2, suite_seed=11)
RED = BlankImage(colour=(255, 0, 0))


@pytest.fixture
def visual():
    """Twelve patches."""
    return VisualTokens(
        tokens=torch.randn(12, 4, generator=torch.Generator().manual_seed(1)),
        kinds=torch.zeros(12, dtype=torch.int8),
        positions=torch.arange(12),
    )


def test_appliers_match_the_declared_interventions():
    """One for one with the spec; only Identity has nothing to apply; sites agree."""
    assert set(APPLIERS) == set(INTERVENTIONS)
    assert {name for name, applier in APPLIERS.items() if applier is None} == {Identity.name}
    for name, applier in APPLIERS.items():
        if applier is not None:
            assert applier.site == INTERVENTIONS[name].site


def test_identity_has_no_steps(visual):
    """Nothing is applied: the very same objects come back."""
    parts = split(Identity())
    assert parts.pixels == parts.tokens == ()
    assert apply_tokens(parts.tokens, visual, draw=DRAW) is visual
    image = Image.new("RGB", (3, 3))
    assert apply_pixels(parts.pixels, image, draw=DRAW) is image


def test_split_divides_at_the_projector():
    """Steps keep their index in the whole composition on both sides."""
    parts = split(BlankImage() >> PermuteTokens() >> PermuteTokens(scope="all"))
    assert [step.index for step in parts.pixels] == [0]
    assert [step.index for step in parts.tokens] == [1, 2]


def test_pixels_after_tokens_is_an_error():
    """The image is gone once visual tokens are made of it; the message names both steps."""
    with pytest.raises(SpecError, match=r"BlankImage.*comes after PermuteTokens") as caught:
        split(PermuteTokens() >> BlankImage())
    assert caught.value.advice == "put the steps on pixels first"


def test_an_intervention_without_applier_is_an_error():
    """A new value that nobody applies cannot be measured as if it were Identity."""

    class Unheard(Intervention):
        name = "unheard"

    with pytest.raises(SpecError, match="nothing says how Unheard"):
        split(Unheard())


def test_seeds_follow_item_repeat_step_and_suite(visual):
    """Every part of the draw changes the seed, which is derived from exactly these parts."""
    (step,) = split(PermuteTokens()).tokens
    text = PermuteTokens().canonical()
    assert step.seed(DRAW) == derive_seed(11, text, 0, "q-17", 2)
    second = split(PermuteTokens() >> PermuteTokens()).tokens[1]
    seeds = {
        step.seed(DRAW),
        second.seed(DRAW),
        step.seed(Draw("q-18", 2, 11)),
        step.seed(Draw("q-17", 3, 11)),
        step.seed(Draw("q-17", 2, 12)),
    }
    assert len(seeds) == 5


def test_one_draw_is_reproducible(visual):
    """The same draw gives the same tokens, another repeat gives others."""
    steps = split(PermuteTokens()).tokens
    first = apply_tokens(steps, visual, draw=DRAW)
    assert first.equals(apply_tokens(steps, visual, draw=DRAW))
    assert not first.equals(apply_tokens(steps, visual, draw=Draw("q-17", 0, 11)))


def test_a_permutation_with_nothing_to_permute_is_an_error(visual):
    """The message names the intervention and the item."""
    one = VisualTokens(visual.tokens[:1], visual.kinds[:1], visual.positions[:1])
    with pytest.raises(InertInterventionError, match=r"PermuteTokens.*'q-17'"):
        apply_tokens(split(PermuteTokens()).tokens, one, draw=DRAW)


def test_an_order_that_is_the_identity_is_an_error(visual):
    """Also one of more spans than tokens, and one that swaps equal tokens."""
    with pytest.raises(InertInterventionError, match="all 12 visual tokens"):
        apply_tokens(split(PermuteTokens(order=(0, 1, 2))).tokens, visual, draw=DRAW)
    equal = visual.with_tokens(torch.ones(12, 4))
    with pytest.raises(InertInterventionError):
        apply_tokens(split(PermuteTokens(order=(1, 0))).tokens, equal, draw=DRAW)


def test_travelling_ids_alone_are_a_change(visual):
    """Equal tokens with other position ids are another input."""
    equal = visual.with_tokens(torch.ones(12, 4))
    steps = split(PermuteTokens(order=(1, 0), positions="travel")).tokens
    assert not apply_tokens(steps, equal, draw=DRAW).equals(equal)


def test_steps_that_undo_each_other_are_an_error(visual):
    """Each step changes something but the whole does not: the measurement would be empty."""
    there_and_back = PermuteTokens(order=(1, 2, 0)) >> PermuteTokens(order=(2, 0, 1))
    with pytest.raises(InertInterventionError, match=">>"):
        apply_tokens(split(there_and_back).tokens, visual, draw=DRAW)


def test_blank_on_a_blank_image_is_an_error():
    """A control that equals the intact image would prove blindness of any model."""
    with pytest.raises(InertInterventionError, match=r"BlankImage.*every pixel.*'q-17'"):
        apply_pixels(split(RED).pixels, Image.new("RGB", (4, 4), (255, 0, 0)), draw=DRAW)


def test_blanks_that_undo_each_other_are_an_error():
    """Red to black to red is red."""
    image = Image.new("RGB", (4, 4), (255, 0, 0))
    with pytest.raises(InertInterventionError, match=">>"):
        apply_pixels(split(BlankImage() >> RED).pixels, image, draw=DRAW)


def test_blank_is_applied():
    """The image becomes what the step says."""
    image = Image.new("RGB", (4, 4), (1, 2, 3))
    made = apply_pixels(split(RED).pixels, image, draw=DRAW)
    assert made.getpixel((2, 2)) == (255, 0, 0)
