"""The minis' captions are read back: what they name is drawn, what they do not is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.rendering import STYLE, Renderer, scene_of

#: Kinds whose captions name everything but colours of the ground and the style.
WHOLE = ("quad", "board", "landmark", "artwork", "face")


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_is_read_from_its_own_caption(name):
    """A caption that tells the truth is understood, whatever is drawn at random in it."""
    kind, rng = KINDS[name], seeded(f"captions of {name}")
    captions = [kind.caption(kind.sample(rng)) for _ in range(40)]
    said = [caption for caption in captions if not caption.endswith("photo of shapes")]
    assert [caption for caption in said if scene_of(caption) is None] == []


@pytest.mark.parametrize("name", WHOLE)
def test_what_a_caption_names_is_what_is_drawn(name):
    """Every patch shows the same thing in the same size as in the scene that was captioned."""
    kind, rng = KINDS[name], seeded(f"scenes of {name}")
    for _ in range(20):
        spec = kind.sample(rng)
        own, read = kind.draw(replace(spec, style=STYLE)), scene_of(kind.caption(spec))
        assert np.array_equal(own.things, read.things)
        assert np.array_equal(own.sizes, read.sizes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A 3 B 5 C 2", "A 3 B 5 C 4"),
        ("A 0 B 5 C 9", "A 0 B 5 C 8"),
        ("red 3 blue 5 cyan 2", "red 3 cyan 5 blue 2"),
        ("3 + 4 = 7", "3 - 4 = 7"),
        ("A > C > E", "C > A > E"),
        ("A = 3 C = 5 > A 3", "A = 3 C = 5 > C 5"),
        ("a poster titled CAT", "a poster titled ACT"),
        ("the light says go", "the light says stop"),
        ("A red circle B blue square", "B red circle A blue square"),
        ("sequence red blue green red next blue", "sequence blue red green blue next red"),
        ("a blurred top photo of the gate", "a blurred bottom photo of the gate"),
    ],
)
def test_a_word_makes_a_difference(one, other):
    """Captions that differ in what the scene shows give different images."""
    first, second = (scene_of(caption).pixels for caption in (one, other))
    assert not np.array_equal(first, second)


def test_what_captions_do_not_name_is_lost():
    """Dots and bars have one caption, so they get one image."""
    kind, rng = KINDS["bars"], seeded("bars")
    spec = next(s for s in iter(lambda: kind.sample(rng), None) if s.form == "letters")
    dots = replace(spec, form="dots")
    assert not np.array_equal(kind.draw(spec).pixels, kind.draw(dots).pixels)
    assert kind.caption(spec) == kind.caption(dots)


def test_errors_of_a_captioner_are_drawn_as_they_are_said():
    """Things said twice, of impossible size or among nonsense are drawn as far as they can be."""
    twice = scene_of("1 1 red circle 1 1 blue square")
    assert np.array_equal(twice.things, scene_of("1 1 blue square").things)
    assert scene_of("top left huge thing top right small red ring ring ring") is not None
    assert scene_of("red 9 blue 0") is not None
    assert scene_of("A 3 B 5 C 2 D 6 E 1 A 4").things.shape == (8, 8)


@pytest.mark.parametrize("caption", ["", "I cannot help with this image.", "a very nice picture"])
def test_a_caption_that_names_nothing_gives_a_grey_canvas(caption):
    """Always an image; that it holds nothing of the caption is said beside it."""
    made = Renderer().make(caption, seed=7)
    assert not made.understood
    assert made.image.size == (64, 64)
    assert len(made.image.getcolors()) == 1


def test_the_same_caption_gives_the_same_pixels():
    """No seed, no style, no state."""
    one, two = (Renderer().make("A 3 B 5", seed=seed).image for seed in (1, 2))
    assert one.tobytes() == two.tobytes()
