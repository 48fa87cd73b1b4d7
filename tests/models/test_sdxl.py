"""SDXL-Lightning's code path, on a tiny random pipeline in the published layout."""

from __future__ import annotations

import json
from importlib import metadata

import pytest
import torch

from ipllvm_spec.errors import LockError, ModelError
from ipllvm_spec.models import sdxl
from ipllvm_spec.models.hub import fetch
from ipllvm_spec.models.sdxl import UNET_FILE, Parts, SdxlLightning, locate
from ipllvm_spec.spec.lock import LockFile

COMMITS = {"base/model": "a" * 40, "unet/model": "b" * 40}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Base and UNet as two folders, weights at random; pixels have no meaning, code paths do."""
    diffusers = pytest.importorskip("diffusers", reason="needs the extra synth")
    from safetensors.torch import save_file

    base, unet_folder = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("unet")
    torch.manual_seed(0)
    pipeline = diffusers.StableDiffusionXLPipeline(
        **_networks(diffusers),
        **_texts(tmp_path_factory.mktemp("tokens")),
        scheduler=diffusers.EulerDiscreteScheduler(beta_schedule="scaled_linear"),
    )
    pipeline.save_pretrained(base, variant="fp16", safe_serialization=True)
    save_file(pipeline.unet.state_dict(), unet_folder / UNET_FILE)
    # The distilled UNet stands in the place of the base's, whose weights are never fetched.
    for weights in (base / "unet").glob("*.safetensors"):
        weights.unlink()
    return Parts(base, unet_folder, COMMITS)


def _networks(diffusers):
    unet = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(32, 64), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(2, 4),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1), projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=(32, 64), latent_channels=4, sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    return {"unet": unet, "vae": vae}


def _texts(folder):
    from transformers import (
        CLIPTextConfig,
        CLIPTextModel,
        CLIPTextModelWithProjection,
        CLIPTokenizer,
    )

    words = ["<|startoftext|>", "<|endoftext|>", *"abcdefgh", *(f"{c}</w>" for c in "abcdefgh")]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    )
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=37, num_attention_heads=4,
        num_hidden_layers=2, projection_dim=32, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    return {
        "text_encoder": CLIPTextModel(config),
        "text_encoder_2": CLIPTextModelWithProjection(config),
        "tokenizer": tokenizer,
        "tokenizer_2": tokenizer,
    }


def test_a_caption_and_a_seed_give_one_image(parts):
    """Equal on every call and in a fresh pipeline; another caption or seed gives another."""
    generator = SdxlLightning(None, device="cpu", parts=parts)
    made = generator.make("a b", seed=3)
    assert made.image.mode == "RGB"
    assert made.understood
    again = SdxlLightning(None, device="cpu", parts=parts).make("a b", seed=3)
    assert again.image.tobytes() == made.image.tobytes()
    for caption, seed in (("a b", 4), ("h h h h", 3)):
        assert generator.make(caption, seed=seed).image.tobytes() != made.image.tobytes()
    assert generator.make("", seed=3).image.size == made.image.size


def test_it_runs_four_trailing_steps_without_guidance(parts):
    """As the UNet's authors publish it; other settings give noise that nobody would notice."""
    pipeline = sdxl.load_pipeline(parts, torch.device("cpu"), torch.float32)
    assert pipeline.scheduler.config.timestep_spacing == "trailing"
    pipeline.scheduler.set_timesteps(sdxl.STEPS)
    assert pipeline.scheduler.timesteps.tolist() == [999.0, 749.0, 499.0, 249.0]
    assert pipeline.watermark is None


def test_what_decides_the_images_is_in_its_identity(parts):
    """Both commits, the steps, the dtype and the library."""
    identity = SdxlLightning(None, device="cpu", parts=parts).identity
    assert identity["commits"] == COMMITS
    assert (identity["steps"], identity["dtype"]) == (4, "float32")
    assert identity["engine"].startswith("diffusers-")


def test_a_missing_part_is_named_before_anything_is_made(parts, tmp_path):
    """The UNet of another folder, or none, is one clear error."""
    lost = Parts(parts.base, tmp_path, COMMITS)
    with pytest.raises(ModelError, match="SDXL-Lightning cannot be loaded"):
        SdxlLightning(None, device="cpu", parts=lost).make("a", seed=0)


def test_both_repositories_must_be_locked(tmp_path):
    """The advice names the generator, whose fetch locks both."""
    with pytest.raises(LockError, match="sdxl_lightning") as raised:
        locate(LockFile(tmp_path / "lock"))
    assert "ipllvm fetch sdxl_lightning" in raised.value.advice


def test_without_the_extra_the_advice_is_to_install_it(monkeypatch):
    """Nobody needs diffusers for the minis."""

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(sdxl, "version", absent)
    with pytest.raises(ModelError) as raised:
        SdxlLightning(None, device="cpu")
    assert raised.value.advice == "run: pip install 'ipllvm-spec[synth]'"


def test_a_fetch_takes_the_parts_that_are_used_and_locks_both(tmp_path, monkeypatch):
    """Neither pickled weights nor the base's own UNet are downloaded."""
    import huggingface_hub

    asked = {}

    class Hub:
        def model_info(self, hub_id):
            return type("Info", (), {"sha": ("a" if "base" in hub_id else "b") * 40})

    def download(hub_id, *, revision, allow_patterns):
        asked[hub_id] = allow_patterns
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    fetch("sdxl_lightning", tmp_path / "ipllvm.lock")
    lock = LockFile.load(tmp_path / "ipllvm.lock")
    assert lock.model_commit("stabilityai/stable-diffusion-xl-base-1.0") == "a" * 40
    assert lock.model_commit("ByteDance/SDXL-Lightning") == "b" * 40
    assert asked["ByteDance/SDXL-Lightning"] == [UNET_FILE]
    wanted = asked["stabilityai/stable-diffusion-xl-base-1.0"]
    assert not any(name.startswith("unet/") and "safetensors" in name for name in wanted)
