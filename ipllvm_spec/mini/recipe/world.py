"""Scenes for training and for held-out measurement, rendered once and kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.scenes import GRID, SIZE

# the kinds with the most distinct scenes and questions are drawn more often
WEIGHTS: dict[str, float] = {
    "quad": 6,
    "board": 6,
    "bars": 7,
    "table": 4,
    "single": 2,
    "number": 1,
    "poster": 2,
    "word": 2,
    "calculation": 3,
    "program": 3,
    "sequence": 2,
    "chain": 3,
    "view": 1,
    "landmark": 2,
    "artwork": 2,
    "face": 1,
    "person": 1,
    "light": 1,
    "photo": 5,
    "diagram": 3,
    **dict.fromkeys(CLASSES, 0.7),
}

RICH = ("quad", "board", "bars", "table")
"""Kinds with dozens of facts a scene; the others have a handful."""


@dataclass(frozen=True)
class World:
    """Rendered scenes.

    Attributes:
        kinds: name of the kind of each scene.
        specs: spec of each scene.
        pixels: uint8 (n, 64, 64, 3).
        colors: int16 (n, 8, 8), see Scene.
        things: int16 (n, 8, 8).
        sizes: int16 (n, 8, 8).
    """

    kinds: list[str]
    specs: list[Any]
    pixels: NDArray[np.uint8]
    colors: NDArray[np.int16]
    things: NDArray[np.int16]
    sizes: NDArray[np.int16]

    @cached_property
    def rich(self) -> list[int]:
        """Scenes of the kinds with many facts."""
        return [i for i, kind in enumerate(self.kinds) if kind in RICH]

    @cached_property
    def lean(self) -> list[int]:
        """All other scenes."""
        return [i for i, kind in enumerate(self.kinds) if kind not in RICH]

    @cached_property
    def singles(self) -> NDArray[np.int64]:
        """Scenes of one shape."""
        return np.array([i for i, kind in enumerate(self.kinds) if kind == "single"], dtype=int)

    @cached_property
    def classed(self) -> NDArray[np.int64]:
        """Scenes of the classification sets."""
        return np.array([i for i, kind in enumerate(self.kinds) if kind in CLASSES], dtype=int)

    def __len__(self) -> int:
        return len(self.kinds)

    def caption(self, i: int) -> str:
        """The caption of scene i."""
        return KINDS[self.kinds[i]].caption(self.specs[i])


def make_world(n: int, *, seed: int, held_out: bool, only: tuple[str, ...] = ()) -> World:
    """Draws n scenes of one side of the split.

    Args:
        n: number of scenes.
        seed: of the draw.
        held_out: which side; training never sees a held-out scene.
        only: kinds to draw from; all when empty.
    """
    rng = seeded(f"world:{seed}:{held_out}")
    names = list(only or WEIGHTS)
    weights = [WEIGHTS[name] for name in names]
    kinds: list[str] = []
    specs: list[Any] = []
    pixels = np.empty((n, SIZE, SIZE, 3), dtype=np.uint8)
    maps = np.empty((3, n, GRID, GRID), dtype=np.int16)
    while len(kinds) < n:
        name = rng.choices(names, weights)[0]
        spec = KINDS[name].sample(rng)
        scene = KINDS[name].draw(spec)
        if scene.held_out != held_out:
            continue
        i = len(kinds)
        pixels[i] = scene.pixels
        maps[:, i] = scene.colors, scene.things, scene.sizes
        kinds.append(name)
        specs.append(spec)
    return World(kinds, specs, pixels, maps[0], maps[1], maps[2])
