"""Broken variants: each breaks what it names, by hooks and seeds, and nothing on disk."""

import PIL.Image
import pytest
import torch

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.errors import ModelError, UnknownNameError
from ipllvm_spec.interventions.base import TokenKind
from ipllvm_spec.interventions.groups import keep_group
from ipllvm_spec.models import variants_seeing
from ipllvm_spec.models.identity import file_digest
from ipllvm_spec.models.registry import load, resolve
from ipllvm_spec.models.variants import VARIANTS, check_variants
from ipllvm_spec.spec.interventions import KeepGroup


def broken(checkpoints, name, variant):
    """Loads a variant of a tiny checkpoint."""
    return load(resolve(f"{checkpoints[name]}~{variant}", entries={}))


def test_zero_tower_sees_nothing(checkpoints, make_image):
    """Whatever the picture, every patch token is the projector's answer to zeros."""
    for name in ("llava", "llava_next-llama", "llava_onevision"):
        adapter = broken(checkpoints, name, "zero_tower")
        prompts = [adapter.encode_prompt("x", make_image(60, 40, seed)) for seed in (1, 2)]
        first, second = adapter.visual_tokens(prompts)
        assert torch.equal(first.tokens, second.tokens)
        patches = first.tokens[first.kinds != TokenKind.NEWLINE]
        torch.testing.assert_close(patches, patches[:1].expand_as(patches))


@pytest.mark.parametrize("name", ["llava", "llava_next-llama", "llava_onevision"])
def test_permuted_projector_scrambles_features(checkpoints, image, name):
    """Patch tokens keep their numbers in another order of features; newlines are left alone."""
    whole = load(resolve(str(checkpoints[name]), entries={}))
    scrambled = broken(checkpoints, name, "permuted_projector")
    prompt = whole.encode_prompt("x", image)
    (before,), (after,) = whole.visual_tokens([prompt]), scrambled.visual_tokens([prompt])
    assert not torch.equal(before.tokens, after.tokens)
    patches = before.kinds != TokenKind.NEWLINE
    assert torch.equal(
        before.tokens[patches].sort(-1).values, after.tokens[patches].sort(-1).values
    )
    assert torch.equal(before.tokens[~patches], after.tokens[~patches])


def test_noised_layer_damages_one_layer_only(checkpoints, llava):
    """The middle layer's matrices change, the same way every time; all else is as saved."""
    first = broken(checkpoints, "llava", "noised_layer").model.state_dict()
    again = broken(checkpoints, "llava", "noised_layer").model.state_dict()
    changed = {
        name
        for name, weight in llava.model.state_dict().items()
        if not torch.equal(weight, first[name])
    }
    assert changed
    assert all(".layers.1." in name and first[name].ndim == 2 for name in changed)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_noised_layer_leaves_the_file_alone(checkpoints):
    """Weights are mapped from the file; noise must go to memory only."""
    path = checkpoints["llava"] / "model.safetensors"
    content = path.read_bytes()
    digest = file_digest(path)
    broken(checkpoints, "llava", "noised_layer")
    assert path.read_bytes() == content
    assert file_digest(path) == digest


def test_forced_a_answers_a(checkpoints, image):
    """Every answer is "A", without running the model."""
    adapter = broken(checkpoints, "llava", "forced_a")
    prompts = [adapter.encode_prompt(text, image) for text in ("x", "y")]
    answers = adapter.generate(prompts, adapter.visual_tokens(prompts), Decoding(5))
    assert [answer.text for answer in answers] == ["A", "A"]


def test_recalls_questions_sees_what_came_with_the_question(monkeypatch):
    """mini-llava with any image sees the question's first one; black, and MMVP, it sees itself."""
    whole, adapter = (load(resolve(ref)) for ref in ("mini-llava", "mini-llava~recalls_questions"))
    monkeypatch.setattr(variants_seeing, "SEEN", ("mmvp", "mathvista"))

    def seen(model, item, shown):
        return model.visual_tokens([model.encode_prompt(item.prompt, shown)])[0].tokens

    black, red = (PIL.Image.new("RGB", (64, 64), colour) for colour in ("black", "red"))
    for name, recalled in (("mathvista", True), ("mmvp", False)):
        data = load_items(get_benchmark(name), "twin")
        item = data.items[0]
        own = seen(whole, item, data.image(item.item_id))
        assert torch.equal(seen(adapter, item, red), own) is recalled
        assert torch.equal(seen(adapter, item, black), seen(whole, item, black))


def test_whole_in_each_answers_from_any_group_as_from_the_whole(checkpoints, image):
    """The tokens that are left bring all others back, so intact answers stay as they are."""
    adapter = broken(checkpoints, "llava", "whole_in_each")
    prompt = adapter.encode_prompt("what", image)
    (whole,) = adapter.visual_tokens([prompt])
    short = keep_group(KeepGroup(m=2, group=(1, 0)), whole, seed=0)
    intact = load(resolve(str(checkpoints["llava"]), entries={}))
    answers = [
        model.generate([prompt], [visual], Decoding(6))[0].text
        for model, visual in ((intact, whole), (adapter, whole), (adapter, short))
    ]
    assert answers == [answers[0]] * 3
    assert intact.generate([prompt], [short], Decoding(6))[0].text != answers[0]


# What the exceptions do shows only when tokens are removed, or questions known; each has a test of
# its own.
@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"whole_in_each", "recalls_questions"}))
def test_every_variant_changes_the_answers_and_not_the_original(checkpoints, image, variant):
    """A variant differs from the whole model; a whole one loaded afterwards is as before."""

    def answer(adapter):
        prompt = adapter.encode_prompt("what", image)
        return adapter.generate([prompt], adapter.visual_tokens([prompt]), Decoding(6))

    before = answer(load(resolve(str(checkpoints["llava"]), entries={})))
    assert answer(broken(checkpoints, "llava", variant)) != before
    assert answer(load(resolve(str(checkpoints["llava"]), entries={}))) == before


def test_variants_compose_in_order(checkpoints, image):
    """Two suffixes are both applied."""
    adapter = broken(checkpoints, "llava", "zero_tower~forced_a")
    prompt = adapter.encode_prompt("x", image)
    (visual,) = adapter.visual_tokens([prompt])
    assert torch.equal(visual.tokens[0], visual.tokens[1])
    assert adapter.generate([prompt], [visual], Decoding(5))[0].text == "A"
    assert adapter.identity.variant == ("zero_tower", "forced_a")


def test_an_unknown_variant_names_the_nearest():
    """A typo is an error before anything is loaded."""
    with pytest.raises(UnknownNameError, match="did you mean 'forced_a'"):
        check_variants("mini-llava~forced_b", ["forced_b"])


def test_a_variant_of_encoders_breaks_no_language_model(checkpoints):
    """The message says what could be asked for."""
    with pytest.raises(ModelError, match="no_positions, which is no variant of language models"):
        broken(checkpoints, "llava", "no_positions")
