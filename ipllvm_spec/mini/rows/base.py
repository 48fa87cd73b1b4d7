"""What all twins are made from: sources of questions, held-out scenes, rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

from ipllvm_spec.mini.questions import KINDS, Fact
from ipllvm_spec.mini.scenes import Scene

Row = dict[str, Any]
"""A row as published; images are uint8 (64, 64, 3) arrays."""
OPTIONS = "ABCD"
#: Specs looked at for an answer that is still rare.
_LOOKS = 12


@dataclass(frozen=True)
class Ask:
    """A source of questions: a kind of scene and some of its topics."""

    kind: str
    topics: tuple[str, ...]
    n: int


def held_out(kind: str, rng: Random) -> tuple[Any, Scene]:
    """Draws a scene of a kind that no training scene equals, with its spec."""
    while True:
        spec = KINDS[kind].sample(rng)
        scene = KINDS[kind].draw(spec)
        if scene.held_out:
            return spec, scene


def facts_of(kind: str, spec: Any, topics: tuple[str, ...]) -> list[Fact]:
    """Facts of a scene about some topics."""
    return [f for f in KINDS[kind].facts(spec) if f.topic in topics]


def asked(ask: Ask, rng: Random, *, said: Counter[str], least_wrong: int = 1) -> tuple[Fact, Scene]:
    """Draws a fact whose answer is rare so far, and its scene.

    Args:
        ask: The source.
        rng: Source of all choices.
        said: Answers so far by "<topics> <answer>"; the new one is counted.
        least_wrong: Wrong answers that the fact must have.
    """
    kind = KINDS[ask.kind]
    while True:
        # specs are cheap and scenes are not: the rarest answer first, then its side of the split
        found: list[tuple[Fact, Any]] = []
        while len(found) < _LOOKS:
            spec = kind.sample(rng)
            facts = facts_of(ask.kind, spec, ask.topics)
            if facts := [f for f in facts if f.ask and len(f.wrong) >= least_wrong]:
                found.append((rng.choice(facts), spec))
        fact, spec = min(found, key=lambda pair: said[f"{ask.topics} {pair[0].answer}"])
        scene = kind.draw(spec)
        if scene.held_out:
            said[f"{ask.topics} {fact.answer}"] += 1
            return fact, scene


def mixed(fact: Fact, rng: Random, n: int, wrong: tuple[str, ...]) -> tuple[str, ...]:
    """The answer among n - 1 wrong ones, at a random place."""
    options = list(wrong[: n - 1])
    options.insert(rng.randrange(n), fact.answer)
    return tuple(options)
