"""Checks on a checkpoint folder that need no weights in memory. Free of torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ipllvm_spec.errors import ModelError

_INDEX = "model.safetensors.index.json"
#: A linear probe beside the weights of an encoder; see ``probe_files``.
PROBE = "probe.safetensors"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
#: A header larger than this is damage, not a model (the format itself allows 100 MB).
_MAX_HEADER = 100_000_000


@dataclass(frozen=True)
class Shard:
    """One safetensors file.

    Attributes:
        path: The file.
        parameters: Number of weights in it.
        dtypes: Names of the stored dtypes as the header writes them, for example ``BF16``.
    """

    path: Path
    parameters: int
    dtypes: frozenset[str]


def read_config(folder: Path) -> dict[str, Any]:
    """Reads a checkpoint's ``config.json``.

    Raises:
        ModelError: When the folder or the file is missing, or the file is not a JSON object.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no model folder '{folder}'", "check the path")
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(
            f"'{folder}' has no config.json, so it is no checkpoint of transformers",
            "give the folder that save_pretrained() wrote (not its parent)",
        )
    return read_json(path)


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object that belongs to a checkpoint.

    Raises:
        ModelError: When the file is not a JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"'{path}' cannot be read: {error}", "copy the checkpoint again") from None
    if not isinstance(data, dict):
        raise ModelError(f"'{path}' holds no JSON object", "copy the checkpoint again")
    return data


def check_weights(folder: Path) -> tuple[Shard, ...]:
    """Finds a checkpoint's safetensors files and checks that each is whole.

    Raises:
        ModelError: When there are none (with special advice for pickled weights), when a shard
            named by the index is missing, or when a file is truncated or damaged.
    """
    paths = _shard_paths(folder)
    if paths:
        return tuple(_read_shard(path) for path in paths)
    pickled = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
    if pickled:
        raise ModelError(
            f"'{folder}' has pickled weights only ({', '.join(pickled[:3])}); loading them could "
            "run code, so they are not loaded",
            "convert them: load the model where you trust it and call "
            "model.save_pretrained(folder), which writes safetensors",
        )
    raise ModelError(f"'{folder}' has no weights (*.safetensors)", "copy the checkpoint again")


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Returns the files that hold a checkpoint's own weights, and their index.

    Raises:
        ModelError: As for ``check_weights``.
    """
    index = folder / _INDEX
    shards = tuple(shard.path for shard in check_weights(folder))
    return (*shards, index) if index.is_file() else shards


def _shard_paths(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if not index.is_file():
        return sorted(path for path in folder.glob("*.safetensors") if path.name != PROBE)
    names = sorted(set(read_json(index).get("weight_map", {}).values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"'{folder}' lacks {len(missing)} of {len(names)} weight files, first '{missing[0]}'",
            "copy or fetch the checkpoint again",
        )
    return [folder / name for name in names]


def _read_shard(path: Path) -> Shard:
    """Compares what a header promises with the file's size: 8 + header + data bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header_bytes = file.read(length) if 0 < length <= min(size, _MAX_HEADER) else b""
    try:
        header: dict[str, Any] = json.loads(header_bytes)
        tensors = [value for name, value in header.items() if name != "__metadata__"]
        promised = 8 + length + max((tensor["data_offsets"][1] for tensor in tensors), default=0)
        shard = Shard(
            path=path,
            parameters=sum(prod(tensor["shape"]) for tensor in tensors),
            dtypes=frozenset(tensor["dtype"] for tensor in tensors),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ModelError(
            f"'{path}' is no whole safetensors file: its header cannot be read ({size} bytes)",
            "it is truncated or damaged; copy or fetch it again",
        ) from None
    if promised != size:
        raise ModelError(
            f"'{path}' has {size} bytes where its header promises {promised}",
            "it is truncated or damaged; copy or fetch it again",
        )
    return shard
