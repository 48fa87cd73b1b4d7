"""Writes checkpoints as the published ones lie on disk, each with a small model card."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig

NOTICE = "Nothing about the minis is evidence about LLaVA."


def save_checkpoint(
    folder: Path,
    *,
    model: Any,
    parts: tuple[Any, ...],
    card: Mapping[str, Any],
    log: Path | None,
    write: Callable[[Any, Path], None] | None = None,
) -> None:
    """Saves a checkpoint so that readers see the old one or the new one, never a mixture.

    Args:
        folder: final place.
        model: saved in bfloat16 safetensors.
        parts: processors, image processors and tokenizers to save beside it.
        card: facts for the model card; sha256, parameters and bytes are added.
        log: the training log to keep, if any.
        write: writes weights and configs of a model that has no `save_pretrained`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        for name in ("", "text_config", "vision_config"):
            config = getattr(model.config, name, None) if name else model.config
            if isinstance(config, PreTrainedConfig):
                # Where a part was loaded from is a path on the machine that trained it.
                config._name_or_path = ""
        model.to(torch.bfloat16)
        if write is not None:
            write(model, temporary)
        else:
            model.save_pretrained(temporary)
        for part in parts:
            part.save_pretrained(temporary)
        if log is not None and log.exists():
            shutil.copy(log, temporary / "log.jsonl")
        weights = temporary / "model.safetensors"
        full = dict(card) | {
            "parameters": sum(p.numel() for p in model.parameters()),
            "bytes": weights.stat().st_size,
            "sha256": file_digest(weights),
        }
        if others := sorted(temporary.glob("*/*.safetensors")):
            names = {path.relative_to(temporary).as_posix(): path for path in others}
            full["others"] = {name: file_digest(path) for name, path in names.items()}
        write_card(temporary, full)
        for path in (temporary, *temporary.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        if folder.exists():
            retired = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-old-"))
            folder.rename(retired / "was")
            temporary.rename(folder)
            shutil.rmtree(retired)
        else:
            temporary.rename(folder)
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Writes card.json and the README.md made from it."""
    text = json.dumps(card, indent=1, sort_keys=True)
    (folder / "card.json").write_text(f"{text}\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(card), encoding="utf-8")


def read_card(folder: Path) -> dict[str, Any]:
    """Reads card.json."""
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return card


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _readme(card: Mapping[str, Any]) -> str:
    lines = [
        f"# {card['key']}: a mini {card['class']}",
        "",
        NOTICE,
        "",
        f"{card['what']}",
        "",
        "| | |",
        "|---|---|",
        f"| parameters | {card['parameters']:,} |",
        f"| training | {card['data']} |",
        f"| steps, seed | {card['steps']}, {card['seed']} |",
        f"| minutes (one core) | {card['minutes']} |",
        f"| sha256 of model.safetensors | `{card['sha256']}` |",
        *(f"| sha256 of {name} | `{sha}` |" for name, sha in card.get("others", {}).items()),
        "",
    ]
    tables = dict(card.get("tables", {}))
    if "twins" in card:
        tables = {"Twins, points of 100 (MME divided by 28)": card["twins"]} | tables
    for title, table in tables.items():
        columns = list(dict.fromkeys(c for row in table.values() for c in row))
        lines += [
            f"## {title}",
            "",
            f"| | {' | '.join(columns)} |",
            "|---" * (len(columns) + 1) + "|",
        ]
        for name, row in table.items():
            cells = (f"{row[c]:.1f}" if c in row else "" for c in columns)
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    missed = card.get("missed", [])
    if missed:
        lines += ["## Floors missed", "", *(f"* {m}" for m in missed), ""]
    return "\n".join(lines)


def to_shipped(model: Any) -> Any:
    """Rounds weights, and weights alone, to the precision they ship in, as a reload finds them.

    Tables of rotary angles are no weights: a loaded model computes them afresh in float32.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    rationale = getattr(getattr(model, "model", None), "rationale", None)
    if rationale is not None:
        # A reload keeps the rounded weights of this branch in float32.
        rationale.float()
    return model.eval()
