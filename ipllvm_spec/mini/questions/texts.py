"""Scenes of text: numbers, posters, words of another language, sums."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

from ipllvm_spec.mini.questions.base import Fact, near, others
from ipllvm_spec.mini.questions.lines import TextSpec, place, relined, write
from ipllvm_spec.mini.scenes import GRID, OBJECT_COLORS, Scene

# anagrams: the letters alone do not tell the word, their order does
TITLES = ("CAT", "ACT", "TOP", "POT", "DOG", "GOD", "NET", "TEN", "PAN", "NAP", "TAR", "RAT")
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "SOL": "sun",
        "LOS": "moon",
        "MAR": "sea",
        "RAM": "tree",
        "ROG": "house",
        "GOR": "fish",
        "PEN": "bread",
        "NEP": "bird",
    }
)
HIGHEST = 5
"""Largest digit of a calculation."""


class Number:
    """A two-digit number."""

    name = "number"

    def sample(self, rng: Random) -> TextSpec:
        """Draws a spec."""
        first, second = rng.sample("123456789", 2)
        return place(rng, (first + second,), col=3)

    def mutate(self, spec: TextSpec, rng: Random) -> TextSpec:  # noqa: ARG002
        """Swaps the digits."""
        return relined(spec, spec.lines[0][::-1])

    def draw(self, spec: TextSpec) -> Scene:
        """Renders a spec."""
        return write(spec).scene()

    def caption(self, spec: TextSpec) -> str:
        """The number."""
        return f"the number {spec.lines[0]}"

    def facts(self, spec: TextSpec) -> list[Fact]:
        """The number and its digits."""
        text = spec.lines[0]
        digits = "123456789"
        a, b = text[0], text[1]
        c = digits[(digits.index(a) + 3) % 9]
        wrong = tuple(w for w in dict.fromkeys((b + a, c + b, a + c, c + a, b + c)) if w != text)
        return [
            Fact(
                "number", "What number is written in the image?", "Is the number {}?", text, wrong
            ),
            Fact("number", "", "Is the number in the image {}?", text, (b + a,)),
            Fact(
                "digit", "What is the first digit?", "Is the first digit {}?", a, others(digits, a)
            ),
            Fact("digit", "What is the last digit?", "Is the last digit {}?", b, others(digits, b)),
        ]


class Poster:
    """A framed three-letter title."""

    name = "poster"

    def sample(self, rng: Random) -> TextSpec:
        """Draws a spec."""
        return place(rng, (rng.choice(TITLES),), col=2, margin=1, extra=rng.choice(OBJECT_COLORS))

    def mutate(self, spec: TextSpec, rng: Random) -> TextSpec:  # noqa: ARG002
        """Takes the title's anagram."""
        i = TITLES.index(spec.lines[0])
        return relined(spec, TITLES[i ^ 1])

    def draw(self, spec: TextSpec) -> Scene:
        """Renders a spec."""
        canvas = write(spec)
        for i in range(GRID):
            for row, col in ((0, i), (GRID - 1, i), (i, 0), (i, GRID - 1)):
                canvas.part(row, col, "frame", color=spec.extra)
        return canvas.scene()

    def caption(self, spec: TextSpec) -> str:
        """The title."""
        return f"a poster titled {spec.lines[0]}"

    def facts(self, spec: TextSpec) -> list[Fact]:
        """The title."""
        title = spec.lines[0]
        anagram = TITLES[TITLES.index(title) ^ 1]
        wrong = (anagram, *others(others(TITLES, anagram), title))
        ask = "What is the title of the poster?"
        return [Fact("title", ask, "Is this poster titled {}?", title, wrong)]


class Word:
    """A word of a small invented language."""

    name = "word"

    def sample(self, rng: Random) -> TextSpec:
        """Draws a spec."""
        return place(rng, (rng.choice(tuple(MEANINGS)),), col=2)

    def mutate(self, spec: TextSpec, rng: Random) -> TextSpec:  # noqa: ARG002
        """Reverses the word, which is another word."""
        return relined(spec, spec.lines[0][::-1])

    def draw(self, spec: TextSpec) -> Scene:
        """Renders a spec."""
        return write(spec).scene()

    def caption(self, spec: TextSpec) -> str:
        """The word and its meaning."""
        return f"the word {spec.lines[0]} {MEANINGS[spec.lines[0]]}"

    def facts(self, spec: TextSpec) -> list[Fact]:
        """The meaning."""
        word = spec.lines[0]
        right, back = MEANINGS[word], MEANINGS[word[::-1]]
        wrong = (back, *others(others(MEANINGS.values(), back), right))
        ask = "What does the word in the image mean in English?"
        claim = "Does the word in the image mean {} in English?"
        return [Fact("translation", ask, claim, right, wrong)]


class Calculation:
    """A sum or a difference of two digits from 1 to 5."""

    name = "calculation"

    def sample(self, rng: Random) -> TextSpec:
        """Draws a spec."""
        a, b = rng.randrange(1, HIGHEST + 1), rng.randrange(1, HIGHEST + 1)
        line = f"{a}+{b}=?" if rng.random() < 0.4 else f"{max(a, b)}-{min(a, b)}=?"
        return place(rng, (line,), col=1)

    def mutate(self, spec: TextSpec, rng: Random) -> TextSpec:
        """Changes one digit."""
        a, sign, b = int(spec.lines[0][0]), spec.lines[0][1], int(spec.lines[0][2])
        if sign == "-":
            b = rng.choice([v for v in range(1, a + 1) if v != b] or [b])
        else:
            b = rng.choice([v for v in range(1, HIGHEST + 1) if v != b])
        return relined(spec, f"{a}{sign}{b}=?")

    def draw(self, spec: TextSpec) -> Scene:
        """Renders a spec."""
        return write(spec).scene()

    def result(self, spec: TextSpec) -> int:
        """The result of the calculation."""
        a, sign, b = tuple(spec.lines[0][:3])
        return int(a) + int(b) if sign == "+" else int(a) - int(b)

    def caption(self, spec: TextSpec) -> str:
        """The calculation and its result."""
        a, sign, b = tuple(spec.lines[0][:3])
        return f"{a} {sign} {b} = {self.result(spec)}"

    def facts(self, spec: TextSpec) -> list[Fact]:
        """The result, and the first number."""
        result = self.result(spec)
        ask = "What is the answer to the calculation in the image?"
        claim = "Is the answer to the calculation in the image {}?"
        first = spec.lines[0][0]
        wrong_first = (
            (spec.lines[0][2],)
            if spec.lines[0][2] != first
            else near(int(first), low=1, high=HIGHEST)
        )
        return [
            Fact("calculation", ask, claim, str(result), near(result, low=0, high=2 * HIGHEST)),
            Fact(
                "digit",
                "What is the first number?",
                "Is the first number {}?",
                first,
                tuple(dict.fromkeys((*wrong_first, *near(int(first), low=1, high=HIGHEST)))),
            ),
        ]
