"""Scenes of large and small shapes: one alone, or up to four in the quadrants."""

from __future__ import annotations

from random import Random

from ipllvm_spec.mini.questions.base import Fact, others, style, told_of
from ipllvm_spec.mini.questions.layouts import (
    Layout,
    draw_thing,
    existence_facts,
    mutated,
    only_once,
)
from ipllvm_spec.mini.scenes import BACKGROUNDS, OBJECT_COLORS, SHAPES, Canvas, Scene

QUADRANTS = ("top left", "top right", "bottom left", "bottom right")
MEANINGS = ("hot", "cold", "wet", "dry", "loud", "quiet", "sweet")
SIDES = {"circle": 0, "square": 4, "triangle": 3, "diamond": 4, "cross": 12, "ring": 0}


class Single:
    """One shape on a plain background: the vocabulary, and the zero-shot test of the towers."""

    name = "single"

    def sample(self, rng: Random) -> Layout:
        """Draws a spec."""
        thing = draw_thing(rng, rng.randrange(16), large=False)
        return Layout(rng.choice(BACKGROUNDS), style(rng), (thing,))

    def mutate(self, spec: Layout, rng: Random) -> Layout:
        """Changes colour or shape."""
        return mutated(spec, rng, resize=False)

    def draw(self, spec: Layout) -> Scene:
        """Renders a spec: the shape is as wide as one of nine places allows (three by three)."""
        canvas = Canvas(spec.background, style=spec.style)
        (thing,) = spec.things
        n = 2 if thing.cell % 2 else 4
        row, col = (2 * (thing.cell // 4), 2 * (thing.cell % 4)) if n == 2 else (2, 2)
        size = "small" if n == 2 else "large"
        canvas.shape(row, col, n=n, shape=thing.shape, color=thing.color, size=size)
        return canvas.scene()

    def caption(self, spec: Layout) -> str:
        """Names the shape."""
        return f"a {spec.things[0].noun}"

    def facts(self, spec: Layout) -> list[Fact]:
        """Colour, shape, existence and sides."""
        (t,) = spec.things
        hint, meant, wrong = told_of(
            OBJECT_COLORS, MEANINGS, t.color, turn=spec.style, form="A {} shape is {}."
        )
        return [
            Fact("meaning", "What is the shape like?", "", meant, wrong, hint),
            Fact(
                "color",
                "What color is the shape?",
                "Is the shape {}?",
                t.color,
                others(OBJECT_COLORS, t.color),
            ),
            Fact(
                "shape",
                "What shape is in the image?",
                "Is the shape a {}?",
                t.shape,
                others(SHAPES, t.shape),
            ),
            *existence_facts(spec),
        ]


class Quad:
    """Two to four shapes, at most one in each quadrant, large or small."""

    name = "quad"

    def sample(self, rng: Random) -> Layout:
        """Draws a spec."""
        cells = sorted(rng.sample(range(4), rng.choice((2, 3, 4, 4, 4))))
        things = tuple(draw_thing(rng, c, large=rng.random() < 0.5) for c in cells)
        return Layout(rng.choice(BACKGROUNDS), style(rng), things)

    def mutate(self, spec: Layout, rng: Random) -> Layout:
        """Swaps two shapes, or changes one."""
        return mutated(spec, rng, resize=True)

    def draw(self, spec: Layout) -> Scene:
        """Renders a spec."""
        canvas = Canvas(spec.background, style=spec.style)
        for t in spec.things:
            row, col = 4 * (t.cell // 2), 4 * (t.cell % 2)
            # a small shape sits in the middle of its quadrant
            n, shift, size = (4, 0, "large") if t.large else (2, 1, "small")
            place = (row + shift, col + shift)
            canvas.shape(*place, n=n, shape=t.shape, color=t.color, size=size)
        return canvas.scene()

    def caption(self, spec: Layout) -> str:
        """Names every quadrant's shape."""
        return " ".join(
            f"{QUADRANTS[t.cell]} {'large' if t.large else 'small'} {t.noun}" for t in spec.things
        )

    def facts(self, spec: Layout) -> list[Fact]:
        """Colour, shape and size by place; place by content; relations; existence."""
        facts: list[Fact] = []
        for t in spec.things:
            at = QUADRANTS[t.cell]
            facts += [
                Fact(
                    "color",
                    f"What color is the shape in the {at}?",
                    f"Is the shape in the {at} {{}}?",
                    t.color,
                    others(OBJECT_COLORS, t.color),
                ),
                Fact(
                    "shape",
                    f"What shape is in the {at}?",
                    f"Is the shape in the {at} a {{}}?",
                    t.shape,
                    others(SHAPES, t.shape),
                ),
                Fact(
                    "both",
                    f"What is in the {at}?",
                    "",
                    t.noun,
                    tuple(f"{c} {t.shape}" for c in others(OBJECT_COLORS, t.color)),
                ),
                Fact(
                    "size",
                    f"Is the shape in the {at} large or small?",
                    f"Is the shape in the {at} {{}}?",
                    "large" if t.large else "small",
                    ("small" if t.large else "large",),
                ),
                Fact(
                    "geometry",
                    f"How many sides does the shape in the {at} have?",
                    f"Does the shape in the {at} have {{}} sides?",
                    str(SIDES[t.shape]),
                    others(("0", "3", "4", "12"), str(SIDES[t.shape])),
                ),
            ]
        return facts + self._places(spec) + self._pairs(spec) + existence_facts(spec)

    def _places(self, spec: Layout) -> list[Fact]:
        facts = []
        colors = only_once([t.color for t in spec.things])
        shapes = only_once([t.shape for t in spec.things])
        for t in spec.things:
            wrong = others(QUADRANTS, QUADRANTS[t.cell])
            for noun in [f"{t.color} shape"] * (t.color in colors) + [t.shape] * (
                t.shape in shapes
            ):
                ask, claim = f"Where is the {noun}?", f"Is the {noun} in the {{}}?"
                facts.append(Fact("place", ask, claim, QUADRANTS[t.cell], wrong))
        return facts

    def _pairs(self, spec: Layout) -> list[Fact]:
        facts = []
        unique = only_once([t.color for t in spec.things])
        things = [t for t in spec.things if t.color in unique]
        for a in things:
            for b in things:
                step = b.cell - a.cell
                if a is b or {a.cell, b.cell} in ({0, 3}, {1, 2}):
                    continue
                side = {1: "to the right of", -1: "to the left of", 2: "below", -2: "above"}[step]
                back = {1: "to the left of", -1: "to the right of", 2: "above", -2: "below"}[step]
                claim = f"Is the {b.color} shape {{}} the {a.color} shape?"
                facts.append(Fact("relation", "", claim, side, (back,)))
                ask = f"What color is the shape {side} the {a.color} shape?"
                claim = f"Is the shape {side} the {a.color} shape {{}}?"
                facts.append(Fact("neighbor", ask, claim, b.color, others(OBJECT_COLORS, b.color)))
        return facts
