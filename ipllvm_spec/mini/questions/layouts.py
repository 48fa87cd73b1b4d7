"""Layouts of coloured shapes: the spec and the facts that all such scenes share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from ipllvm_spec.mini.questions.base import Fact, near, others
from ipllvm_spec.mini.scenes import OBJECT_COLORS, SHAPES


class Thing(NamedTuple):
    """A shape in a cell (cell numbers are those of its layout)."""

    cell: int
    shape: str
    color: str
    large: bool = False

    @property
    def noun(self) -> str:
        """Colour and shape."""
        return f"{self.color} {self.shape}"


@dataclass(frozen=True)
class Layout:
    """Spec of a scene of shapes, ordered by cell."""

    background: str
    style: int
    things: tuple[Thing, ...]

    def swapped(self, i: int, thing: Thing) -> Layout:
        """The layout with its i-th thing replaced."""
        things = (*self.things[:i], thing, *self.things[i + 1 :])
        return replace(self, things=tuple(sorted(things)))


def draw_thing(rng: Random, cell: int, *, large: bool = False) -> Thing:
    """Draws a shape and its colour."""
    return Thing(cell, rng.choice(SHAPES), rng.choice(OBJECT_COLORS), large)


def mutated(spec: Layout, rng: Random, *, resize: bool) -> Layout:
    """Swaps two things, or changes the colour, the shape or the size of one."""
    i = rng.randrange(len(spec.things))
    one = spec.things[i]
    how = rng.choice(("swap", "swap", "color", "shape", "size" if resize else "swap"))
    if how == "swap" and len(spec.things) > 1:
        j = rng.choice([k for k in range(len(spec.things)) if k != i])
        two = spec.things[j]
        moved = spec.swapped(i, two._replace(cell=one.cell))
        return moved.swapped(j, one._replace(cell=two.cell))
    if how == "size":
        return spec.swapped(i, one._replace(large=not one.large))
    if how == "shape":
        return spec.swapped(i, one._replace(shape=rng.choice(others(SHAPES, one.shape))))
    return spec.swapped(i, one._replace(color=rng.choice(others(OBJECT_COLORS, one.color))))


def only_once(values: list[str]) -> set[str]:
    """The values that occur once."""
    return {v for v in values if values.count(v) == 1}


def count_facts(spec: Layout, *, high: int) -> list[Fact]:
    """How many there are of each shape and colour; `high` bounds the wrong answers."""
    facts = []
    for shape in SHAPES:
        n = sum(t.shape == shape for t in spec.things)
        ask, claim = f"How many {shape}s are there?", f"Are there exactly {{}} {shape}s?"
        facts.append(Fact("count", ask, claim, str(n), near(n, low=0, high=high)))
    for color in OBJECT_COLORS:
        n = sum(t.color == color for t in spec.things)
        ask = f"How many {color} shapes are there?"
        claim = f"Are there exactly {{}} {color} shapes?"
        facts.append(Fact("count", ask, claim, str(n), near(n, low=0, high=high)))
    return facts


def existence_facts(spec: Layout) -> list[Fact]:
    """What is there, with near misses that are not."""
    present = {t.noun for t in spec.things}
    # near misses recombine what is there, so colour or shape alone does not give the answer away
    shapes, colors = {t.shape for t in spec.things}, {t.color for t in spec.things}
    misses = tuple(
        f"{c} {s}"
        for c in OBJECT_COLORS
        for s in SHAPES
        if f"{c} {s}" not in present and (c in colors or s in shapes)
    )
    return [
        Fact("existence", "", "Is there a {} in the image?", n, misses) for n in sorted(present)
    ]
