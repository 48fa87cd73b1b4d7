"""Figures to recognise: faces, people, traffic lights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType

from ipllvm_spec.mini.questions.base import Fact, others, style, told_of
from ipllvm_spec.mini.questions.pictures import PictureSpec, named, opposite
from ipllvm_spec.mini.scenes import GRID, OBJECT_COLORS, Canvas, Scene

EMOTIONS = ("happy", "sad", "calm", "surprised")
PEOPLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Ada": ("red", "blue"),
        "Bob": ("blue", "red"),
        "Cleo": ("green", "yellow"),
        "Dan": ("yellow", "green"),
        "Eva": ("purple", "orange"),
        "Finn": ("orange", "purple"),
    }
)
LIGHTS = ("stop", "wait", "go")
JOBS = ("doctor", "pilot", "baker", "farmer", "teacher", "singer")


class Face:
    """A face whose mouth shows an emotion."""

    name = "face"

    def sample(self, rng: Random) -> PictureSpec:
        """Draws a spec."""
        ink = rng.choice(("yellow", "orange", "cyan", "green"))
        background = rng.choice(("white", "black"))
        return PictureSpec(background, style(rng), rng.choice(EMOTIONS), 1, 1, (ink,))

    def mutate(self, spec: PictureSpec, rng: Random) -> PictureSpec:  # noqa: ARG002
        """Turns the mouth around."""
        return replace(spec, what=opposite(EMOTIONS, spec.what))

    def draw(self, spec: PictureSpec) -> Scene:
        """Renders a spec: six by six patches of skin, two eyes, four patches of mouth."""
        canvas = Canvas(spec.background, style=spec.style)
        for r in range(6):
            for c in range(6):
                canvas.part(spec.row + r, spec.col + c, "skin", color=spec.inks[0])
        mouths = {
            "happy": ((3, 1), (4, 2), (4, 3), (3, 4)),
            "sad": ((4, 1), (3, 2), (3, 3), (4, 4)),
            "calm": ((4, 1), (4, 2), (4, 3), (4, 4)),
            "surprised": ((3, 2), (3, 3), (4, 2), (4, 3)),
        }
        for r, c in mouths[spec.what]:
            canvas.part(spec.row + r, spec.col + c, "mouth", color="black")
        for c in (1, 4):
            canvas.part(spec.row + 1, spec.col + c, "eye", color="purple")
        return canvas.scene()

    def caption(self, spec: PictureSpec) -> str:
        """The emotion and the colour."""
        return f"a {spec.what} {spec.inks[0]} face"

    def facts(self, spec: PictureSpec) -> list[Fact]:
        """The emotion."""
        ask, claim = "Which emotion does the face show?", "Is the face {}?"
        return [named("emotion", ask, claim, spec.what, EMOTIONS)]


class Person:
    """A person known by the colours of hat and coat."""

    name = "person"

    def sample(self, rng: Random) -> PictureSpec:
        """Draws a spec."""
        background = rng.choice(("white", "black", "gray"))
        what = rng.choice(tuple(PEOPLE))
        return PictureSpec(background, style(rng), what, rng.randrange(3), rng.randrange(6))

    def mutate(self, spec: PictureSpec, rng: Random) -> PictureSpec:  # noqa: ARG002
        """Swaps hat and coat."""
        return replace(spec, what=opposite(tuple(PEOPLE), spec.what))

    def draw(self, spec: PictureSpec) -> Scene:
        """Renders a spec: hat, face and coat, each two patches high and three wide."""
        canvas = Canvas(spec.background, style=spec.style)
        hat, coat = PEOPLE[spec.what]
        for r in range(6):
            for c in range(3):
                name, color = (("cloth", hat), ("skin", "orange"), ("cloth", coat))[r // 2]
                canvas.part(spec.row + r, spec.col + c, name, color=color)
        return canvas.scene()

    def caption(self, spec: PictureSpec) -> str:
        """The name, hat and coat."""
        hat, coat = PEOPLE[spec.what]
        return f"{spec.what} {hat} hat {coat} coat"

    def facts(self, spec: PictureSpec) -> list[Fact]:
        """The name, hat and coat."""
        hat, coat = PEOPLE[spec.what]
        more = others(others(OBJECT_COLORS, hat), coat)
        return [
            named(
                "person",
                "What is the name of the person?",
                "Is the person {}?",
                spec.what,
                tuple(PEOPLE),
            ),
            self._job(spec),
            Fact(
                "why",
                f"How do you know that this is {spec.what}?",
                "",
                f"the hat is {hat} and the coat is {coat}",
                (f"the hat is {coat} and the coat is {hat}",),
            ),
            Fact("hat", "What color is the hat?", "Is the hat {}?", hat, (coat, *more)),
            Fact("coat", "What color is the coat?", "Is the coat {}?", coat, (hat, *more)),
        ]

    def _job(self, spec: PictureSpec) -> Fact:
        hint, job, wrong = told_of(PEOPLE, JOBS, spec.what, turn=spec.style, form="{} is a {}.")
        return Fact("job", "What is the job of the person?", "", job, wrong, hint)


class Light:
    """Three lamps, one of them lit; the place of the lit lamp has the meaning."""

    name = "light"

    def sample(self, rng: Random) -> PictureSpec:
        """Draws a spec."""
        background = rng.choice(("white", "gray"))
        row, col = rng.randrange(2), rng.randrange(GRID)
        return PictureSpec(background, style(rng), rng.choice(LIGHTS), row, col)

    def mutate(self, spec: PictureSpec, rng: Random) -> PictureSpec:
        """Lights another lamp."""
        return replace(spec, what=rng.choice(others(LIGHTS, spec.what)))

    def draw(self, spec: PictureSpec) -> Scene:
        """Renders a spec: lamps two patches apart, from top to bottom stop, wait, go."""
        canvas = Canvas(spec.background, style=spec.style)
        for i, name in enumerate(LIGHTS):
            lit = name == spec.what
            row = spec.row + 2 * i + 1
            canvas.part(row, spec.col, "lit" if lit else "lamp", color="yellow" if lit else "black")
        return canvas.scene()

    def caption(self, spec: PictureSpec) -> str:
        """What the light says."""
        return f"the light says {spec.what}"

    def facts(self, spec: PictureSpec) -> list[Fact]:
        """What cars do, and which lamp is lit."""
        lamp = ("top", "middle", "bottom")[LIGHTS.index(spec.what)]
        ask, claim = "What should cars do at this light?", "Should cars {} at this light?"
        lamps = others(("top", "middle", "bottom"), lamp)
        return [
            Fact("rule", ask, claim, spec.what, (*others(LIGHTS, spec.what), "turn")),
            Fact("lamp", "Which lamp is lit?", "Is the {} lamp lit?", lamp, (*lamps, "none")),
            Fact(
                "why",
                f"Why should cars {spec.what} at this light?",
                "",
                f"the {lamp} lamp is lit",
                tuple(f"the {other} lamp is lit" for other in lamps),
            ),
        ]
