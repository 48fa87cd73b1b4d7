"""Photographs: a scene, perhaps with a flaw of the picture as a whole or of a half of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from ipllvm_spec.mini.flaws import AREAS, CASTS, FLAWS, flawed
from ipllvm_spec.mini.questions.base import Fact, Kind, others, style
from ipllvm_spec.mini.questions.objects import Quad
from ipllvm_spec.mini.questions.pictures import Artwork, Landmark, View
from ipllvm_spec.mini.scenes import Scene

SUBJECTS: dict[str, Kind] = {kind.name: kind for kind in (Quad(), View(), Landmark(), Artwork())}
WORDS = {
    "blur": "blurred",
    "noise": "noisy",
    "darkness": "too dark",
    "glare": "too bright",
    "cast": "tinted",
}
#: Flaws that may sit in one half only, where one can point at them.
LOCAL = ("blur", "noise")


@dataclass(frozen=True)
class PhotoSpec:
    """Spec of a photograph.

    Attributes:
        background: Of the subject.
        style: Of the subject; it also seeds the noise.
        subject: Kind of scene.
        shown: Its spec.
        flaw: One of flaws.FLAWS, or "".
        area: One of flaws.AREAS.
        tint: One of flaws.CASTS, for a cast.
    """

    background: str
    style: int
    subject: str
    shown: Any
    flaw: str
    area: str = "whole"
    tint: str = ""


class Photo:
    """A scene of another kind, photographed well or badly."""

    name = "photo"

    def sample(self, rng: Random) -> PhotoSpec:
        """Draws a spec; one photograph in six has no flaw."""
        subject = rng.choice(sorted(SUBJECTS))
        shown = SUBJECTS[subject].sample(rng)
        spec = PhotoSpec(shown.background, style(rng), subject, shown, "")
        return self._with_flaw(spec, rng.choice(("", *FLAWS)), rng)

    def _with_flaw(self, spec: PhotoSpec, flaw: str, rng: Random) -> PhotoSpec:
        area = rng.choice(tuple(AREAS)) if flaw in LOCAL else "whole"
        tint = rng.choice(tuple(CASTS)) if flaw == "cast" else ""
        return replace(spec, flaw=flaw, area=area, tint=tint)

    def mutate(self, spec: PhotoSpec, rng: Random) -> PhotoSpec:
        """Takes the same photograph with another flaw."""
        return self._with_flaw(spec, rng.choice(others(("", *FLAWS), spec.flaw)), rng)

    def draw(self, spec: PhotoSpec) -> Scene:
        """Renders a spec in its own style."""
        scene = SUBJECTS[spec.subject].draw(replace(spec.shown, style=spec.style))
        return flawed(scene, spec.flaw, area=spec.area, tint=spec.tint, seed=spec.style)

    def caption(self, spec: PhotoSpec) -> str:
        """The flaw, where it is, and the subject where that is short."""
        said = SUBJECTS[spec.subject].caption(spec.shown) if spec.subject != "quad" else "shapes"
        if not spec.flaw:
            return f"a good photo of {said}"
        where = f" {spec.area}" if spec.flaw in LOCAL else ""
        tint = f" {spec.tint}" if spec.tint else ""
        return f"a {WORDS[spec.flaw]}{tint}{where} photo of {said}"

    def facts(self, spec: PhotoSpec) -> list[Fact]:
        """Each flaw as yes or no, degrees, the main flaw, its tint and its place."""
        facts = [
            Fact(
                f"is_{flaw}",
                f"Is this image {word}?",
                "",
                "Yes" if flaw == spec.flaw else "No",
                ("No" if flaw == spec.flaw else "Yes",),
            )
            for flaw, word in WORDS.items()
        ]
        light = {"darkness": "dark", "glare": "bright"}.get(spec.flaw, "normal")
        clarity = {"blur": "blurred", "noise": "noisy"}.get(spec.flaw, "clear")
        main = {"": "none"}.get(spec.flaw, spec.flaw)
        tint = spec.tint or "none"
        facts += [
            Fact(
                "light",
                "How is the light of this image?",
                "",
                light,
                others(("dark", "bright", "normal"), light),
            ),
            Fact(
                "clarity",
                "How is the clarity of this image?",
                "",
                clarity,
                others(("blurred", "noisy", "clear"), clarity),
            ),
            Fact(
                "flaw",
                "What is the main problem of this image?",
                "",
                main,
                others(("none", *FLAWS), main),
            ),
            Fact("tint", "Which color tints this image?", "", tint, others(("none", *CASTS), tint)),
        ]
        if spec.flaw in LOCAL:
            ask = f"Which part of this image is {WORDS[spec.flaw]}?"
            facts.append(Fact("area", ask, "", spec.area, others(AREAS, spec.area)))
        return facts
