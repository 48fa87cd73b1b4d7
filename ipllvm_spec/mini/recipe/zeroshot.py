"""Zero-shot accuracy of the towers: single shapes, and the twins of the classification sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ipllvm_spec.benchmarks.classification_lists import class_list
from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.recipe.tokens import wrap
from ipllvm_spec.mini.recipe.towers import TEXT_LENGTH, TILE, normalize, tiles_of
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.rows import ROWS
from ipllvm_spec.mini.rows.classes import LABELS
from ipllvm_spec.mini.scenes import OBJECT_COLORS, SHAPES


@torch.no_grad()
def best_classes(
    model: Any,
    pixels: NDArray[np.uint8],
    names: Sequence[str],
    backend: Tokenizer,
    *,
    templates: Sequence[str],
) -> torch.Tensor:
    """The best matching class of each image, over the mean of its templates.

    Args:
        model: A CLIPModel or SiglipModel.
        pixels: uint8 (n, 64, 64, 3).
        names: The classes.
        backend: The tokenizer.
        templates: Texts with one {} for a class.

    Returns:
        Index into the names, (n,).
    """
    siglip = model.config.model_type == "siglip"
    small = model.config.vision_config.image_size == TILE
    dtype = next(model.parameters()).dtype
    views = tiles_of(pixels)[:, 0] if small else pixels
    images = model.get_image_features(
        pixel_values=normalize(views, siglip=siglip).to(model.device, dtype)
    ).pooler_output
    # SigLIP was trained on padded captions without a mask
    words = wrap(backend, style="tower")(
        [template.format(name) for name in names for template in templates],
        padding="max_length" if siglip else True,
        truncation=True,
        max_length=TEXT_LENGTH,
        return_tensors="pt",
    )
    inputs = ("input_ids",) if siglip else ("input_ids", "attention_mask")
    kept = {name: words[name].to(model.device) for name in inputs}
    texts = _unit(model.get_text_features(**kept).pooler_output)
    classes = _unit(texts.view(len(names), len(templates), -1).mean(dim=1))
    return (_unit(images) @ classes.T).argmax(1).cpu()


def _unit(states: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(states.float(), dim=-1)


def zero_shot(model: Any, world: World, backend: Tokenizer) -> Mapping[str, float]:
    """Shares of single shapes whose colour and shape the best matching prompt names.

    Args:
        model: A CLIPModel or SiglipModel.
        world: Held-out scenes of the kind "single".
        backend: The tokenizer.
    """
    things = [spec.things[0] for spec in world.specs]
    asked = (
        ("shapes", SHAPES, "a photo of a {}", [t.shape for t in things]),
        ("colors", OBJECT_COLORS, "a photo of a {} shape", [t.color for t in things]),
    )
    found = {}
    for name, names, template, shown in asked:
        best = best_classes(model, world.pixels, names, backend, templates=(template,))
        goal = torch.tensor([names.index(what) for what in shown])
        found[name] = float((best == goal).float().mean())
    return found


def zero_shot_classes(model: Any, backend: Tokenizer) -> Mapping[str, float]:
    """Top-1 accuracy on the twin of each classification set, with CLIP's templates.

    Args:
        model: A CLIPModel or SiglipModel.
        backend: The tokenizer.
    """
    found = {}
    for name, names in CLASSES.items():
        rows = ROWS[name]()
        pixels = np.stack([row["img" if name == "cifar100" else "image"] for row in rows])
        labels = [row[LABELS.get(name, "label")] for row in rows]
        templates = class_list(name).templates
        best = best_classes(model, pixels, names, backend, templates=templates)
        found[name] = float((best == torch.tensor(labels)).float().mean())
    return found
