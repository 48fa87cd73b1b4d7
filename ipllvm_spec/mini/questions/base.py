"""Facts and kinds: the two ideas every question is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from ipllvm_spec.mini.scenes import Scene


@dataclass(frozen=True)
class Fact:
    """One thing that is true of a scene, askable in several formats.

    Attributes:
        topic: what the fact is about, for choosing and for reports ("color", "count", ...).
        ask: an open question, or "" when the fact can only be claimed.
        claim: a yes/no question with one {} for the answer, or "" when it cannot be claimed.
        answer: the true answer.
        wrong: false answers of the same sort.
    """

    topic: str
    ask: str
    claim: str
    answer: str
    wrong: tuple[str, ...]


class Kind(Protocol):
    """A sort of scene. A spec is a frozen value that says everything the picture shows."""

    name: str

    def sample(self, rng: Random) -> Any:
        """Draws a spec."""

    def mutate(self, spec: Any, rng: Random) -> Any:
        """Returns a spec with one visual difference, drawn in the same style."""

    def draw(self, spec: Any) -> Scene:
        """Renders a spec."""

    def caption(self, spec: Any) -> str:
        """Says what the picture shows, in reading order."""

    def facts(self, spec: Any) -> list[Fact]:
        """Everything that can be asked about the picture."""


def others(pool: Iterable[str], answer: str) -> tuple[str, ...]:
    """The pool without the answer."""
    return tuple(x for x in pool if x != answer)


def near(value: int, *, low: int, high: int) -> tuple[str, ...]:
    """Wrong numbers close to a value, within [low, high]."""
    pool = sorted(range(low, high + 1), key=lambda v: (abs(v - value), v))
    return tuple(str(v) for v in pool if v != value)[:5]


def seeded(seed: str) -> Random:
    """A stream of draws; the standard library promises the same one for a seed everywhere."""
    return Random(seed)  # noqa: S311


def style(rng: Random) -> int:
    """A style seed."""
    return rng.randrange(1 << 24)
