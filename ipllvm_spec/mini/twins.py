"""Benchmark twins on local disk: our scenes under the published column names and feature types."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ipllvm_spec.errors import DataError, unknown_name
from ipllvm_spec.mini.columns import SPLITS, twin_features
from ipllvm_spec.mini.rows import ROWS, Row

_LOCK = "twins.lock"


def twin_names() -> tuple[str, ...]:
    """Names of the twins, in the order of the paper's table."""
    return tuple(ROWS)


def twin_digest(name: str) -> str:
    """The committed sha256 of a twin's pixels and texts.

    Raises:
        UnknownNameError: no twin has that name.
    """
    _known(name)
    return _lock()[name]


def build_twin(name: str, *, root: Path) -> Path:
    """Renders a twin unless it is there.

    The file appears under its final name only when complete and verified, so two processes may
    build at once: both render the same rows and the later rename replaces equal content.

    Args:
        name: one of twin_names().
        root: folder for all twins.

    Returns:
        root/<name>, which holds <split>.parquet.

    Raises:
        UnknownNameError: no twin has that name.
        DataError: the folder cannot be written, or the rows differ from the committed digest.
    """
    _known(name)
    folder = root / name
    path = folder / f"{SPLITS[name]}.parquet"
    if path.exists():
        return folder
    rows = ROWS[name]()
    digest = rows_digest(rows)
    if digest != _lock()[name]:
        raise DataError(
            f"the twin of {name} came out as {digest[:12]} instead of {_lock()[name][:12]}",
            "the renderer or Python's random module changed; if that is meant, update "
            f"ipllvm_spec/mini/{_LOCK} and retrain the minis",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
        os.close(handle)
        try:
            _write(name, rows, Path(temporary))
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot write the twin of {name} under {root}: {error}",
            "make the folder writable or choose another one",
        ) from error
    return folder


def rows_digest(rows: Iterable[Row]) -> str:
    """sha256 over the rows' texts and pixels, in order."""
    total = hashlib.sha256()
    for row in rows:
        texts = {k: v for k, v in row.items() if not isinstance(v, np.ndarray)}
        total.update(json.dumps(texts, sort_keys=True, ensure_ascii=True).encode())
        for value in row.values():
            if isinstance(value, np.ndarray):
                total.update(np.ascontiguousarray(value).tobytes())
    return total.hexdigest()


def _write(name: str, rows: list[Row], path: Path) -> None:
    import datasets

    shown = [
        {
            column: {"bytes": _png(value), "path": None} if isinstance(value, np.ndarray) else value
            for column, value in row.items()
        }
        for row in rows
    ]
    dataset = datasets.Dataset.from_list(shown, features=twin_features(name))
    dataset.to_parquet(str(path))


def _png(pixels: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def _known(name: str) -> None:
    if name not in ROWS:
        raise unknown_name("twin", name, ROWS)


@cache
def _lock() -> Mapping[str, str]:
    text = resources.files("ipllvm_spec.mini").joinpath(_LOCK).read_text(encoding="utf-8")
    digests: dict[str, str] = json.loads(text)
    return MappingProxyType(digests)
