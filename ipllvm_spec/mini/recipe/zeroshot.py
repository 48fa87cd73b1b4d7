"""Zero-shot accuracy of the towers: single shapes, and the twins of the classification sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.recipe.tokens import wrap
from ipllvm_spec.mini.recipe.towers import TEXT_LENGTH, TILE, normalize, tiles_of
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.rows import ROWS
from ipllvm_spec.mini.rows.classes import LABELS
from ipllvm_spec.mini.scenes import OBJECT_COLORS, SHAPES


@torch.no_grad()
def best_prompts(
    model: Any, pixels: NDArray[np.uint8], prompts: Sequence[str], backend: Tokenizer
) -> torch.Tensor:
    """The best matching prompt of each image.

    Args:
        model: A CLIPModel or SiglipModel.
        pixels: uint8 (n, 64, 64, 3).
        prompts: One a class.
        backend: The tokenizer.

    Returns:
        Index into the prompts, (n,).
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
        list(prompts),
        padding="max_length" if siglip else True,
        truncation=True,
        max_length=TEXT_LENGTH,
        return_tensors="pt",
    )
    names = ("input_ids",) if siglip else ("input_ids", "attention_mask")
    kept = {name: words[name].to(model.device) for name in names}
    texts = model.get_text_features(**kept).pooler_output
    similar = torch.nn.functional.cosine_similarity(
        images[:, None].float(), texts[None].float(), dim=-1
    )
    return similar.argmax(1).cpu()


def zero_shot(model: Any, world: World, backend: Tokenizer) -> Mapping[str, float]:
    """Shares of single shapes whose colour and shape the best matching prompt names.

    Args:
        model: A CLIPModel or SiglipModel.
        world: Held-out scenes of the kind "single".
        backend: The tokenizer.
    """
    things = [spec.things[0] for spec in world.specs]
    asked = {
        "shapes": ([f"a photo of a {s}" for s in SHAPES], [SHAPES.index(t.shape) for t in things]),
        "colors": (
            [f"a photo of a {c} shape" for c in OBJECT_COLORS],
            [OBJECT_COLORS.index(t.color) for t in things],
        ),
    }
    return {
        name: float(
            (best_prompts(model, world.pixels, prompts, backend) == torch.tensor(goal))
            .float()
            .mean()
        )
        for name, (prompts, goal) in asked.items()
    }


def zero_shot_classes(model: Any, backend: Tokenizer) -> Mapping[str, float]:
    """Top-1 accuracy on the twin of each classification set, with one template.

    Args:
        model: A CLIPModel or SiglipModel.
        backend: The tokenizer.
    """
    found = {}
    for name, names in CLASSES.items():
        rows = ROWS[name]()
        pixels = np.stack([row["img" if name == "cifar100" else "image"] for row in rows])
        labels = [row[LABELS.get(name, "label")] for row in rows]
        best = best_prompts(model, pixels, [f"a photo of a {n}" for n in names], backend)
        found[name] = float((best == torch.tensor(labels)).float().mean())
    return found
