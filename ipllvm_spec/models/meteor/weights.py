"""Weights from and into the published layout; safetensors only, every tensor accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import safe_open
from safetensors.torch import save_file

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.files import check_weights
from ipllvm_spec.models.meteor.config import MAMBA, SAME, MeteorConfig
from ipllvm_spec.models.meteor.modules import MeteorModel
from ipllvm_spec.models.meteor.names import Source, Target, fuse_qkv, is_ignored, sources, split_qkv

#: Loaded one by one: a hook of the Mamba renames weights of whatever it is loaded together with.
_MODULES = (
    "model.vision_tower",
    "model.multi_modal_projector",
    "model.language_model",
    "model.rationale",
    "lm_head",
)


def load_meteor(
    folder: Path, config: MeteorConfig, device: torch.device, *, dtype: torch.dtype, attention: str
) -> MeteorModel:
    """Builds Meteor from a folder, ready for inference.

    The rationale branch is kept in float32 whatever the dtype: it is small, and its recurrence runs
    over more than a thousand steps.

    Args:
        folder: Checkpoint folder with the subfolder ``mamba``.
        config: Its config.
        device: Where the model goes.
        dtype: Compute dtype.
        attention: Attention implementation of transformers.

    Raises:
        ModelError: When a tensor is missing, has another shape than the config says, or is neither
            used nor known as unused.
    """
    for part in (config.text_config, config.vision_config):
        part._attn_implementation = attention
    with init_empty_weights(include_buffers=False):
        model = MeteorModel(config)
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    wanted = sources(shapes)
    files = _files(folder)
    _check_names(folder, set(wanted), set(files))
    state: dict[str, torch.Tensor] = {}
    for path in sorted(set(files.values())):
        with safe_open(path, framework="pt") as file:
            for source, targets in wanted.items():
                if files[source] != path:
                    continue
                for name, tensor in _given(file.get_tensor(source.name), targets, config).items():
                    _check_shape(folder, source, tensor, shapes[name])
                    wide = name.startswith("model.rationale.")
                    state[name] = tensor.to(device, torch.float32 if wide else dtype)
    for prefix in _MODULES:
        within = {
            name.removeprefix(f"{prefix}."): tensor
            for name, tensor in state.items()
            if name.startswith(f"{prefix}.")
        }
        model.get_submodule(prefix).load_state_dict(within, assign=True)
    # Tables that are computed, not stored, were made on the CPU.
    return model.to(device).eval()


def save_meteor(model: MeteorModel, folder: Path) -> None:
    """Writes weights and configs of a Meteor in the published layout.

    Args:
        model: The model.
        folder: Where to; the subfolder ``mamba`` is made.
    """
    state, config = model.state_dict(), model.config
    made: dict[str, dict[str, torch.Tensor]] = {"": {}, MAMBA: {}}
    for source, targets in sources(state).items():
        parts = {target.share: state[target.name] for target in targets}
        tensor = parts[""] if "" in parts else fuse_qkv(parts, **_heads(config))
        made[source.part][source.name] = tensor.contiguous()
    for part, tensors in made.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / part / "model.safetensors", metadata={"format": "pt"})
    (folder / MAMBA / "config.json").write_text(config.mamba_config.to_json_string())
    (folder / "config.json").write_text(json.dumps(_published(config), indent=2) + "\n")


def _files(folder: Path) -> dict[Source, Path]:
    """Returns the file of each tensor of both parts."""
    found: dict[Source, Path] = {}
    for part in ("", MAMBA):
        for shard in check_weights(folder / part):
            with safe_open(shard.path, framework="pt") as file:
                found |= {Source(part, name): shard.path for name in file.keys()}  # noqa: SIM118
    return found


def _check_names(folder: Path, wanted: set[Source], given: set[Source]) -> None:
    missing = sorted(wanted - given)
    surplus = sorted(source for source in given - wanted if not is_ignored(source))
    told = [
        f"{len(names)} {what} ({', '.join(map(str, names[:3]))}{', ...' if names[3:] else ''})"
        for what, names in (("missing", missing), ("surplus", surplus))
        if names
    ]
    if told:
        raise ModelError(
            f"the weights in '{folder}' are not those of a Meteor: {'; '.join(told)}",
            "the checkpoint is incomplete, or its layout is another one than "
            "ipllvm_spec/models/meteor/names.py says",
        )


def _given(
    tensor: torch.Tensor, targets: list[Target], config: MeteorConfig
) -> dict[str, torch.Tensor]:
    """Returns our weights that a published tensor gives, by name."""
    if not targets[0].share:
        return {targets[0].name: tensor}
    rows = config.text_config.num_attention_heads + 2 * config.text_config.num_key_value_heads
    if tensor.shape[0] % rows:
        # Whatever the split would make of it, its shape is told.
        return {target.name: tensor for target in targets}
    shares = split_qkv(tensor, **_heads(config))
    return {target.name: shares[target.share] for target in targets}


def _check_shape(folder: Path, source: Source, tensor: torch.Tensor, expected: torch.Size) -> None:
    if tensor.shape != expected:
        raise ModelError(
            f"'{source}' in '{folder}' gives a weight of {list(tensor.shape)} where the config "
            f"says {list(expected)}",
            "config.json and weights belong to different checkpoints",
        )


def _heads(config: MeteorConfig) -> dict[str, int]:
    text = config.text_config
    return {"heads": text.num_attention_heads, "groups": text.num_key_value_heads}


def _published(config: MeteorConfig) -> dict[str, Any]:
    text = config.text_config
    return {
        "architectures": ["MeteorForCausalLM"],
        "model_type": "internlm2",
        **{name: getattr(text, name) for name in SAME},
        "rope_theta": text.rope_parameters["rope_theta"],
        "eos_token_id": list(config.eos_token_ids),
        "vision_config": config.vision_config.to_dict(),
        "lora_r": config.lora_rank,
        "lora_alpha": config.lora_alpha,
        "rationale_tokens": config.n_rationale,
    }
