"""Lines of glyphs: the spec and the drawing that all scenes of text share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ipllvm_spec.mini.questions.base import style
from ipllvm_spec.mini.scenes import GRID, Canvas

INKS = (("white", "black"), ("white", "blue"), ("black", "white"), ("black", "yellow"))


@dataclass(frozen=True)
class TextSpec:
    """Spec of a scene of glyphs: lines at a place, in ink on a background.

    Attributes:
        lines: each a string of glyphs, or of colour names for a sequence.
        row: first patch row.
        col: first patch column.
    """

    background: str
    ink: str
    style: int
    lines: tuple[str, ...]
    row: int
    col: int
    extra: str = ""


def place(
    rng: Random, lines: tuple[str, ...], *, col: int, margin: int = 0, extra: str = ""
) -> TextSpec:
    """Text begins in one column, as print does, in any row."""
    background, ink = rng.choice(INKS)
    height = 2 * len(lines) - 1
    row = rng.randrange(margin, GRID - height - margin + 1)
    return TextSpec(background, ink, style(rng), lines, row, col, extra)


def write(spec: TextSpec) -> Canvas:
    """Draws the lines, one patch row apart."""
    canvas = Canvas(spec.background, style=spec.style)
    for i, line in enumerate(spec.lines):
        for j, name in enumerate(line):
            canvas.glyph(spec.row + 2 * i, spec.col + j, name, color=spec.ink)
    return canvas


def relined(spec: TextSpec, *lines: str) -> TextSpec:
    """The spec with other lines, in the same place and style."""
    return replace(spec, lines=lines)
