"""Scenes of the classification sets: one class each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.questions.base import Fact, others, seeded, style
from ipllvm_spec.mini.questions.looks import LOOKS
from ipllvm_spec.mini.scenes import BACKGROUNDS, Canvas, Scene

#: What the prompts of a set call that which is to be named.
NOUNS = {
    "caltech101": "object",
    "cifar100": "thing",
    "food101": "dish",
    "pets": "pet",
    "country211": "country",
    "eurosat": "land",
    "aircraft": "aircraft",
}


@dataclass(frozen=True)
class ClassSpec:
    """Spec of an image of a class; the style decides colours and place."""

    background: str
    style: int
    what: str


class ClassSet:
    """Images of one classification set."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sample(self, rng: Random) -> ClassSpec:
        """Draws a spec."""
        # a flag with a black or white stripe would lose it in a ground of that colour
        grounds = ("gray",) if self.name == "country211" else BACKGROUNDS
        return ClassSpec(rng.choice(grounds), style(rng), rng.choice(CLASSES[self.name]))

    def mutate(self, spec: ClassSpec, rng: Random) -> ClassSpec:
        """Takes another class of the set."""
        return replace(spec, what=rng.choice(others(CLASSES[self.name], spec.what)))

    def draw(self, spec: ClassSpec) -> Scene:
        """Renders a spec."""
        canvas = Canvas(spec.background, style=spec.style)
        LOOKS[self.name](canvas, spec.what, seeded(f"look:{spec.style}"))
        return canvas.scene()

    def caption(self, spec: ClassSpec) -> str:
        """The name of the class."""
        return f"a photo of {spec.what}"

    def facts(self, spec: ClassSpec) -> list[Fact]:
        """The class."""
        ask = f"What is the {NOUNS[self.name]} in the image?"
        claim = f"Is the {NOUNS[self.name]} in the image {{}}?"
        return [Fact("class", ask, claim, spec.what, others(CLASSES[self.name], spec.what))]


CLASS_SETS = tuple(ClassSet(name) for name in CLASSES)
