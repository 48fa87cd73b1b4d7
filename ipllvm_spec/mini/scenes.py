"""The scene renderer: integer drawing on a 64 by 64 canvas of 8 by 8 patches, exact to the pixel.

A canvas keeps, beside the pixels, what every patch shows (a colour and a thing). Training uses
these labels as dense targets; the twins never see them. There is no antialiasing and no floating
point, so the same call gives the same bytes with every version of numpy and Pillow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.font import GLYPH_HEIGHT, GLYPH_WIDTH, GLYPHS

SIZE = 64
PATCH = 8
GRID = SIZE // PATCH

PALETTE: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (215, 40, 40),
        "green": (40, 160, 60),
        "blue": (45, 75, 215),
        "yellow": (235, 215, 50),
        "purple": (145, 55, 180),
        "orange": (240, 135, 35),
        "cyan": (60, 205, 215),
        "white": (240, 240, 240),
        "black": (15, 15, 15),
        "gray": (125, 125, 125),
    }
)
OBJECT_COLORS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan")
BACKGROUNDS = ("white", "black", "gray")
COLORS = tuple(PALETTE)
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
TEXTURES = ("sky", "sand", "grass", "snow", "brick", "tile", "frame", "cloth", "skin")
PARTS = ("bar", "top", "dot", "eye", "mouth", "lamp", "lit")
CLASS_NAMES = tuple(name for names in CLASSES.values() for name in names)
THINGS = ("empty", *SHAPES, *TEXTURES, *PARTS, *GLYPHS, *CLASS_NAMES)
SIZES = ("small", "large")

_HELD_OUT_SHARE = 8


@dataclass(frozen=True)
class Scene:
    """A rendered scene.

    Attributes:
        pixels: uint8 (64, 64, 3), RGB.
        colors: int (8, 8), index into COLORS of what each patch shows.
        things: int (8, 8), index into THINGS.
        sizes: int (8, 8), 0 = no size, otherwise 1 + index into SIZES.
    """

    pixels: NDArray[np.uint8]
    colors: NDArray[np.int64]
    things: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """sha256 of the pixel bytes, in hex."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()

    @property
    def held_out(self) -> bool:
        """Whether the scene belongs to the evaluation side.

        The side is a function of the pixels, so no training scene can equal a twin's scene.
        """
        return int(self.digest[:4], 16) % _HELD_OUT_SHARE == 0


class Canvas:
    """A drawing surface whose colours are jittered by a style seed."""

    def __init__(self, background: str, *, style: int) -> None:
        """Starts a canvas.

        Args:
            background: name in PALETTE.
            style: seed of the colour jitter (one draw for each colour of the canvas).
        """
        rng = Random(f"style:{style}")  # noqa: S311
        self._rgb = {
            name: tuple(min(255, max(0, v + rng.randrange(-14, 15))) for v in rgb)
            for name, rgb in PALETTE.items()
        }
        self._pixels = np.empty((SIZE, SIZE, 3), dtype=np.uint8)
        self._pixels[:] = self._rgb[background]
        self._colors = np.full((GRID, GRID), COLORS.index(background), dtype=np.int64)
        self._things = np.zeros((GRID, GRID), dtype=np.int64)
        self._sizes = np.zeros((GRID, GRID), dtype=np.int64)

    def scene(self) -> Scene:
        """Returns the finished scene."""
        return Scene(self._pixels, self._colors, self._things, self._sizes)

    def shape(self, row: int, col: int, *, n: int, shape: str, color: str, size: str = "") -> None:
        """Draws a shape that fills an n by n block of patches, one to two pixels inside it."""
        side = n * PATCH
        mask = shape_mask(shape, side=side)
        self._paint(row, col, mask, color)
        for r in range(row, row + n):
            for c in range(col, col + n):
                self._label(r, c, color=color, thing=shape)
                if size:
                    self._sizes[r, c] = 1 + SIZES.index(size)

    def glyph(self, row: int, col: int, name: str, *, color: str) -> None:
        """Writes one glyph into one patch."""
        mask = np.zeros((PATCH, PATCH), dtype=np.bool_)
        mask[:GLYPH_HEIGHT, 1 : 1 + GLYPH_WIDTH] = GLYPHS[name]
        self._paint(row, col, mask, color)
        self._label(row, col, color=color, thing=name)

    def part(self, row: int, col: int, name: str, *, color: str) -> None:
        """Fills one patch with a texture or a part of a picture."""
        self._paint(row, col, _PART_MASKS[name], color)
        self._label(row, col, color=color, thing=name)

    def stamp(self, row: int, col: int, mask: NDArray[np.bool_], *, color: str, thing: str) -> None:
        """Paints a mask whose sides are whole patches; patches that it touches show a thing."""
        self._paint(row, col, mask, color)
        height, width = (side // PATCH for side in mask.shape)
        blocks = mask.reshape(height, PATCH, width, PATCH).any(axis=(1, 3))
        for r, c in zip(*np.nonzero(blocks), strict=True):
            self._label(row + int(r), col + int(c), color=color, thing=thing)

    def _paint(self, row: int, col: int, mask: NDArray[np.bool_], color: str) -> None:
        y, x = row * PATCH, col * PATCH
        h, w = mask.shape
        self._pixels[y : y + h, x : x + w][mask] = self._rgb[color]

    def _label(self, row: int, col: int, *, color: str, thing: str) -> None:
        self._colors[row, col] = COLORS.index(color)
        self._things[row, col] = THINGS.index(thing)


def shape_mask(shape: str, *, side: int) -> NDArray[np.bool_]:
    """Returns the (side, side) mask of a shape, by integer arithmetic only.

    Args:
        shape: name in SHAPES.
        side: pixels, an even number.
    """
    y, x = np.mgrid[0:side, 0:side]
    # twice the distance from the centre keeps everything an integer for even sides
    dx, dy = np.abs(2 * x + 1 - side), np.abs(2 * y + 1 - side)
    inner = side - 2
    masks = {
        "circle": dx * dx + dy * dy <= inner * inner,
        "square": np.maximum(dx, dy) <= inner - 1,
        "triangle": (dx <= y + 1) & (y >= 1) & (y < side - 1),
        "diamond": dx + dy <= side,
        "cross": (np.minimum(dx, dy) <= side // 4) & (np.maximum(dx, dy) <= inner),
        "ring": (dx * dx + dy * dy <= inner * inner) & (4 * (dx * dx + dy * dy) >= inner * inner),
    }
    return np.asarray(masks[shape], dtype=np.bool_)


def _part_masks() -> dict[str, NDArray[np.bool_]]:
    y, x = np.mgrid[0:PATCH, 0:PATCH]
    full = np.ones((PATCH, PATCH), dtype=np.bool_)
    inside = (x >= 1) & (x <= 6)
    dx, dy = np.abs(2 * x - 7), np.abs(2 * y - 7)
    round_ = dx * dx + dy * dy <= 50
    return {
        "sky": (y % 4 != 1) | (x % 8 < 4),
        "sand": (3 * x + 5 * y) % 7 != 0,
        "grass": (x % 2 == 0) | (y > 3),
        "snow": (x + 3 * y) % 5 != 2,
        "brick": (y % 4 != 3) & ((x + 4 * (y // 4 % 2)) % 8 != 7),
        "tile": (x < 7) & (y < 7),
        "frame": (x + y) % 4 < 2,
        "cloth": (x + y) % 3 != 0,
        "skin": full,
        "bar": inside,
        "top": inside & (y >= 1) & ~((y == 3) & (x >= 2) & (x <= 5)),
        "dot": (dx + dy <= 7),
        "eye": (dx * dx + dy * dy <= 20) | (np.maximum(dx, dy) == 7),
        "mouth": (y >= 3) & (y <= 5),
        "lamp": round_ & (dx * dx + dy * dy >= 20),
        "lit": round_,
    }


_PART_MASKS = _part_masks()


def part_mask(name: str) -> NDArray[np.bool_]:
    """Returns the (8, 8) mask of a texture or a part of a picture."""
    return _PART_MASKS[name]
