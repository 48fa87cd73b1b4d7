"""The generator of the minis: reads a caption in their language and draws the scene that it names.

The reverse of what each kind of scene says in its caption. What captions do not name (colours of
bars and grounds, places of posters, whether values are bars or dots) is drawn in one fixed way, and
words that name nothing are passed over. So it loses what the caption lost, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.flaws import AREAS, CASTS, flawed
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.charts import HIGH, ChartSpec
from ipllvm_spec.mini.questions.classes import ClassSpec
from ipllvm_spec.mini.questions.diagrams import DiagramSpec
from ipllvm_spec.mini.questions.figures import EMOTIONS, LIGHTS, PEOPLE
from ipllvm_spec.mini.questions.layouts import Layout, Thing
from ipllvm_spec.mini.questions.lines import TextSpec
from ipllvm_spec.mini.questions.objects import QUADRANTS
from ipllvm_spec.mini.questions.photos import WORDS
from ipllvm_spec.mini.questions.pictures import ARTWORKS, LANDMARKS, VIEWS, PictureSpec
from ipllvm_spec.mini.scenes import COLORS, OBJECT_COLORS, SHAPES, Canvas, Scene
from ipllvm_spec.models.generators import Synthetic

#: Raised when the same caption gives another image.
VERSION = 1
#: Of all colours; captions do not tell the style.
STYLE = 0
_GROUND, _INK = "white", "black"

_COLOR = f"({'|'.join(OBJECT_COLORS)})"
_NOUN = f"{_COLOR} ({'|'.join(SHAPES)})"
#: Places of a diagram in reading order; a caption names parts by their letters only.
_MOST_PARTS, _MOST_BARS = 6, 4

Spec = tuple[str, Any]


def _text(kind: str, lines: tuple[str, ...], *, row: int, col: int, extra: str = "") -> Spec:
    return kind, TextSpec(_GROUND, _INK, STYLE, lines, row, col, extra)


def _picture(
    kind: str, what: str, *, ground: str = _GROUND, row: int = 1, col: int = 1, inks: Any = ()
) -> Spec:
    return kind, PictureSpec(ground, STYLE, what, row, col, tuple(inks))


def _single(found: re.Match[str]) -> Spec:
    # an even cell stands for the large shape in the middle
    return "single", Layout(_GROUND, STYLE, (Thing(0, found[2], found[1]),))


def _landmark(found: re.Match[str]) -> Spec:
    plan = LANDMARKS[found[1]]
    row, col = 8 - len(plan), (8 - len(plan[0])) // 2
    return _picture("landmark", found[1], row=row, col=col, inks=("red",))


def _program(found: re.Match[str]) -> Spec:
    one, a, two, b, out = found.groups()
    return _text("program", (f"{one}={a}", f"{two}={b}", f">{out}"), row=1, col=2)


def _class_photo(found: re.Match[str]) -> Spec:
    (name,) = (key for key, names in CLASSES.items() if found[1] in names)
    return name, ClassSpec("gray", STYLE, found[1])


def _any(names: Any) -> str:
    return f"({'|'.join(map(re.escape, names))})"


#: Captions of a fixed form, the whole of which must fit.
_WHOLE: Mapping[str, Callable[[re.Match[str]], Spec]] = MappingProxyType(
    {
        rf"a {_NOUN}": _single,
        r"the number (\d{1,4})": lambda m: _text("number", (m[1],), row=3, col=3),
        r"a poster titled ([A-Z]{1,4})": lambda m: _text(
            "poster", (m[1],), row=3, col=2, extra="red"
        ),
        r"the word ([A-Z]{1,4})(?: \w+)?": lambda m: _text("word", (m[1],), row=3, col=2),
        r"(\d) ([+-]) (\d)(?: =.*)?": lambda m: _text(
            "calculation", (f"{m[1]}{m[2]}{m[3]}=?",), row=3, col=1
        ),
        r"([A-E]) = (\d) ([A-E]) = (\d) > ([A-E])(?: \d)?": _program,
        rf"sequence ({_COLOR}(?: {_COLOR}){{0,6}})(?: next \w+)?": lambda m: (
            "sequence", TextSpec(_GROUND, _INK, STYLE, (m[1],), 3, 0, "circle"),
        ),
        r"([A-E](?: > [A-E]){1,3})": lambda m: _text(
            "chain", (m[1].replace(" ", ""),), row=3, col=0
        ),
        rf"a {_any(VIEWS)}\b.*": lambda m: _picture("view", m[1], ground="gray", row=4, col=0),
        rf"the {_any(LANDMARKS)}": _landmark,
        rf"an artwork of {_any(ARTWORKS)} {_COLOR} {_COLOR}": lambda m: _picture(
            "artwork", m[1], ground="black", row=0, col=0, inks=(m[2], m[3])
        ),
        rf"a {_any(EMOTIONS)} {_COLOR} face": lambda m: _picture("face", m[1], inks=(m[2],)),
        rf"{_any(PEOPLE)}\b.*": lambda m: _picture("person", m[1], col=2),
        rf"the light says {_any(LIGHTS)}": lambda m: _picture("light", m[1], col=3),
        rf"a photo of {_any(n for names in CLASSES.values() for n in names)}": _class_photo,
    }
)  # fmt: skip


def _quad(caption: str) -> Spec | None:
    found = re.findall(rf"{_any(QUADRANTS)} (large|small) {_NOUN}", caption)
    # of two shapes in one place the last named stays, here and below
    things = {
        QUADRANTS.index(at): Thing(QUADRANTS.index(at), shape, color, size == "large")
        for at, size, color, shape in found
    }
    shown = tuple(things[cell] for cell in sorted(things))
    return ("quad", Layout(_GROUND, STYLE, shown)) if things else None


def _board(caption: str) -> Spec | None:
    things = {}
    for row, col, color, shape in re.findall(rf"\b([1-4]) ([1-4]) {_NOUN}", caption):
        cell = 4 * (int(row) - 1) + int(col) - 1
        things[cell] = Thing(cell, shape, color)
    shown = tuple(things[cell] for cell in sorted(things))
    return ("board", Layout(_GROUND, STYLE, shown)) if things else None


def _diagram(caption: str) -> Spec | None:
    found = re.findall(rf"\b([A-E]) {_NOUN}", caption)[:_MOST_PARTS]
    parts = tuple((i, shape, color, a) for i, (a, color, shape) in enumerate(found))
    return ("diagram", DiagramSpec(_GROUND, STYLE, parts)) if parts else None


def _chart(caption: str) -> Spec | None:
    found = re.findall(rf"\b([A-E]|{_COLOR}) (\d)\b", caption)
    labels = tuple(label for label, *_ in found)[:_MOST_BARS]
    values = tuple(int(value) for *_, value in found)[:_MOST_BARS]
    if not labels:
        return None
    colored = [label in OBJECT_COLORS for label in labels]
    # a bar is one to seven patches high, so other values can only stand in a table
    table = not any(colored) and not all(1 <= value <= HIGH for value in values)
    if table:
        return "table", ChartSpec(_GROUND, STYLE, "table", _INK, labels, values, 0)
    form = "colors" if all(colored) else "letters"
    if form == "letters" and any(colored):
        kept = [i for i, color in enumerate(colored) if not color]
        labels = tuple(labels[i] for i in kept)
        values = tuple(values[i] for i in kept)
    values = tuple(min(max(value, 1), HIGH) for value in values)
    return "bars", ChartSpec(_GROUND, STYLE, form, "blue", labels, values, 0)


#: Captions that list things, of which any number may fit.
_LISTS: tuple[Callable[[str], Spec | None], ...] = (_quad, _board, _diagram, _chart)


def _photo(caption: str) -> Scene | None:
    """A photograph with a flaw, or a good one of something else than a class."""
    words = {word: flaw for flaw, word in WORDS.items()}
    form = rf"a (good|{_any(words)[1:-1]})(?: {_any(CASTS)})?(?: {_any(AREAS)})? photo of (.*)"
    found = re.fullmatch(form, caption)
    if found is None:
        return None
    word, tint, area, subject = found.groups()
    flaw = words.get(word, "")
    # a cast without its colour, or a colour without a cast, is no flaw that one could draw
    flaw = "" if (flaw == "cast") != bool(tint) else flaw
    scene = scene_of(subject) or _empty(_GROUND)
    return flawed(scene, flaw, area=area or "whole", tint=tint or "", seed=STYLE)


def _empty(ground: str) -> Scene:
    assert ground in COLORS
    return Canvas(ground, style=STYLE).scene()


def scene_of(caption: str) -> Scene | None:
    """Returns the scene that a caption names; None when it names nothing."""
    said = " ".join(caption.split())
    for form, read in _WHOLE.items():
        if match := re.fullmatch(form, said):
            kind, spec = read(match)
            return KINDS[kind].draw(spec)
    if photo := _photo(said):
        return photo
    for read_list in _LISTS:
        if listed := read_list(said):
            kind, spec = listed
            return KINDS[kind].draw(spec)
    return None


class Renderer:
    """Draws captions; see ``models.generators.ImageGenerator``.

    A caption that names nothing gives a grey canvas: an image without any information, which is
    what is left when a caption says nothing. Such images are marked as not understood.
    """

    seeded = False

    def __init__(self) -> None:
        self.identity: Mapping[str, Any] = {"name": "renderer", "version": VERSION}

    def make(self, caption: str, *, seed: int) -> Synthetic:
        """Draws the scene; the same caption gives the same 64 by 64 pixels."""
        del seed
        scene = scene_of(caption)
        pixels = (scene or _empty("gray")).pixels
        return Synthetic(Image.fromarray(np.ascontiguousarray(pixels)), scene is not None)
