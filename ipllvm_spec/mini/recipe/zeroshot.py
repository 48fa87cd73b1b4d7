"""Zero-shot accuracy of the towers on single shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tokenizers import Tokenizer

from ipllvm_spec.mini.recipe.tokens import wrap
from ipllvm_spec.mini.recipe.towers import TEXT_LENGTH, TILE, normalize, tiles_of
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.scenes import OBJECT_COLORS, SHAPES


@torch.no_grad()
def zero_shot(model: Any, world: World, backend: Tokenizer) -> Mapping[str, float]:
    """Shares of single shapes whose colour and shape the best matching prompt names.

    Args:
        model: a CLIPModel or SiglipModel.
        world: held-out scenes of the kind "single".
        backend: the tokenizer.
    """
    siglip = model.config.model_type == "siglip"
    small = model.config.vision_config.image_size == TILE
    pixels = tiles_of(world.pixels)[:, 0] if small else world.pixels
    dtype = next(model.parameters()).dtype
    images = model.get_image_features(
        pixel_values=normalize(pixels, siglip=siglip).to(model.device, dtype)
    ).pooler_output
    tokenizer = wrap(backend, style="tower")
    things = [spec.things[0] for spec in world.specs]
    found = {}
    for name, prompts, goal in (
        ("shapes", [f"a photo of a {s}" for s in SHAPES], [SHAPES.index(t.shape) for t in things]),
        (
            "colors",
            [f"a photo of a {c} shape" for c in OBJECT_COLORS],
            [OBJECT_COLORS.index(t.color) for t in things],
        ),
    ):
        padding = "max_length" if siglip else True
        words = tokenizer(prompts, padding=padding, max_length=TEXT_LENGTH, return_tensors="pt")
        kept = {k: v for k, v in words.items() if k == "input_ids" or not siglip}
        kept.pop("token_type_ids", None)
        kept = {name: value.to(model.device) for name, value in kept.items()}
        texts = model.get_text_features(**kept).pooler_output
        similar = torch.nn.functional.cosine_similarity(
            images[:, None].float(), texts[None].float(), dim=-1
        )
        found[name] = float((similar.argmax(1).cpu() == torch.tensor(goal)).float().mean())
    return found
