"""Laws of interventions on the logits of the trained minis."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.interventions.apply import Draw, apply_tokens, split
from ipllvm_spec.interventions.tokens import permute_tokens
from ipllvm_spec.models.registry import load, resolve
from ipllvm_spec.spec.interventions import PermuteTokens
from ipllvm_spec.spec.orders import inverse

MINIS = ("mini-llava", "mini-llava-shuffled", "mini-llava-next", "mini-llava-onevision")
QUESTION = "What color is the circle?"


def mini(key):
    """Loads a shipped mini."""
    return load(resolve(key))


@pytest.fixture(scope="module")
def llava_mini():
    """The mini of LLaVA-1.5."""
    return mini("mini-llava")


@pytest.fixture(scope="module")
def asked(llava_mini, make_image):
    """One question about one image: prompt, visual tokens, intact logits."""
    prompt = llava_mini.encode_prompt(QUESTION, make_image(64, 64, 5))
    (visual,) = llava_mini.visual_tokens([prompt])
    return prompt, visual, llava_mini.logits([prompt], [visual])


@given(order=st.permutations(range(16)), positions=st.sampled_from(["stay", "travel"]))
@settings(max_examples=25, deadline=None)
def test_a_permutation_and_its_inverse_are_identity(llava_mini, asked, order, positions):
    """Logits after an order and its inverse are bit-equal to the intact ones."""
    prompt, visual, intact = asked
    assert visual.tokens.shape[0] % 16 == 0, "spans of equal size, so that the inverse undoes them"
    there = PermuteTokens(order=tuple(order), positions=positions)
    back = PermuteTokens(order=inverse(order), positions=positions)
    once = permute_tokens(there, visual, seed=0)
    twice = permute_tokens(back, once, seed=0)
    assert torch.equal(llava_mini.logits([prompt], [twice]), intact)
    if list(order) != list(range(16)):
        assert not torch.equal(llava_mini.logits([prompt], [once]), intact)


@pytest.mark.parametrize("key", MINIS)
def test_identity_is_bit_equal_and_shuffling_is_not(key, make_image):
    """On every mini the spliced run is transformers' own, and a shuffle reaches the logits."""
    adapter = mini(key)
    for size in ((64, 64), (96, 48)):
        prompt = adapter.encode_prompt(QUESTION, make_image(*size, 3))
        (visual,) = adapter.visual_tokens([prompt])
        own = adapter.model(input_ids=prompt.input_ids[None], logits_to_keep=1, **prompt.pixels)
        intact = adapter.logits([prompt], [visual])
        assert torch.equal(intact, own.logits[:, -1].float())
        shuffled = apply_tokens(split(PermuteTokens()).tokens, visual, draw=Draw("i", 0, 1))
        assert not torch.equal(adapter.logits([prompt], [shuffled]), intact)


@pytest.mark.parametrize("key", [key for key in MINIS if key != "mini-llava-shuffled"])
def test_answers_do_not_depend_on_the_batch(key, make_image):
    """Sixteen questions of unequal length get the texts that each gets alone."""
    adapter = mini(key)
    prompts = [
        adapter.encode_prompt(QUESTION + " please" * (row % 7), make_image(64, 48 + row, row))
        for row in range(16)
    ]
    visual = adapter.visual_tokens(prompts)
    together = adapter.generate(prompts, visual, Decoding(8))
    for row, prompt in enumerate(prompts):
        (alone,) = adapter.generate([prompt], [visual[row]], Decoding(8))
        assert alone.text == together[row].text
