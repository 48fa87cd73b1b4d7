"""Words that the tokenizer must hold whole: what patches show, and the answers to questions."""

from __future__ import annotations

from ipllvm_spec.mini.flaws import FLAWS
from ipllvm_spec.mini.problems import GOODS
from ipllvm_spec.mini.questions.figures import EMOTIONS, JOBS, LIGHTS, PEOPLE
from ipllvm_spec.mini.questions.objects import MEANINGS as LIKES
from ipllvm_spec.mini.questions.photos import WORDS
from ipllvm_spec.mini.questions.pictures import ARTWORKS, CITIES, LANDMARKS, VIEWS
from ipllvm_spec.mini.questions.texts import MEANINGS, TITLES
from ipllvm_spec.mini.scenes import CLASS_NAMES, COLORS, SHAPES, SIZES, THINGS

CLASS_WORDS = tuple(word for name in CLASS_NAMES for word in name.split() if word.isalpha())
VOCABULARY = tuple(
    dict.fromkeys(
        (
            *COLORS,
            *(thing for thing in THINGS if thing not in CLASS_NAMES),
            *CLASS_WORDS,
            *SIZES,
            *FLAWS,
            *(word for words in WORDS.values() for word in words.split()),
            *CITIES,
            *JOBS,
            *LIKES,
            *GOODS,
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
