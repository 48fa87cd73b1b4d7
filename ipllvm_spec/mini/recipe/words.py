"""Words that the tokenizer must hold whole: what patches show, and the answers to questions."""

from __future__ import annotations

from ipllvm_spec.mini.questions.figures import EMOTIONS, LIGHTS, PEOPLE
from ipllvm_spec.mini.questions.pictures import ARTWORKS, LANDMARKS, VIEWS
from ipllvm_spec.mini.questions.texts import MEANINGS, TITLES
from ipllvm_spec.mini.scenes import COLORS, SHAPES, SIZES, THINGS

ROW_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
COL_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
THING_WORDS = THINGS
"""Glyphs stand for themselves, everything else is a plain word."""

VOCABULARY = tuple(
    dict.fromkeys(
        (
            *COLORS,
            *THINGS,
            *SIZES,
            *ROW_WORDS,
            *COL_WORDS,
            *SHAPES,
            *(f"{s}s" for s in SHAPES),
            *VIEWS,
            *LANDMARKS,
            *ARTWORKS,
            *EMOTIONS,
            *PEOPLE,
            *LIGHTS,
            *TITLES,
            *MEANINGS,
            *MEANINGS.values(),
            *("Yes", "No", "top", "bottom", "left", "right", "middle", "center"),
            *("above", "below", "row", "column", "highest", "lowest", "leftmost", "rightmost"),
        )
    )
)
