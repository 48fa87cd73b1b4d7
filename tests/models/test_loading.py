"""Loading on one device, spread by accelerate, and on devices that do not exist."""

import shutil

import pytest
import torch
from safetensors.torch import save_file

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.errors import ModelError, UsageError
from ipllvm_spec.models.registry import load, resolve


def test_weights_are_those_of_the_file(checkpoints, adapter):
    """Nothing is initialised at random: two loads are bit-equal and in eval mode."""
    again = load(resolve(adapter.identity.ref, entries={}))
    for name, weight in adapter.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name])
    assert not again.model.training


def published(name):
    """The name that a weight has in the published checkpoints."""
    if name.startswith("lm_head"):
        return f"language_model.{name}"
    inner = name.removeprefix("model.")
    for part, holder in (("language_model", "model"), ("vision_tower", "vision_model")):
        if inner.startswith(f"{part}."):
            return inner.replace(f"{part}.", f"{part}.{holder}.", 1)
    return inner


def test_published_weight_names_are_understood(adapter, tmp_path):
    """Checkpoints on the hub keep older names; every weight still finds its place, bit for bit."""
    folder = tmp_path / "published"
    shutil.copytree(adapter.identity.ref, folder)
    weights = {published(name): weight for name, weight in adapter.model.state_dict().items()}
    assert any(name.startswith("language_model.model.layers.1.") for name in weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    again = load(resolve(str(folder), entries={}))
    for name, weight in adapter.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name


@pytest.mark.parametrize("name", ["llava", "llava_next-llama", "llava_onevision"])
def test_a_model_larger_than_its_budget_is_spread(checkpoints, tmp_path, make_image, name):
    """With the last layer on disk the answers and logits are bit-equal to those in memory."""
    found = resolve(str(checkpoints[name]), entries={})
    whole = load(found)
    spread = load(found, max_memory={"cpu": int(found.bytes * 0.9)}, offload_folder=tmp_path)
    assert set(spread.model.hf_device_map.values()) == {"cpu", "disk"}
    prompts = [
        whole.encode_prompt("q" * (1 + seed), make_image(60, 40 + seed, seed)) for seed in (1, 2)
    ]
    visual = whole.visual_tokens(prompts)
    for mine, other in zip(visual, spread.visual_tokens(prompts), strict=True):
        assert mine.equals(other)
    assert torch.equal(whole.logits(prompts, visual), spread.logits(prompts, visual))
    assert whole.generate(prompts, visual, Decoding(4)) == spread.generate(
        prompts, visual, Decoding(4)
    )


def test_a_budget_too_small_for_the_tower_is_an_error(checkpoints, tmp_path):
    """Tower, projector and newline must lie on the device that makes the batches."""
    found = resolve(str(checkpoints["llava_next-llama"]), entries={})
    for budget in (20_000, int(found.bytes * 0.6)):
        with pytest.raises(ModelError, match="does not even hold the vision tower"):
            load(found, max_memory={"cpu": budget}, offload_folder=tmp_path)


def test_offloaded_layers_cannot_be_noised(checkpoints, tmp_path):
    """A variant that needs the weights in memory says so."""
    found = resolve(f"{checkpoints['llava']}~noised_layer", entries={})
    with pytest.raises(ModelError, match="layer 1 is offloaded"):
        load(found, max_memory={"cpu": int(found.bytes * 0.9)}, offload_folder=tmp_path)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_does_not_exist_is_an_error(checkpoints, device):
    """The message names the device."""
    with pytest.raises(UsageError, match=f"there is no device '{device}'"):
        load(resolve(str(checkpoints["llava"]), entries={}), device)


def test_bfloat16_runs(checkpoints, image):
    """A declared half dtype is what the model computes in."""
    from ipllvm_spec.spec.entries import ModelEntry

    entry = ModelEntry(
        key="t", title="t", path=str(checkpoints["llava_next-llama"]), dtype="bfloat16"
    )
    adapter = load(resolve("t", entries={"t": entry}))
    prompt = adapter.encode_prompt("x", image)
    (visual,) = adapter.visual_tokens([prompt])
    assert visual.tokens.dtype == adapter.model.dtype == torch.bfloat16
    (answer,) = adapter.generate([prompt], [visual], Decoding(3))
    assert answer.n_tokens == 3
    assert adapter.logits([prompt], [visual]).dtype == torch.float32
