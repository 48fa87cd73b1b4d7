"""Which kind each visual token of a packed any-resolution image has.

Packing order: the base view, then the tiles stitched to one map, cut to the image's aspect ratio,
possibly reduced, with one newline token after each row of the map.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from transformers.models.llava_next import modeling_llava_next

from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.base import TokenKind

#: The module that packs; untyped.
_PACK: Any = modeling_llava_next

#: Tokens that a vision tower puts before its patches.
_CLASS_TOKENS = {"clip_vision_model": 1}


def tokens_per_view(config: Any, pixels: Mapping[str, torch.Tensor]) -> int:
    """Returns how many tokens tower and selection make of one view.

    Args:
        config: A LLaVA config with ``vision_config`` and ``vision_feature_select_strategy``.
        pixels: ``Encoded.pixels``; the last two dimensions of ``pixel_values`` are a view's.

    Raises:
        ModelError: When the image processor makes views of another size than the tower takes.
    """
    vision = config.vision_config
    height, width = pixels["pixel_values"].shape[-2:]
    if height != vision.image_size or width != vision.image_size:
        raise ModelError(
            f"the image processor makes views of {height} x {width} pixels but the vision tower "
            f"takes {vision.image_size} x {vision.image_size}",
            "preprocessor_config.json and config.json belong to different checkpoints",
        )
    dropped = int(config.vision_feature_select_strategy == "default")
    side = int(vision.image_size // vision.patch_size)
    return side**2 + _CLASS_TOKENS.get(vision.model_type, 0) - dropped


def base_grid(config: Any, pixels: Mapping[str, torch.Tensor]) -> tuple[int, int] | None:
    """Returns the rows and columns of the base view's patch tokens, the first of every family.

    Args:
        config: As for ``tokens_per_view``.
        pixels: As for ``tokens_per_view``.

    Returns:
        None when the tokens of a view are not its patches alone (a class token is kept).
    """
    side = int(config.vision_config.image_size // config.vision_config.patch_size)
    return (side, side) if tokens_per_view(config, pixels) == side**2 else None


def packed_kinds(
    config: Any, pixels: Mapping[str, torch.Tensor], *, max_tiles: int | None
) -> torch.Tensor:
    """Returns the (n,) int8 kinds of one image's packed tokens.

    Args:
        config: A LLaVA-NeXT or LLaVA-OneVision config.
        pixels: ``Encoded.pixels``; ``image_sizes`` has the (1, 2) height and width of the image
            before processing.
        max_tiles: The map is reduced when it has clearly more than this many tiles' worth of
            tokens (OneVision); None never reduces (NeXT).
    """
    base = tokens_per_view(config, pixels)
    image_size: list[int] = pixels["image_sizes"][0].tolist()
    tile = config.vision_config.image_size
    side = tile // config.vision_config.patch_size
    tall, wide = _PACK.get_anyres_image_grid_shape(image_size, config.image_grid_pinpoints, tile)
    # Only the shape matters; unpad_image is asked rather than imitated, rounding included.
    stitched = torch.empty(1, tall * side, wide * side)
    rows, columns = _PACK.unpad_image(stitched, image_size).shape[1:]
    if max_tiles is not None:
        ratio = math.sqrt(rows * columns / (max_tiles * side**2))
        if ratio > 1.1:
            rows, columns = int(rows // ratio), int(columns // ratio)
    line = [TokenKind.GRID] * columns + [TokenKind.NEWLINE]
    return torch.tensor([TokenKind.BASE] * base + line * rows, dtype=torch.int8)
