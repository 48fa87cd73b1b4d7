"""Scenes of text whose parts refer to each other: programs, sequences, chains."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from ipllvm_spec.mini.questions.base import Fact, others, style
from ipllvm_spec.mini.questions.lines import TextSpec, place, relined, write
from ipllvm_spec.mini.scenes import GRID, OBJECT_COLORS, SHAPES, Canvas, Scene


class Program:
    """Two assignments and a variable to print."""

    name = "program"

    def sample(self, rng: Random) -> TextSpec:
        """Draws a spec."""
        one, two = rng.sample("ABCDE", 2)
        a, b = rng.sample("123456789", 2)
        return place(rng, (f"{one}={a}", f"{two}={b}", f">{rng.choice((one, two))}"), col=2)

    def mutate(self, spec: TextSpec, rng: Random) -> TextSpec:
        """Swaps the two values, or prints the other variable."""
        one, two, out = spec.lines
        if rng.random() < 0.5:
            return relined(spec, one, two, f">{one[0] if out[1] == two[0] else two[0]}")
        return relined(spec, one[:2] + two[2], two[:2] + one[2], out)

    def draw(self, spec: TextSpec) -> Scene:
        """Renders a spec."""
        return write(spec).scene()

    def _result(self, spec: TextSpec) -> tuple[str, str]:
        one, two, out = spec.lines
        return (one[2], two[2]) if out[1] == one[0] else (two[2], one[2])

    def caption(self, spec: TextSpec) -> str:
        """The program and what it prints."""
        one, two, out = spec.lines
        return f"{one[0]} = {one[2]} {two[0]} = {two[2]} > {out[1]} {self._result(spec)[0]}"

    def facts(self, spec: TextSpec) -> list[Fact]:
        """What it prints."""
        right, wrong = self._result(spec)
        more = others(others("123456789", wrong), right)
        ask, claim = "What does the program print?", "Does the program print {}?"
        facts = [Fact("program", ask, claim, right, (wrong, *more))]
        for line, other in (spec.lines[:2], spec.lines[1::-1]):
            ask, claim = f"What is the value of {line[0]}?", f"Is the value of {line[0]} {{}}?"
            facts.append(Fact("value", ask, claim, line[2], (other[2],)))
        return facts


class Sequence:
    """A row of shapes whose colours repeat with period three; a question mark ends it."""

    name = "sequence"

    def sample(self, rng: Random) -> TextSpec:
        """Draws a spec."""
        colors = rng.sample(OBJECT_COLORS, 3)
        n = rng.randrange(4, 8)
        line = " ".join(colors[i % 3] for i in range(n))
        row = rng.randrange(GRID)
        return TextSpec("white", "black", style(rng), (line,), row, 0, rng.choice(SHAPES))

    def mutate(self, spec: TextSpec, rng: Random) -> TextSpec:
        """Swaps two of the three colours everywhere."""
        colors = spec.lines[0].split()
        a, b = rng.sample(colors[:3], 2)
        line = " ".join({a: b, b: a}.get(c, c) for c in colors)
        return relined(spec, line)

    def draw(self, spec: TextSpec) -> Scene:
        """Renders a spec."""
        canvas = Canvas(spec.background, style=spec.style)
        colors = spec.lines[0].split()
        for i, color in enumerate(colors):
            canvas.shape(spec.row, i, n=1, shape=spec.extra, color=color)
        canvas.glyph(spec.row, len(colors), "?", color=spec.ink)
        return canvas.scene()

    def caption(self, spec: TextSpec) -> str:
        """The sequence and what comes next."""
        colors = spec.lines[0].split()
        return f"sequence {spec.lines[0]} next {colors[len(colors) % 3]}"

    def facts(self, spec: TextSpec) -> list[Fact]:
        """The next colour."""
        colors = spec.lines[0].split()
        right = colors[len(colors) % 3]
        wrong = (*others(colors[:3], right), *others(OBJECT_COLORS, right))
        ask, claim = "What color comes next?", "Is the next color {}?"
        facts = [Fact("sequence", ask, claim, right, tuple(dict.fromkeys(wrong)))]
        for word, color in (("first", colors[0]), ("last", colors[-1])):
            ask, claim = f"What is the {word} color?", f"Is the {word} color {{}}?"
            wrong = tuple(
                dict.fromkeys((*others(colors[:3], color), *others(OBJECT_COLORS, color)))
            )
            facts.append(Fact("sequence", ask, claim, color, wrong))
        return facts


class Chain:
    """Letters joined by arrows: who eats whom, what comes after what."""

    name = "chain"

    def sample(self, rng: Random) -> TextSpec:
        """Draws a spec."""
        letters = rng.sample("ABCDE", rng.choice((3, 4)))
        return place(rng, (">".join(letters),), col=0)

    def mutate(self, spec: TextSpec, rng: Random) -> TextSpec:
        """Swaps two letters."""
        letters = spec.lines[0].split(">")
        i, j = rng.sample(range(len(letters)), 2)
        letters[i], letters[j] = letters[j], letters[i]
        return relined(spec, ">".join(letters))

    def draw(self, spec: TextSpec) -> Scene:
        """Renders a spec."""
        return write(spec).scene()

    def caption(self, spec: TextSpec) -> str:
        """The chain."""
        return " > ".join(spec.lines[0].split(">"))

    def facts(self, spec: TextSpec) -> list[Fact]:
        """What comes after and before each letter, the first and the last."""
        letters = spec.lines[0].split(">")
        facts = []
        for a, b in pairwise(letters):
            ask, claim = f"Which letter comes after {a}?", f"Is {{}} the letter after {a}?"
            facts.append(Fact("after", ask, claim, b, others(others("ABCDE", a), b)))
            ask, claim = f"Which letter comes before {b}?", f"Is {{}} the letter before {b}?"
            facts.append(Fact("before", ask, claim, a, others(others("ABCDE", a), b)))
            hint = "The arrow points to the eater."
            ask, claim = f"Which letter eats {a}?", ""
            facts.append(Fact("eats", ask, claim, b, others(others("ABCDE", a), b), hint))
            ask = f"Which letter is eaten by {b}?"
            facts.append(Fact("eats", ask, claim, a, others(others("ABCDE", a), b), hint))
        for word, letter in (("first", letters[0]), ("last", letters[-1])):
            ask, claim = f"Which letter is {word}?", f"Is {{}} the {word} letter?"
            wrong = tuple(dict.fromkeys((*others(letters, letter), *others("ABCDE", letter))))
            facts.append(Fact("end", ask, claim, letter, wrong))
        return facts
