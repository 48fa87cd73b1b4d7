"""Splicing: placeholders, left padding, position ids."""

import pytest
import torch

from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.models.base import Encoded
from ipllvm_spec.models.splice import assemble

IMAGE = 3


def tokens(count, positions=None):
    """Visual tokens 100, 101, ... of width 2."""
    return VisualTokens(
        tokens=100.0 + torch.arange(count, dtype=torch.float32)[:, None].expand(count, 2),
        kinds=torch.zeros(count, dtype=torch.int8),
        positions=torch.arange(count) if positions is None else torch.tensor(positions),
    )


def prompt(ids):
    """An encoded prompt of these ids."""
    return Encoded(torch.tensor(ids), {}, ids.count(IMAGE))


def spliced(prompts, visual, pad_id=0):
    """Assembles with an embedding that repeats the id."""

    def embed(ids):
        return ids[..., None].float().expand(*ids.shape, 2)

    return assemble(
        prompts,
        visual,
        embed=embed,
        image_token_id=IMAGE,
        pad_id=pad_id,
        device=torch.device("cpu"),
    )


def test_tokens_take_the_places_of_placeholders_in_order():
    """The k-th placeholder of the batch gets the k-th visual token, text stays, padding is left."""
    batch = spliced([prompt([7, IMAGE, IMAGE, 8, 9]), prompt([7, IMAGE])], [tokens(2), tokens(1)])
    assert batch.embeds[..., 0].tolist() == [[7, 100, 101, 8, 9], [0, 0, 0, 7, 100]]
    assert batch.mask.tolist() == [[1, 1, 1, 1, 1], [0, 0, 0, 1, 1]]
    assert batch.positions.tolist() == [[0, 1, 2, 3, 4], [0, 0, 0, 0, 1]]
    assert batch.visual.tolist() == [[False, True, True, False, False], [False] * 4 + [True]]
    assert batch.ends.tolist() == [[5], [2]]


def test_travelling_positions_are_offsets_within_the_visual_span():
    """Slot j of the span uses the position id of slot positions[j]; text keeps its own."""
    batch = spliced(
        [prompt([7, IMAGE, IMAGE, IMAGE, 8]), prompt([7] * 6)], [tokens(3, [2, 0, 1]), None]
    )
    assert batch.positions[0].tolist() == [0, 0, 3, 1, 2, 4]


def test_padding_with_the_placeholder_id_is_not_taken_for_an_image():
    """A tokenizer whose pad token is the image token does not shift visual tokens."""
    batch = spliced([prompt([7, 8, 9]), prompt([IMAGE, 5])], [None, tokens(1)], pad_id=IMAGE)
    assert batch.embeds[1, :, 0].tolist() == [IMAGE, 100, 5]
    assert batch.visual.tolist() == [[False] * 3, [False, True, False]]


@pytest.mark.parametrize("given", [None, tokens(1), tokens(3)])
def test_a_wrong_number_of_visual_tokens_is_an_error(given):
    """Placeholders and visual tokens that differ in number never reach the model."""
    with pytest.raises(ModelError, match="prompt 0 of the batch has 2 image placeholders"):
        spliced([prompt([IMAGE, IMAGE, 5])], [given])


def test_prompts_and_visual_tokens_must_be_paired():
    """A batch of two prompts with one entry of visual tokens is refused."""
    with pytest.raises(ModelError, match="2 prompts came with visual tokens for 1"):
        spliced([prompt([5]), prompt([6])], [None])
