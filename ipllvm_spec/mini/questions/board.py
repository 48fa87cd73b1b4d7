"""Boards of four by four cells with small shapes."""

from __future__ import annotations

from random import Random

from ipllvm_spec.mini.questions.base import Fact, others, style
from ipllvm_spec.mini.questions.layouts import (
    Layout,
    Thing,
    count_facts,
    existence_facts,
    mutated,
)
from ipllvm_spec.mini.scenes import BACKGROUNDS, OBJECT_COLORS, SHAPES, Canvas, Scene


class Board:
    """Three to eight small shapes on a board of four by four cells."""

    name = "board"

    def sample(self, rng: Random) -> Layout:
        """Draws a spec."""
        cells = sorted(rng.sample(range(16), rng.randrange(3, 9)))
        colors = rng.sample(OBJECT_COLORS, rng.randrange(3, 8))
        things = tuple(Thing(c, rng.choice(SHAPES), rng.choice(colors)) for c in cells)
        return Layout(rng.choice(BACKGROUNDS), style(rng), things)

    def mutate(self, spec: Layout, rng: Random) -> Layout:
        """Swaps two shapes, or changes one."""
        return mutated(spec, rng, resize=False)

    def draw(self, spec: Layout) -> Scene:
        """Renders a spec."""
        canvas = Canvas(spec.background, style=spec.style)
        for t in spec.things:
            row, col = 2 * (t.cell // 4), 2 * (t.cell % 4)
            canvas.shape(row, col, n=2, shape=t.shape, color=t.color)
        return canvas.scene()

    def caption(self, spec: Layout) -> str:
        """Names every shape with its row and column."""
        return " ".join(f"{t.cell // 4 + 1} {t.cell % 4 + 1} {t.noun}" for t in spec.things)

    def facts(self, spec: Layout) -> list[Fact]:
        """Content by row and column, the outermost shapes, neighbours, counts, existence."""
        facts: list[Fact] = []
        for t in spec.things:
            at = f"row {t.cell // 4 + 1} column {t.cell % 4 + 1}"
            ask, claim = f"What color is the shape in {at}?", f"Is the shape in {at} {{}}?"
            facts.append(Fact("color", ask, claim, t.color, others(OBJECT_COLORS, t.color)))
            ask, claim = f"What shape is in {at}?", f"Is the shape in {at} a {{}}?"
            facts.append(Fact("shape", ask, claim, t.shape, others(SHAPES, t.shape)))
        return facts + self._extremes(spec) + count_facts(spec, high=8) + existence_facts(spec)

    def _extremes(self, spec: Layout) -> list[Fact]:
        facts = []
        rows = [t.cell // 4 for t in spec.things]
        cols = [t.cell % 4 for t in spec.things]
        for word, keys, pick in (
            ("leftmost", cols, min),
            ("rightmost", cols, max),
            ("highest", rows, min),
            ("lowest", rows, max),
        ):
            best = pick(keys)
            if keys.count(best) > 1:
                continue
            t = spec.things[keys.index(best)]
            ask, claim = f"What color is the {word} shape?", f"Is the {word} shape {{}}?"
            facts.append(Fact("extreme", ask, claim, t.color, others(OBJECT_COLORS, t.color)))
            ask, claim = f"What is the {word} shape?", f"Is the {word} shape a {{}}?"
            facts.append(Fact("extreme", ask, claim, t.shape, others(SHAPES, t.shape)))
        return facts
