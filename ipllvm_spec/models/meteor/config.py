"""Meteor's config: InternLM2's fields as Llama's, CLIP at 490 px, and the Mamba's own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import CLIPVisionConfig, LlamaConfig, MambaConfig

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.files import read_config

#: Subfolder with the Mamba's files, which are published as a repository of their own.
MAMBA = "mamba"

#: Rank of the low-rank weights and alpha, of which only the quotient counts.
_RANK = 256

#: Rationale vectors per prompt.
_RATIONALE = 10

#: CLIP ViT-L/14 on views of 490 pixels: 35 x 35 patches.
_VISION = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 490,
    "patch_size": 14,
    "projection_dim": 768,
}

#: Fields that InternLM2's config and Llama's name alike.
SAME = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "hidden_act",
)


@dataclass(frozen=True)
class MeteorConfig:
    """What the modules are built from.

    Attributes:
        vision_config: The CLIP tower.
        text_config: InternLM2 as a Llama.
        mamba_config: The rationale's Mamba.
        lora_rank: Rank of the low-rank weights at image positions.
        lora_alpha: They are scaled by ``lora_alpha / lora_rank``.
        n_rationale: Rationale vectors per prompt.
        eos_token_ids: Ids that end an answer, as far as the config says.
        vision_feature_select_strategy: ``default``: without the class token, as in LLaVA's configs.
    """

    vision_config: Any
    text_config: Any
    mamba_config: Any
    lora_rank: int = _RANK
    lora_alpha: float = _RANK
    n_rationale: int = _RATIONALE
    eos_token_ids: tuple[int, ...] = ()
    vision_feature_select_strategy: str = "default"

    @property
    def image_token_id(self) -> int:
        """Id of ``<image>``, the last but one: both tokens were added to InternLM2's."""
        return int(self.text_config.vocab_size) - 2

    @property
    def rationale_token_id(self) -> int:
        """Id of ``<tor>``, the last one."""
        return int(self.text_config.vocab_size) - 1

    @property
    def _attn_implementation(self) -> str:
        return str(self.text_config._attn_implementation)


def read_meteor_config(folder: Path) -> MeteorConfig:
    """Reads ``config.json`` and ``mamba/config.json``.

    Keys of our own, for checkpoints of other sizes: ``vision_config`` (CLIP's), ``lora_r``,
    ``lora_alpha`` and ``rationale_tokens``.

    Raises:
        ModelError: When a file or a field is missing, positions are scaled, or the two
            vocabularies differ.
    """
    data = read_config(folder)
    mamba = MambaConfig(**_fields(read_config(folder / MAMBA)))
    eos = data.get("eos_token_id")
    config = MeteorConfig(
        vision_config=CLIPVisionConfig(**(_VISION | _fields(data.get("vision_config", {})))),
        text_config=LlamaConfig(**_language(folder, data)),
        mamba_config=mamba,
        lora_rank=int(data.get("lora_r", _RANK)),
        lora_alpha=float(data.get("lora_alpha", data.get("lora_r", _RANK))),
        n_rationale=int(data.get("rationale_tokens", _RATIONALE)),
        eos_token_ids=tuple(eos) if isinstance(eos, list) else () if eos is None else (int(eos),),
    )
    if mamba.vocab_size != config.text_config.vocab_size:
        raise ModelError(
            f"'{folder}' has {config.text_config.vocab_size} tokens in config.json but "
            f"{mamba.vocab_size} in {MAMBA}/config.json",
            "both read the same tokenizer: the two parts belong to different checkpoints",
        )
    return config


def _language(folder: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in (*SAME, "rope_theta") if name not in data]
    if missing:
        raise ModelError(
            f"'{folder / 'config.json'}' lacks '{missing[0]}', which InternLM2's config has",
            "copy the checkpoint again",
        )
    scaling = data.get("rope_scaling")
    # A dynamic factor of 1 acts on nothing; any other would change every position.
    if scaling is not None and scaling.get("factor") != 1.0:
        raise ModelError(
            f"'{folder / 'config.json'}' has rope_scaling {scaling!r}, which is not supported",
            "only null or a factor of 1.0",
        )
    return {name: data[name] for name in SAME} | {
        "rope_parameters": {"rope_type": "default", "rope_theta": float(data["rope_theta"])},
        "tie_word_embeddings": False,
        "attention_bias": False,
    }


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves away what a config says about its file rather than about the model."""
    return {
        name: value
        for name, value in data.items()
        if name not in ("architectures", "model_type", "transformers_version", "dtype")
        and name != "torch_dtype"
    }
