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
        hint: what one must be told beside the picture to know the answer; "" for nothing.
    """

    topic: str
    ask: str
    claim: str
    answer: str
    wrong: tuple[str, ...]
    hint: str = ""


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


def told_of(
    names: Iterable[str], meanings: tuple[str, ...], what: str, *, turn: int, form: str, n: int = 3
) -> tuple[str, str, tuple[str, ...]]:
    """An assignment of meanings to names that only a hint can tell: it turns with the style.

    Args:
        names: What is shown, of which ``what`` is one.
        meanings: At least as many.
        what: The name that the picture shows.
        turn: Turns the assignment, for example a style seed.
        form: A sentence with two {}: a name and its meaning.
        n: Number of names that the hint tells about.

    Returns:
        The hint, the meaning of ``what``, and the wrong meanings, those of the hint first.
    """
    pool = tuple(names)
    place = pool.index(what)
    meant = {name: meanings[(i + turn) % len(meanings)] for i, name in enumerate(pool)}
    shown = [pool[(place + 1 + (turn >> 3) + i) % len(pool)] for i in range(len(pool))]
    told = [name for name in shown if name != what][: n - 1]
    told.insert((turn >> 6) % n, what)
    hint = " ".join(form.format(name, meant[name]) for name in told)
    wrong = [meant[name] for name in told if name != what]
    return hint, meant[what], tuple(dict.fromkeys((*wrong, *others(meanings, meant[what]))))
