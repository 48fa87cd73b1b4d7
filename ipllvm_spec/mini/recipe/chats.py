"""How the minis are talked to: what stands before, between and after image and question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ipllvm_spec.mini.recipe.tokens import BOS, END, EOS, TURN
from ipllvm_spec.models.meteor.prompts import END as METEOR_END
from ipllvm_spec.models.meteor.prompts import RATIONALE, SYSTEM
from ipllvm_spec.models.meteor.prompts import TURN as METEOR_TURN

VECTORS = 4
"""Rationale vectors of mini-meteor, of whose 3 million weights ten would be too many to fill."""


@dataclass(frozen=True)
class Style:
    """A chat style.

    Attributes:
        start: Special tokens that every prompt begins with.
        head: What follows them, up to the image.
        gap: What stands between image and question.
        tail: What follows the question.
        stop: The token that ends an answer.
    """

    start: tuple[str, ...]
    head: str
    gap: str
    tail: str
    stop: str


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "llama": Style((BOS,), "USER: ", "\n", " ASSISTANT:", EOS),
        "chatml": Style((TURN,), "user\n", "\n", f"{END}\n{TURN}assistant\n", END),
        "meteor": Style(
            (BOS, *[RATIONALE] * VECTORS),
            f"{METEOR_TURN}system\n{SYSTEM}{METEOR_END}\n{METEOR_TURN}user\n",
            "",
            f"{METEOR_END}\n{METEOR_TURN}assistant\n",
            METEOR_END,
        ),
    }
)
"""Name to style."""


def style_of(family: str) -> str:
    """Chat style of a family of LLVMs."""
    return {"llava_onevision": "chatml", "meteor": "meteor"}.get(family, "llama")
