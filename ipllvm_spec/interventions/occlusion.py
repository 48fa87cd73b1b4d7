"""Hiding patches of an image: at random, by saliency, or those that are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from ipllvm_spec.errors import EngineError, ModelError
from ipllvm_spec.interventions.aids import Aids
from ipllvm_spec.interventions.grids import Pixels, cell_sides, rgb
from ipllvm_spec.spec.interventions import PatchDrop

#: (rows, columns) of attention, or (heads, rows, columns).
Attention = npt.NDArray[np.floating[Any]]
#: (grid, grid), True where a patch is hidden.
Mask = npt.NDArray[np.bool_]


def patch_drop(
    step: PatchDrop, image: Image.Image, *, seed: int, item_id: str, aids: Aids
) -> Image.Image:
    """Hides patches of an image.

    Args:
        step: Which patches, how many, and what takes their place.
        image: The item's image, in any mode and size.
        seed: Seed of the draw for the kind ``random``.
        item_id: The item, for messages.
        aids: ``saliency`` is needed for the kinds ``salient`` and ``non_salient``.

    Returns:
        RGB image of the same size. Pixels outside of the hidden patches are kept bit by bit.

    Raises:
        EngineError: When a saliency map is needed and ``aids`` has none to give.
        ModelError: When the saliency map cannot be used.
    """
    picture = image.convert("RGB")
    attention = None
    if step.needs_saliency:
        if aids.saliency is None:
            raise EngineError(
                f"{step!r} chooses patches of item '{item_id}' by saliency, "
                "but there is no saliency model",
                "pass Aids(saliency=...), or use kind 'random', which needs none",
            )
        attention = saliency_map(aids.saliency(picture), step)
    hidden = on_pixels(dropped_patches(step, seed=seed, attention=attention), picture.size)
    pixels = rgb(picture)
    return Image.fromarray(np.where(hidden[..., None], _filler(step, picture), pixels))


def dropped_patches(step: PatchDrop, *, seed: int, attention: Attention | None = None) -> Mask:
    """Returns which patches are hidden: ``mean()`` of it is the hidden share of the area.

    Args:
        step: Which patches and how many.
        seed: Seed of the draw for the kind ``random``: the patches come in one order for all
            ratios, so masks are nested.
        attention: (grid, grid) from ``saliency_map``; needed for the kinds ``salient`` and
            ``non_salient``. Of equally attended patches a later one counts as more salient.

    Raises:
        ValueError: When the attention is missing.
    """
    total = step.grid**2
    hidden = np.zeros(total, dtype=np.bool_)
    if step.patches is not None:
        hidden[list(step.patches)] = True
    elif step.kind == "random":
        hidden[np.random.default_rng(seed).permutation(total)[: step.dropped()]] = True
    elif attention is None:
        raise ValueError(f"{step!r} needs a saliency map")
    else:
        ascending = np.argsort(attention, axis=None, kind="stable")
        if step.selector == "rank":
            count = step.dropped()
            first = total - count if step.kind == "salient" else 0
            hidden[ascending[first : first + count]] = True
        else:
            hidden[ascending] = _holds_mass(attention.ravel()[ascending], step.ratio or 0.0)
            if step.kind == "non_salient":
                hidden = ~hidden
    return hidden.reshape(step.grid, step.grid)


def saliency_map(heads: Attention, step: PatchDrop) -> npt.NDArray[np.float64]:
    """Returns the attention on each patch of the step's grid.

    The model's own patches are taken as areas of even attention, and what lies on a patch of the
    grid is added up: nothing is lost, and equal grids give the map itself.

    Args:
        heads: (heads, rows, columns) as ``base.Saliency`` gives it.
        step: Which head, which grid.

    Returns:
        (grid, grid), sum 1.

    Raises:
        ModelError: When the attention has another shape, lacks the head, or is not a
            distribution over patches.
    """
    if heads.ndim != 3 or 0 in heads.shape:
        raise ModelError(
            f"a saliency map has the shape (heads, rows, columns), not {heads.shape}",
            "return one map per head, without the class token",
        )
    if step.head != "mean" and step.head >= heads.shape[0]:
        raise ModelError(
            f"{step!r} asks for head {step.head} of a saliency model with {heads.shape[0]}",
            f"heads are numbered 0..{heads.shape[0] - 1}; or use 'mean'",
        )
    chosen = heads.mean(axis=0) if step.head == "mean" else heads[step.head]
    attention = np.asarray(chosen, dtype=np.float64)
    if not np.isfinite(attention).all() or attention.min() < 0 or attention.sum() <= 0:
        raise ModelError(
            "a saliency map must be finite, not negative and not all zero",
            "return attention after the softmax",
        )
    rows, columns = attention.shape
    spread = _overlap(rows, step.grid) @ attention @ _overlap(columns, step.grid).T
    return np.asarray(spread / spread.sum())


def on_pixels(hidden: Mask, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Scales a mask over patches to an image.

    Args:
        hidden: (grid, grid).
        size: Width and height in pixels.

    Returns:
        (height, width); each pixel belongs to exactly one patch.
    """
    grid = hidden.shape[0]
    width, height = size
    rows = hidden.repeat(cell_sides(height, grid), axis=0)
    return rows.repeat(cell_sides(width, grid), axis=1)


def _holds_mass(ascending: npt.NDArray[Any], share: float) -> npt.NDArray[np.bool_]:
    """Whether each patch is among the most attended that hold ``share`` of the attention."""
    cumulative = np.cumsum(ascending)
    # Divided by its own end, which is then exactly 1: a share of 0 holds nothing.
    return np.asarray(cumulative / cumulative[-1] > 1 - share)


def _overlap(patches: int, grid: int) -> npt.NDArray[np.float64]:
    """Returns the (grid, patches) share of each of the model's patches on each cell of a side."""
    # In units of 1 / (patches * grid) of the side all edges are integers: no rounding.
    starts = np.arange(grid)[:, None] * patches
    firsts = np.arange(patches)[None, :] * grid
    ends = np.minimum(starts + patches, firsts + grid)
    return np.asarray(np.maximum(0, ends - np.maximum(starts, firsts)) / grid)


def _filler(step: PatchDrop, picture: Image.Image) -> Pixels:
    """Returns what is seen instead of a hidden patch; broadcasts to the image."""
    if step.fill == "zero":
        return np.zeros((1, 1, 3), dtype=np.uint8)
    if step.fill == "mean":
        mean = rgb(picture).mean(axis=(0, 1), keepdims=True)
        return np.asarray(np.rint(mean), dtype=np.uint8)
    deviation = tuple(side / step.grid / 2 for side in picture.size)
    return rgb(picture.filter(ImageFilter.GaussianBlur(deviation)))
