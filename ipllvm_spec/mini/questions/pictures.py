"""Scenes to recognise as a whole: views, landmarks, artworks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

from ipllvm_spec.mini.questions.base import Fact, others, style, told_of
from ipllvm_spec.mini.scenes import GRID, OBJECT_COLORS, Canvas, Scene

_TINT = {"sky": "blue", "sand": "yellow", "grass": "green", "snow": "white"}
# (above, below); every view has a mirror image among the others, so what is on top matters
VIEWS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "beach": ("sky", "sand"),
        "harbor": ("sand", "sky"),
        "meadow": ("sky", "grass"),
        "lake": ("grass", "sky"),
        "mountain": ("snow", "grass"),
        "valley": ("grass", "snow"),
        "oasis": ("sand", "grass"),
        "savanna": ("grass", "sand"),
    }
)
LANDMARKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tower": ("..##", "..##", "..##", "..##", "####", "####"),
        "pillar": ("##..", "##..", "##..", "##..", "####", "####"),
        "gate": ("####", "####", "#..#", "#..#", "#..#", "#..#"),
        "goblet": ("#..#", "#..#", "#..#", "#..#", "####", "####"),
        "bridge": ("......", "######", "######", "#....#"),
        "ship": ("#....#", "######", "######", "......"),
        "pyramid": ("..##..", ".####.", "######"),
        "bowl": ("######", ".####.", "..##.."),
    }
)
CITIES = ("Rome", "Paris", "Cairo", "Tokyo", "Lima", "Oslo", "Delhi", "Quito")
DARK, LIGHT = ("red", "green", "blue", "purple"), ("yellow", "orange", "cyan")
ARTWORKS = ("rows", "columns", "checkerboard", "halves", "layers", "rings")


@dataclass(frozen=True)
class PictureSpec:
    """Spec of a picture.

    Attributes:
        what: the name of what is shown.
        row: a vertical place (meaning by kind).
        col: a horizontal place.
        inks: colours.
    """

    background: str
    style: int
    what: str
    row: int
    col: int
    inks: tuple[str, ...] = ()


def opposite(names: tuple[str, ...], what: str) -> str:
    """The other one of a pair of names that stand side by side."""
    return names[names.index(what) ^ 1]


def named(topic: str, ask: str, claim: str, what: str, names: tuple[str, ...]) -> Fact:
    """A fact of recognition; the mirror image comes first among the wrong names."""
    mirror = opposite(names, what) if len(names) % 2 == 0 else ""
    wrong = tuple(dict.fromkeys(([mirror] if mirror else []) + list(others(names, what))))
    return Fact(topic, ask, claim, what, wrong)


class View:
    """Two textures, one above the other."""

    name = "view"

    def sample(self, rng: Random) -> PictureSpec:
        """Draws a spec."""
        return PictureSpec("gray", style(rng), rng.choice(tuple(VIEWS)), rng.randrange(3, 6), 0)

    def mutate(self, spec: PictureSpec, rng: Random) -> PictureSpec:  # noqa: ARG002
        """Turns the view upside down."""
        return replace(spec, what=opposite(tuple(VIEWS), spec.what))

    def draw(self, spec: PictureSpec) -> Scene:
        """Renders a spec."""
        canvas = Canvas(spec.background, style=spec.style)
        above, below = VIEWS[spec.what]
        for row in range(GRID):
            for col in range(GRID):
                texture = above if row < spec.row else below
                canvas.part(row, col, texture, color=_TINT[texture])
        return canvas.scene()

    def caption(self, spec: PictureSpec) -> str:
        """The name of the view."""
        above, below = VIEWS[spec.what]
        return f"a {spec.what} {above} above {below}"

    def facts(self, spec: PictureSpec) -> list[Fact]:
        """The name, and what lies above."""
        above, below = VIEWS[spec.what]
        ask, claim = "What scene is shown?", "Is this scene a {}?"
        more = others(others(_TINT, above), below)
        return [
            named("view", ask, claim, spec.what, tuple(VIEWS)),
            Fact(
                "why",
                f"How do you know that this is a {spec.what}?",
                "",
                f"the {above} is above the {below}",
                (f"the {below} is above the {above}",),
            ),
            Fact(
                "above",
                "What is in the upper part?",
                "Is the upper part {}?",
                above,
                (below, *more),
            ),
            Fact(
                "below",
                "What is in the lower part?",
                "Is the lower part {}?",
                below,
                (above, *more),
            ),
        ]


class Landmark:
    """A silhouette of bricks."""

    name = "landmark"

    def sample(self, rng: Random) -> PictureSpec:
        """Draws a spec."""
        what = rng.choice(tuple(LANDMARKS))
        plan = LANDMARKS[what]
        # a landmark stands on the ground in the middle
        row, col = GRID - len(plan), (GRID - len(plan[0])) // 2
        background, ink = rng.choice((("white", "red"), ("black", "gray"), ("white", "blue")))
        return PictureSpec(background, style(rng), what, row, col, (ink,))

    def mutate(self, spec: PictureSpec, rng: Random) -> PictureSpec:  # noqa: ARG002
        """Takes the mirrored silhouette at the same place."""
        return replace(spec, what=opposite(tuple(LANDMARKS), spec.what))

    def draw(self, spec: PictureSpec) -> Scene:
        """Renders a spec."""
        canvas = Canvas(spec.background, style=spec.style)
        for r, line in enumerate(LANDMARKS[spec.what]):
            for c, mark in enumerate(line):
                if mark == "#":
                    canvas.part(spec.row + r, spec.col + c, "brick", color=spec.inks[0])
        return canvas.scene()

    def caption(self, spec: PictureSpec) -> str:
        """The name of the landmark."""
        return f"the {spec.what}"

    def facts(self, spec: PictureSpec) -> list[Fact]:
        """The name."""
        ask, claim = "Which landmark is shown?", "Is this a photo of the {}?"
        hint, city, wrong = told_of(
            LANDMARKS, CITIES, spec.what, turn=spec.style, form="The {} is in {}."
        )
        return [
            named("landmark", ask, claim, spec.what, tuple(LANDMARKS)),
            Fact("city", "In which city is this landmark?", "", city, wrong, hint),
        ]


class Artwork:
    """Tiles of a dark and a light colour in a pattern, about half of them of each colour."""

    name = "artwork"

    def sample(self, rng: Random) -> PictureSpec:
        """Draws a spec."""
        inks = (rng.choice(DARK), rng.choice(LIGHT))
        return PictureSpec("black", style(rng), rng.choice(ARTWORKS), 0, 0, inks)

    def mutate(self, spec: PictureSpec, rng: Random) -> PictureSpec:  # noqa: ARG002
        """Takes another pattern in the same colours."""
        return replace(spec, what=opposite(ARTWORKS, spec.what))

    def draw(self, spec: PictureSpec) -> Scene:
        """Renders a spec."""
        canvas = Canvas(spec.background, style=spec.style)
        for r in range(GRID):
            for c in range(GRID):
                second = {
                    "rows": r % 2,
                    "columns": c % 2,
                    "checkerboard": (r + c) % 2,
                    "halves": c // 4,
                    "layers": r // 4,
                    "rings": min(r, c, 7 - r, 7 - c) % 2,
                }[spec.what]
                canvas.part(r, c, "tile", color=spec.inks[second])
        return canvas.scene()

    def caption(self, spec: PictureSpec) -> str:
        """The pattern and its colours."""
        return f"an artwork of {spec.what} {spec.inks[0]} {spec.inks[1]}"

    def facts(self, spec: PictureSpec) -> list[Fact]:
        """The pattern, and the colour of the corner."""
        ask, claim = "Which pattern does the artwork have?", "Is this an artwork of {}?"
        one, two = spec.inks
        wrong = (two, *others(others(OBJECT_COLORS, one), two))
        return [
            named("pattern", ask, claim, spec.what, ARTWORKS),
            Fact(
                "corner",
                "What color is the top left corner?",
                "Is the top left corner {}?",
                one,
                wrong,
            ),
        ]
