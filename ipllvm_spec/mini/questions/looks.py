"""What the classes of the classification sets look like: one drawing a set, exact to the pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.scenes import (
    GRID,
    OBJECT_COLORS,
    PATCH,
    SIZE,
    Canvas,
    part_mask,
    shape_mask,
)

#: Stripes of flags: "-" lies, "|" stands; colours from the top or the left.
FLAGS: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "Armenia": ("-", "red", "blue", "orange"),
        "Austria": ("-", "red", "white", "red"),
        "Belgium": ("|", "black", "yellow", "red"),
        "Bolivia": ("-", "red", "yellow", "green"),
        "Bulgaria": ("-", "white", "green", "red"),
        "Colombia": ("-", "yellow", "blue", "red"),
        "Estonia": ("-", "blue", "black", "white"),
        "France": ("|", "blue", "white", "red"),
        "Gabon": ("-", "green", "yellow", "blue"),
        "Germany": ("-", "black", "red", "yellow"),
        "Guinea": ("|", "red", "yellow", "green"),
        "Hungary": ("-", "red", "white", "green"),
        "India": ("-", "orange", "white", "green"),
        "Ireland": ("|", "green", "white", "orange"),
        "Italy": ("|", "green", "white", "red"),
        "Lithuania": ("-", "yellow", "green", "red"),
        "Luxembourg": ("-", "red", "white", "cyan"),
        "Mali": ("|", "green", "yellow", "red"),
        "Netherlands": ("-", "red", "white", "blue"),
        "Nigeria": ("|", "green", "white", "green"),
        "Peru": ("|", "red", "white", "red"),
        "Romania": ("|", "blue", "yellow", "red"),
        "Russia": ("-", "white", "blue", "red"),
        "Yemen": ("-", "red", "white", "black"),
    }
)
#: (ground texture, its colour, feature, its colour); a feature is "", "band", "rows" or "dots".
LANDS: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "annual crop": ("sand", "orange", "rows", "green"),
        "forest": ("grass", "green", "", ""),
        "herbaceous vegetation": ("snow", "green", "", ""),
        "highway": ("grass", "yellow", "band", "black"),
        "industrial": ("tile", "purple", "", ""),
        "pasture": ("grass", "yellow", "", ""),
        "permanent crop": ("sand", "orange", "dots", "green"),
        "residential": ("brick", "red", "", ""),
        "river": ("grass", "green", "band", "blue"),
        "sea or lake": ("sky", "blue", "", ""),
    }
)
FURS = ("yellow", "orange", "cyan", "red", "purple")


@cache
def emblems(set_name: str, *, cells: int) -> Mapping[str, NDArray[np.bool_]]:
    """A bitmap for each class of a set, mirrored left to right when it has many cells.

    Args:
        set_name: The set; its classes get emblems that differ in at least a quarter of the cells.
        cells: Cells a side.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for name in CLASSES[set_name]:
        rng = seeded(f"emblem:{name}")
        while name not in found:
            columns = cells if cells <= 4 else cells // 2
            made = np.array([[rng.random() < 0.5 for _ in range(columns)] for _ in range(cells)])
            if cells > 4:
                made = np.concatenate([made, made[:, ::-1]], axis=1)
            # nearly empty, nearly full and nearly equal emblems would be hard to tell apart
            filled = 0.35 <= made.mean() <= 0.65 and made.any(axis=1).all()
            if filled and all((made != other).mean() >= 0.25 for other in found.values()):
                found[name] = made
    return found


def _scaled(bitmap: NDArray[np.bool_], *, pixels: int) -> NDArray[np.bool_]:
    return np.kron(bitmap, np.ones((pixels, pixels), dtype=np.bool_)).astype(np.bool_)


def _object(canvas: Canvas, name: str, rng: Random) -> None:
    """An emblem of 8 by 8 cells on a plain ground, anywhere."""
    mask = _scaled(emblems("caltech101", cells=8)[name], pixels=4)
    row, col = rng.randrange(GRID - 3), rng.randrange(GRID - 3)
    canvas.stamp(row, col, mask, color=rng.choice(OBJECT_COLORS), thing=name)


def _coarse(canvas: Canvas, name: str, rng: Random) -> None:
    """An emblem of 4 by 4 cells that fills the image: few pixels, seen large."""
    mask = _scaled(emblems("cifar100", cells=4)[name], pixels=SIZE // 4)
    canvas.stamp(0, 0, mask, color=rng.choice(OBJECT_COLORS), thing=name)


def _dish(canvas: Canvas, name: str, rng: Random) -> None:  # noqa: ARG001
    """A plate with a dish: a rim in one colour, the middle in another."""
    place = CLASSES["food101"].index(name)
    rim = OBJECT_COLORS[place % len(OBJECT_COLORS)]
    middle = OBJECT_COLORS[(place % len(OBJECT_COLORS) + 2 + place // len(OBJECT_COLORS)) % 7]
    canvas.shape(0, 0, n=GRID, shape="circle", color="gray")
    canvas.stamp(1, 1, shape_mask("circle", side=6 * PATCH), color=rim, thing=name)
    canvas.stamp(2, 2, shape_mask("circle", side=4 * PATCH), color=middle, thing=name)


def _pet(canvas: Canvas, name: str, rng: Random) -> None:
    """A head with two ears: five furs, pointed or hanging ears."""
    place = CLASSES["pets"].index(name)
    fur, pointed = FURS[place % len(FURS)], place < len(FURS)
    row, col = 1, rng.randrange(3)
    canvas.stamp(row + 1, col, shape_mask("circle", side=6 * PATCH), color=fur, thing=name)
    ear = shape_mask("triangle" if pointed else "square", side=2 * PATCH)
    for c in (col, col + 4):
        canvas.stamp(row - 1 if pointed else row + 2, c, ear, color=fur, thing=name)
    for c in (col + 1, col + 4):
        canvas.part(row + 3, c, "eye", color="black")


def _flag(canvas: Canvas, name: str, rng: Random) -> None:
    """A flag of three stripes, six patches wide and high, or a little more."""
    way, *colors = FLAGS[name]
    row, col = rng.randrange(3), rng.randrange(3)
    stripe = np.ones((2 * PATCH, 6 * PATCH), dtype=np.bool_)
    for i, color in enumerate(colors):
        if way == "-":
            canvas.stamp(row + 2 * i, col, stripe, color=color, thing=name)
        else:
            canvas.stamp(row, col + 2 * i, stripe.T, color=color, thing=name)


def _land(canvas: Canvas, name: str, rng: Random) -> None:
    """Land from above: a texture, perhaps with a band, rows or dots."""
    texture, ground, feature, ink = LANDS[name]
    mask = np.tile(part_mask(texture), (GRID, GRID))
    canvas.stamp(0, 0, mask, color=ground, thing=name)
    place, lying = rng.randrange(1, GRID - 1), rng.random() < 0.5
    for r in range(GRID):
        for c in range(GRID):
            along, across = (c, r) if lying else (r, c)
            on = {
                "": False,
                "band": across == place or across == place + (along // 4) % 2,
                "rows": across % 2 == place % 2,
                "dots": r % 2 == 0 and c % 2 == place % 2,
            }[feature]
            if on and feature == "dots":
                canvas.stamp(r, c, part_mask("dot"), color=ink, thing=name)
            elif on:
                canvas.stamp(r, c, np.ones((PATCH, PATCH), dtype=np.bool_), color=ink, thing=name)


def _aircraft(canvas: Canvas, name: str, rng: Random) -> None:
    """An aircraft from the side: wings above or below, one to three engines, one or two fins."""
    place = CLASSES["aircraft"].index(name)
    above, engines, fins = place % 2 == 0, 1 + place // 2 % 3, 1 + place // 6
    row, col = rng.randrange(2, 4), rng.randrange(2)
    body = np.ones((PATCH, 7 * PATCH), dtype=np.bool_)
    canvas.stamp(row + 1, col, body, color="blue", thing=name)
    canvas.stamp(row + 1, col + 6, part_mask("dot"), color="cyan", thing=name)
    wing = np.ones((PATCH, 3 * PATCH), dtype=np.bool_)
    canvas.stamp(row if above else row + 2, col + 2, wing, color="red", thing=name)
    for i in range(engines):
        canvas.stamp(row + 3, col + 2 + i, part_mask("lit"), color="yellow", thing=name)
    for i in range(fins):
        canvas.stamp(row - i, col, part_mask("bar"), color="green", thing=name)


LOOKS: Mapping[str, Callable[[Canvas, str, Random], None]] = MappingProxyType(
    {
        "caltech101": _object,
        "cifar100": _coarse,
        "food101": _dish,
        "pets": _pet,
        "country211": _flag,
        "eurosat": _land,
        "aircraft": _aircraft,
    }
)
"""Set to what draws one of its classes."""
