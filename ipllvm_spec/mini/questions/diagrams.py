"""Labelled diagrams: shapes, each with a letter beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ipllvm_spec.mini.questions.base import Fact, near, others, style
from ipllvm_spec.mini.scenes import OBJECT_COLORS, SHAPES, Canvas, Scene

LABELS = "ABCDE"
#: Patch row and column of the six places.
_PLACES = tuple((row, col) for row in (0, 3, 6) for col in (0, 4))


@dataclass(frozen=True)
class DiagramSpec:
    """Spec of a diagram.

    Attributes:
        background: Of the canvas.
        style: Seed of the colour jitter.
        parts: (place, shape, colour, letter) of each part, by place.
    """

    background: str
    style: int
    parts: tuple[tuple[int, str, str, str], ...]


class Diagram:
    """Three to five different shapes in six places, each labelled by a letter."""

    name = "diagram"

    def sample(self, rng: Random) -> DiagramSpec:
        """Draws a spec."""
        n = rng.randrange(3, 6)
        places = sorted(rng.sample(range(len(_PLACES)), n))
        shapes, colors = rng.sample(SHAPES, n), rng.sample(OBJECT_COLORS, n)
        letters = rng.sample(LABELS, n)
        parts = tuple(zip(places, shapes, colors, letters, strict=True))
        return DiagramSpec(rng.choice(("white", "black")), style(rng), parts)

    def mutate(self, spec: DiagramSpec, rng: Random) -> DiagramSpec:
        """Swaps two labels."""
        i, j = rng.sample(range(len(spec.parts)), 2)
        parts = list(spec.parts)
        parts[i] = (*parts[i][:3], spec.parts[j][3])
        parts[j] = (*parts[j][:3], spec.parts[i][3])
        return replace(spec, parts=tuple(parts))

    def draw(self, spec: DiagramSpec) -> Scene:
        """Renders a spec: a label stands to the right of its shape."""
        canvas = Canvas(spec.background, style=spec.style)
        ink = "white" if spec.background == "black" else "black"
        for place, shape, color, letter in spec.parts:
            row, col = _PLACES[place]
            canvas.shape(row, col, n=2, shape=shape, color=color)
            canvas.glyph(row, col + 2, letter, color=ink)
        return canvas.scene()

    def caption(self, spec: DiagramSpec) -> str:
        """Letter, colour and shape of every part."""
        return " ".join(f"{letter} {color} {shape}" for _, shape, color, letter in spec.parts)

    def facts(self, spec: DiagramSpec) -> list[Fact]:
        """What a label names, which label a thing has, and how many there are."""
        facts: list[Fact] = []
        letters = tuple(letter for *_, letter in spec.parts)
        for _, shape, color, letter in spec.parts:
            absent = others(LABELS, letter)
            wrong = tuple(dict.fromkeys((*others(letters, letter), *absent)))
            shown = tuple(part[1] for part in spec.parts)
            shapes = tuple(dict.fromkeys((*others(shown, shape), *others(SHAPES, shape))))
            colors = tuple(part[2] for part in spec.parts)
            inks = tuple(dict.fromkeys((*others(colors, color), *others(OBJECT_COLORS, color))))
            facts += [
                Fact(
                    "labelled",
                    f"Which shape is labeled {letter}?",
                    f"Is the shape labeled {letter} a {{}}?",
                    shape,
                    shapes,
                ),
                Fact(
                    "label",
                    f"Which letter labels the {shape}?",
                    f"Is {{}} the label of the {shape}?",
                    letter,
                    wrong,
                ),
                Fact(
                    "label",
                    f"Which letter labels the {color} part?",
                    f"Is {{}} the label of the {color} part?",
                    letter,
                    wrong,
                ),
                Fact(
                    "labelled",
                    f"What color is the part labeled {letter}?",
                    f"Is the part labeled {letter} {{}}?",
                    color,
                    inks,
                ),
            ]
        n = len(spec.parts)
        ask = "How many parts are labeled in the diagram?"
        facts.append(Fact("parts", ask, "", str(n), near(n, low=1, high=6)))
        return facts
