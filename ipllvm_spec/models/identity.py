"""What weights these are: digests over a checkpoint folder. Free of torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Files beside the weights that decide what the model computes.
_CONFIGS = ("config.json", "generation_config.json")

#: Files that decide how text and images become model input.
_PROCESSOR_PATTERNS = (
    "tokenizer*.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "added_tokens.json",
    "special_tokens_map.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.*",
    "chat_templates/*.jinja",
)

#: sha256 by (path, size, mtime_ns, inode): a changed file has another key, and the cache dies with
#: the process, so a digest is never older than the process that uses it.
_digests: dict[tuple[str, int, int, int], str] = {}


@dataclass(frozen=True)
class Identity:
    """What weights these are, so that stored answers never outlive them.

    Attributes:
        ref: The name or path the user gave.
        digest: ``commit:<40 hex>`` for a locked hub checkpoint, ``sha256:<64 hex>`` otherwise.
        processor_digest: sha256 over tokenizer, chat template and image processor files.
        dtype: The dtype in which the weights are computed with.
        variant: Names of broken variants derived at load time, in order; empty for none.
    """

    ref: str
    digest: str
    processor_digest: str
    dtype: str
    variant: tuple[str, ...] = ()


def file_digest(path: Path) -> str:
    """Returns the sha256 of a file's content as 64 hex digits."""
    stat = path.stat()
    key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ino)
    known = _digests.get(key)
    if known is None:
        with path.open("rb") as file:
            known = hashlib.file_digest(file, "sha256").hexdigest()
        _digests[key] = known
    return known


def weights_digest(folder: Path, shards: Iterable[Path]) -> str:
    """Returns ``sha256:<64 hex>`` over the weights and the configs that say how to run them.

    Args:
        folder: Checkpoint folder.
        shards: Its safetensors files.
    """
    configs = (folder / name for name in _CONFIGS)
    return "sha256:" + _combined(folder, [*shards, *(path for path in configs if path.is_file())])


def processor_digest(folder: Path) -> str:
    """Returns 64 hex digits over tokenizer, chat template and image processor files."""
    return _combined(folder, _processor_files(folder))


def setting_files(folder: Path) -> tuple[Path, ...]:
    """Returns the files that decide, beside the weights, what a checkpoint computes; sorted."""
    configs = {folder / name for name in _CONFIGS if (folder / name).is_file()}
    return tuple(sorted(configs | _processor_files(folder)))


def _processor_files(folder: Path) -> set[Path]:
    return {path for pattern in _PROCESSOR_PATTERNS for path in folder.glob(pattern)}


def _combined(folder: Path, files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(files):
        # Names belong to the content: swapping two files must change the digest.
        total.update(f"{path.relative_to(folder).as_posix()}\n{file_digest(path)}\n".encode())
    return total.hexdigest()
