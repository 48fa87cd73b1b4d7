"""Flaws of photographs, in integer arithmetic: blur, noise, wrong light, colour cast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.mini.scenes import SIZE, Scene

Pixels = NDArray[np.uint8]

FLAWS = ("blur", "noise", "darkness", "glare", "cast")
#: Rows and columns of each area, as slices of the image.
AREAS: Mapping[str, tuple[slice, slice]] = MappingProxyType(
    {
        "whole": (slice(None), slice(None)),
        "top": (slice(SIZE // 2), slice(None)),
        "bottom": (slice(SIZE // 2, None), slice(None)),
        "left": (slice(None), slice(SIZE // 2)),
        "right": (slice(None), slice(SIZE // 2, None)),
    }
)
#: What a cast adds to red, green and blue.
CASTS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (90, -40, -40),
        "green": (-40, 90, -40),
        "blue": (-40, -40, 90),
        "yellow": (70, 70, -80),
    }
)
_RADIUS = 3
_NOISE = 75


def flawed(scene: Scene, flaw: str, *, area: str = "whole", tint: str = "", seed: int = 0) -> Scene:
    """Returns a scene with a flaw; what its patches show stays as it was.

    Args:
        scene: The scene.
        flaw: One of FLAWS, or "" for none.
        area: One of AREAS.
        tint: One of CASTS, for a cast.
        seed: Of the noise.
    """
    if not flaw:
        return scene
    changes: dict[str, Callable[[Pixels], Pixels]] = {
        "blur": _blurred,
        "darkness": lambda p: (p.astype(np.int64) * 2 // 7).astype(np.uint8),
        "glare": lambda p: (255 - (255 - p.astype(np.int64)) * 2 // 7).astype(np.uint8),
        "noise": lambda p: _shifted(p, _noise(seed)),
        "cast": lambda p: _shifted(p, np.array(CASTS[tint], dtype=np.int64)),
    }
    pixels = scene.pixels.copy()
    pixels[AREAS[area]] = changes[flaw](scene.pixels)[AREAS[area]]
    return replace(scene, pixels=pixels)


def _shifted(pixels: Pixels, change: NDArray[np.int64]) -> Pixels:
    shifted: Pixels = np.clip(pixels.astype(np.int64) + change, 0, 255).astype(np.uint8)
    return shifted


def _blurred(pixels: Pixels) -> Pixels:
    """The mean over a square, by sums along both axes; the border repeats its last pixels."""
    width = 2 * _RADIUS + 1
    total = pixels.astype(np.int64)
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (_RADIUS, _RADIUS)
        wide = np.pad(total, pad, mode="edge")
        total = np.zeros_like(total)
        for i in range(width):
            total += np.take(wide, range(i, i + SIZE), axis=axis)
    return (total // width**2).astype(np.uint8)


def _noise(seed: int) -> NDArray[np.int64]:
    """Noise from a hash of place and seed, since generators change between versions of numpy."""
    place = np.arange(SIZE * SIZE * 3, dtype=np.uint64) + np.uint64((seed * 0x9E3779B1) % 2**32)
    mixed = (place * np.uint64(0x9E3779B1)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(15)
    mixed = (mixed * np.uint64(0x85EBCA6B)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(13)
    mixed = (mixed * np.uint64(0xC2B2AE35)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(16)
    return (mixed % np.uint64(2 * _NOISE + 1)).astype(np.int64).reshape(SIZE, SIZE, 3) - _NOISE
