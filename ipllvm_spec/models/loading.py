"""Weights into memory: safetensors only, no remote code, spread by accelerate when too large."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.core import SpliceAdapter
from ipllvm_spec.models.placement import Placement, place, place_whole
from ipllvm_spec.models.prompts import PromptEncoder
from ipllvm_spec.models.registry import Checkpoint, adapter_class
from ipllvm_spec.models.variants import break_adapter


def load_adapter(
    checkpoint: Checkpoint,
    *,
    device: str = "cpu",
    attention: str = "sdpa",
    max_memory: dict[int | str, int] | None = None,
    offload_folder: Path | None = None,
) -> SpliceAdapter:
    """Loads a checkpoint's weights in its compute dtype and applies its variants.

    Args:
        checkpoint: What ``resolve`` found.
        device: ``cpu``, ``cuda:0``, ... or ``auto`` for all that there are.
        attention: Attention implementation of transformers.
        max_memory: Bytes per device that weights may take, by GPU number, ``cpu`` or ``disk``;
            measured when None.
        offload_folder: Where weights go that fit neither GPU nor memory.

    Raises:
        ModelError: When weights are missing, or the model does not fit.
    """
    kind = adapter_class(checkpoint.family)
    config = kind.read_config(checkpoint.folder)
    if kind.model_class:
        model_class = getattr(transformers, kind.model_class)
        where = place(checkpoint, model_class, config, device=device, max_memory=max_memory)
        main = where.device
        model = load_model(
            checkpoint, model_class, where, attention=attention, offload_folder=offload_folder
        )
    else:
        main = place_whole(checkpoint, device=device, max_memory=max_memory)
        model = kind.open_model(checkpoint, config, main, attention=attention)
    adapter = kind(
        model,
        prompts=kind.prompt_encoder(checkpoint.folder, config),
        identity=checkpoint.identity,
        device=main,
    )
    break_adapter(adapter, checkpoint.variants)
    return adapter


def load_prompts(checkpoint: Checkpoint) -> PromptEncoder:
    """Builds the prompt encoder of a checkpoint without its weights."""
    kind = adapter_class(checkpoint.family)
    return kind.prompt_encoder(checkpoint.folder, kind.read_config(checkpoint.folder))


def load_model(
    checkpoint: Checkpoint,
    model_class: Any,
    where: Placement,
    *,
    attention: str,
    offload_folder: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Loads a checkpoint's weights in its compute dtype, ready for inference.

    Args:
        checkpoint: The checkpoint.
        model_class: Class in transformers.
        where: Where its modules go.
        attention: Attention implementation of transformers.
        offload_folder: Where weights go that fit neither GPU nor memory.
        options: Further arguments of the class.

    Raises:
        ModelError: When the files lack weights that the class has.
    """
    # Bars of transformers would be torn apart by the run's own progress display.
    progress: Any = transformers.utils.logging
    progress.disable_progress_bar()
    options = dict(options or {})
    if where.device_map is not None:
        options["device_map"] = where.device_map
        options["offload_folder"] = offload_folder
    with warnings.catch_warnings():
        # The newline is a parameter, not a module, and accelerate places it all the same.
        warnings.filterwarnings("ignore", message=r".*do not match any submodules")
        model, report = model_class.from_pretrained(
            checkpoint.folder,
            dtype=getattr(torch, checkpoint.dtype),
            attn_implementation=attention,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers fills them with random numbers and only warns.
        raise ModelError(
            f"'{checkpoint.folder}' lacks {len(missing)} weights of its own architecture, "
            f"first '{missing[0]}'",
            "the checkpoint is incomplete or its config belongs to another one",
        )
    if where.device_map is None:
        model.to(where.device)
    return model.eval()
