"""Charts: bars and dots over letters or in colours, and tables of letters and numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ipllvm_spec.mini.questions.base import Fact, near, others, style
from ipllvm_spec.mini.scenes import OBJECT_COLORS, Canvas, Scene

LETTERS = ("A", "B", "C", "D", "E")
HIGH = 7


@dataclass(frozen=True)
class ChartSpec:
    """Spec of a chart or table.

    Attributes:
        background: of the canvas.
        style: seed of the colour jitter.
        form: "letters" (bars of one colour over letters), "colors" (bars in several colours),
            "dots" (one dot for each letter) or "table".
        ink: colour of bars, dots or text where there is only one.
        labels: letters or colour names, from left to right (top to bottom in a table).
        values: whole numbers, 1 to 7 (0 to 9 in a table).
        shift: first column of the chart, or first row of a table (0 or 1).
    """

    background: str
    style: int
    form: str
    ink: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    shift: int

    def name(self, i: int) -> str:
        """How a question names the i-th entry."""
        return f"the {self.labels[i]} bar" if self.form == "colors" else self.labels[i]


def _mutate(spec: ChartSpec, rng: Random) -> ChartSpec:
    """Swaps two values, or changes one."""
    i, j = rng.sample(range(len(spec.values)), 2)
    values = list(spec.values)
    if rng.random() < 0.6 and values[i] != values[j]:
        values[i], values[j] = values[j], values[i]
    else:
        values[i] = rng.choice([v for v in range(1, HIGH + 1) if v != values[i]])
    return replace(spec, values=tuple(values))


def _extremes(spec: ChartSpec) -> list[Fact]:
    facts = []
    for word, pick in (("highest", max), ("lowest", min)):
        best = pick(spec.values)
        if spec.values.count(best) == 1:
            label = spec.labels[spec.values.index(best)]
            pool = OBJECT_COLORS if spec.form == "colors" else spec.labels + LETTERS
            wrong = tuple(dict.fromkeys((*others(spec.labels, label), *others(pool, label))))
            noun = {"colors": "color", "table": "letter"}.get(spec.form, "letter")
            ask = f"Which {noun} has the {word} value?"
            claim = f"Is {{}} the {noun} with the {word} value?"
            facts.append(Fact("extreme", ask, claim, label, wrong))
        ask, claim = f"What is the {word} value?", f"Is the {word} value {{}}?"
        facts.append(Fact("value", ask, claim, str(best), near(best, low=0, high=9)))
    return facts


def _facts(spec: ChartSpec) -> list[Fact]:
    facts = _extremes(spec)
    n = len(spec.values)
    for i, value in enumerate(spec.values):
        ask = f"What is the value of {spec.name(i)}?"
        claim = f"Is the value of {spec.name(i)} {{}}?"
        facts.append(Fact("value", ask, claim, str(value), near(value, low=0, high=9)))
        for j in range(n):
            if spec.values[j] < value:
                claim = "Is the value of {}?"
                right = f"{spec.name(i)} more than {spec.name(j)}"
                wrong = f"{spec.name(j)} more than {spec.name(i)}"
                facts.append(Fact("compare", "", claim, right, (wrong,)))
    gap = max(spec.values) - min(spec.values)
    ask = "What is the difference between the highest and the lowest value?"
    facts.append(Fact("difference", ask, "", str(gap), near(gap, low=0, high=9)))
    for k in (2, 4, 6):
        count = sum(v > k for v in spec.values)
        ask = f"How many values are above {k}?"
        facts.append(Fact("count", ask, "", str(count), near(count, low=0, high=5)))
    mean = f"{(max(spec.values) + min(spec.values)) / 2:.1f}"
    ask = "What is the average of the highest and the lowest value?"
    facts.append(Fact("average", ask, "", mean, _near_means(mean)))
    way = "top to bottom" if spec.form == "table" else "left to right"
    facts.append(Fact("list", f"What are the values from {way}?", "", *_lists(spec.values)))
    ends = (("leftmost", 0), ("rightmost", n - 1))
    for word, i in (("top", 0), ("bottom", n - 1)) if spec.form == "table" else ends:
        ask, claim = f"What is the {word} value?", f"Is the {word} value {{}}?"
        facts.append(
            Fact("value", ask, claim, str(spec.values[i]), near(spec.values[i], low=0, high=9))
        )
    return facts


def _near_means(mean: str) -> tuple[str, ...]:
    """Wrong means, half a unit apart."""
    return tuple(
        f"{float(mean) + step:.1f}" for step in (0.5, -0.5, 1.0, -1.0) if float(mean) + step >= 0
    )


def _lists(values: tuple[int, ...]) -> tuple[str, tuple[str, ...]]:
    """The list of the values, and wrong lists: read backwards, or with a wrong first value."""
    first = (values[0] + 1) % 10
    lists = [list(values), list(values[::-1]), [first, *values[1:]]]
    right, *wrong = ("[" + ", ".join(map(str, found)) + "]" for found in lists)
    return right, others(wrong, right)


class Bars:
    """Bars or dots, one patch a unit, one patch wide, with letters below or in several colours."""

    name = "bars"

    def sample(self, rng: Random) -> ChartSpec:
        """Draws a spec."""
        n = rng.choice((3, 4, 4))
        form = rng.choice(("letters", "letters", "colors", "dots"))
        ink, *colors = rng.sample(OBJECT_COLORS, 5)
        letters = rng.sample(LETTERS, n)
        labels = tuple(colors[:n] if form == "colors" else letters)
        values = tuple(rng.randrange(1, HIGH + 1) for _ in range(n))
        background = rng.choice(("white", "black"))
        return ChartSpec(background, style(rng), form, ink, labels, values, rng.randrange(2))

    def mutate(self, spec: ChartSpec, rng: Random) -> ChartSpec:
        """Swaps two values, or changes one."""
        return _mutate(spec, rng)

    def draw(self, spec: ChartSpec) -> Scene:
        """Renders a spec: the top of a bar of value v lies in patch row 7 - v."""
        canvas = Canvas(spec.background, style=spec.style)
        text = "white" if spec.background == "black" else "black"
        for i, (label, value) in enumerate(zip(spec.labels, spec.values, strict=True)):
            col, color = 2 * i + spec.shift, label if spec.form == "colors" else spec.ink
            if spec.form == "dots":
                canvas.part(HIGH - value, col, "dot", color=color)
            else:
                canvas.part(HIGH - value, col, "top", color=color)
                for row in range(HIGH - value + 1, HIGH):
                    canvas.part(row, col, "bar", color=color)
            if spec.form != "colors":
                canvas.glyph(HIGH, col, label, color=text)
        return canvas.scene()

    def caption(self, spec: ChartSpec) -> str:
        """Label and value of every bar, from left to right."""
        return " ".join(f"{a} {v}" for a, v in zip(spec.labels, spec.values, strict=True))

    def facts(self, spec: ChartSpec) -> list[Fact]:
        """Values, extremes, comparisons, sums."""
        return _facts(spec)


class Table:
    """Two columns: letters and one-digit numbers."""

    name = "table"

    def sample(self, rng: Random) -> ChartSpec:
        """Draws a spec."""
        n = rng.choice((3, 4, 4))
        labels = tuple(rng.sample(LETTERS, n))
        values = tuple(rng.randrange(10) for _ in range(n))
        ink, background = rng.choice((("black", "white"), ("white", "black"), ("yellow", "black")))
        return ChartSpec(background, style(rng), "table", ink, labels, values, rng.randrange(2))

    def mutate(self, spec: ChartSpec, rng: Random) -> ChartSpec:
        """Swaps two values, or changes one."""
        return _mutate(spec, rng)

    def draw(self, spec: ChartSpec) -> Scene:
        """Renders a spec: an entry is a letter, a gap of one patch and a digit."""
        canvas = Canvas(spec.background, style=spec.style)
        for i, (label, value) in enumerate(zip(spec.labels, spec.values, strict=True)):
            canvas.glyph(2 * i + spec.shift, 2, label, color=spec.ink)
            canvas.glyph(2 * i + spec.shift, 4, str(value), color=spec.ink)
        return canvas.scene()

    def caption(self, spec: ChartSpec) -> str:
        """Letter and number of every entry, from top to bottom."""
        return " ".join(f"{a} {v}" for a, v in zip(spec.labels, spec.values, strict=True))

    def facts(self, spec: ChartSpec) -> list[Fact]:
        """Values, extremes, comparisons, sums."""
        return _facts(spec)
