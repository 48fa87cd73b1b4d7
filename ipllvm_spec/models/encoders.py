"""From a reference to a loaded vision encoder."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.base import Encoder
from ipllvm_spec.models.encoder_kinds import encoder_kind
from ipllvm_spec.models.files import read_config
from ipllvm_spec.models.loading import load_model
from ipllvm_spec.models.placement import Placement
from ipllvm_spec.models.probes import LinearProbe, ProbedEncoder
from ipllvm_spec.models.registry import Checkpoint, resolve
from ipllvm_spec.models.variants import break_encoder
from ipllvm_spec.models.vision import VisionEncoder
from ipllvm_spec.spec.lock import LockFile

_DTYPES = ("float32", "bfloat16")


def load_encoder(
    ref: str | Path,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    lock: LockFile | None = None,
) -> Encoder:
    """Finds and loads an encoder.

    Args:
        ref: A key of models.toml, for example ``mini-clip``, a folder, or a locked hub id.
        device: ``cpu``, ``cuda``, ``cuda:0``, ...
        dtype: ``float32`` or ``bfloat16``.
        lock: The user's lock file, needed for hub ids only.

    Raises:
        ModelError: When the folder is no whole checkpoint, or one of another architecture.
        UnknownNameError: When the reference is neither a key, a folder nor a hub id.
        LockError: When a hub id is not locked.
    """
    if dtype not in _DTYPES:
        raise ModelError(f"an encoder cannot run in {dtype}", f"use one of {', '.join(_DTYPES)}")
    found = resolve(str(ref), lock=lock, device=torch.device(device).type)
    identity = replace(found.identity, dtype=dtype)
    return load_checkpoint(replace(found, dtype=dtype, identity=identity), device=device)


def load_checkpoint(
    checkpoint: Checkpoint, *, device: str = "cpu", attention: str | None = None
) -> Encoder:
    """Loads an encoder, with its probe if it has one, in the dtype of a resolved checkpoint.

    Args:
        checkpoint: From ``registry.resolve``.
        device: ``cpu``, ``cuda``, ``cuda:0``, ...
        attention: Attention implementation; None for the fastest. One that will be asked for its
            attention all the time is best loaded as ``eager``, the only one that returns it.

    Raises:
        ModelError: When it is no encoder, lacks weights, has no such variant, or its probe is for
            embeddings of another width.
    """
    kind = encoder_kind(checkpoint.folder, read_config(checkpoint.folder))
    options: dict[str, Any] = {}
    if kind.architecture == "ViTModel":
        # Its pooler was trained for no published checkpoint, and some, DINO's for one, lack it.
        options["add_pooling_layer"] = False
    model = load_model(
        checkpoint,
        getattr(transformers, kind.architecture),
        Placement(torch.device(device), None),
        attention=attention or ("sdpa" if kind.special or kind.family == "siglip" else "eager"),
        options=options,
    )
    module, _, name = kind.adapter.partition(":")
    encoder: VisionEncoder = getattr(importlib.import_module(module), name)(
        model,
        kind=kind,
        folder=checkpoint.folder,
        # The probe adds itself.
        identity=replace(checkpoint.identity, variant=checkpoint.variants),
    )
    break_encoder(encoder, checkpoint.variants)
    if checkpoint.probe is None:
        return encoder
    return ProbedEncoder(encoder, LinearProbe.of(checkpoint.probe))
