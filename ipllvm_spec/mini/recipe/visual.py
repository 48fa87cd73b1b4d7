"""From frozen tower features to visual tokens, exactly as the library's models arrange them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ipllvm_spec.mini.recipe.towers import normalize, tiles_of
from ipllvm_spec.mini.scenes import GRID

REDUCED = 6
"""Side of OneVision's grid after its bilinear reduction: 8 // sqrt(64 / (3 * 16))."""
CHUNK = 64


class Shown(NamedTuple):
    """What a model is shown of some scenes.

    Attributes:
        tokens: (n, slots, d) visual tokens.
        second: (n, slots, d_m) tokens of the image's second entrance, None without one.
    """

    tokens: torch.Tensor
    second: torch.Tensor | None = None

    def ordered(self, order: torch.Tensor) -> Shown:
        """The tokens of each scene in another order, (n, slots), at every entrance."""
        places = order[..., None].to(self.tokens.device)
        moved = [None if part is None else part.gather(1, places.expand_as(part)) for part in self]
        assert moved[0] is not None
        return Shown(moved[0], moved[1])


_WHOLE = ("llava", "meteor")
"""Families that see a scene as one view."""
_LAYERS = {"llava_onevision": -1, "meteor": -1}
"""Layer of the tower that a family reads, where it is not -2."""


def slots_of(family: str) -> int:
    """Visual tokens of a scene: patches, base tile, newlines."""
    half = (GRID // 2) ** 2
    return {
        "llava": GRID * GRID,
        "meteor": GRID * GRID,
        "llava_next": half + GRID * (GRID + 1),
        "llava_onevision": half + REDUCED * (REDUCED + 1),
    }[family]


@torch.no_grad()
def tower_features(
    family: str, tower: Any, pixels: NDArray[np.uint8], *, dtype: torch.dtype
) -> torch.Tensor:
    """Features of scenes at the layer the family reads, CLS dropped.

    Returns:
        (n, 64, d) for "llava" and "meteor", otherwise (n, 5, 16, d).
    """
    chunks, whole = [], family in _WHOLE
    for at in range(0, len(pixels), CHUNK):
        part = pixels[at : at + CHUNK]
        views = part if whole else tiles_of(part).reshape(-1, 32, 32, 3)
        values = normalize(views, siglip=family == "llava_onevision").to(tower.device, dtype)
        states = tower(pixel_values=values, output_hidden_states=True).hidden_states
        features = states[_LAYERS.get(family, -2)]
        if family != "llava_onevision":
            features = features[:, 1:]
        if not whole:
            features = features.unflatten(0, (len(part), 5))
        chunks.append(features.to("cpu", torch.bfloat16))
    return torch.cat(chunks)


def visual_tokens(family: str, model: Any, features: torch.Tensor) -> torch.Tensor:
    """Projects and arranges features.

    Args:
        family: see assemble.FAMILIES.
        model: the assembled model (its projector and newline are used).
        features: see tower_features.

    Returns:
        (n, slots, d).
    """
    tokens: torch.Tensor = model.model.multi_modal_projector(features)
    if family in _WHOLE:
        return tokens
    n, width = tokens.shape[0], tokens.shape[-1]
    half = GRID // 2
    base, tiles = tokens[:, 0], tokens[:, 1:]
    grid = tiles.reshape(n, 2, 2, half, half, width).permute(0, 1, 3, 2, 4, 5)
    grid = grid.reshape(n, GRID, GRID, width)
    if family == "llava_onevision":
        planes = grid.permute(0, 3, 1, 2)
        small = torch.nn.functional.interpolate(planes, (REDUCED, REDUCED), mode="bilinear")
        grid = small.permute(0, 2, 3, 1)
    side = grid.shape[1]
    newline = model.model.image_newline.to(grid.dtype).expand(n, side, 1, width)
    rows = torch.cat([grid, newline], dim=2).flatten(1, 2)
    return torch.cat([base, rows], dim=1)


def shown(family: str, model: Any, features: torch.Tensor) -> Shown:
    """What a model is shown of scenes, at every entrance; see ``visual_tokens``."""
    tokens = visual_tokens(family, model, features)
    rationale = getattr(model.model, "rationale", None)
    if rationale is None:
        return Shown(tokens)
    # The branch is kept in float32 in a model that was rounded, as it is when loaded.
    dtype = next(rationale.projector.parameters()).dtype
    return Shown(tokens, rationale.projector(features.to(dtype)))
