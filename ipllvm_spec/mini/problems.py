"""Short word problems with their working, for the twin of GSM8K and for the language models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

NAMES = ("Ada", "Bob", "Cleo", "Dan", "Eva", "Finn")
GOODS = ("circles", "squares", "triangles", "diamonds", "rings", "crosses")
HELD_OUT_SHARE = 4
LARGEST = 18
"""Largest number in any step."""


@dataclass(frozen=True)
class Problem:
    """A word problem.

    Attributes:
        question: The problem.
        working: One equation a step.
        answer: A whole number, 0 to LARGEST.
    """

    question: str
    working: tuple[str, ...]
    answer: int

    @property
    def held_out(self) -> bool:
        """Whether the problem belongs to the evaluation side, by its text."""
        return hashlib.sha256(self.question.encode()).digest()[0] % HELD_OUT_SHARE == 0

    @property
    def solution(self) -> str:
        """Working and answer as a model should say them."""
        return f"{' '.join(f'{step}.' for step in self.working)} The answer is {self.answer}."

    @property
    def published(self) -> str:
        """Working and answer as GSM8K publishes them."""
        return "\n".join((*self.working, f"#### {self.answer}"))


def draw_problem(rng: Random) -> Problem:
    """Draws a problem of one or two steps."""
    return rng.choice(_SORTS)(rng)


def _gain(rng: Random) -> Problem:
    name, goods = rng.choice(NAMES), rng.choice(GOODS)
    a, b = rng.randrange(1, 10), rng.randrange(1, 10)
    question = f"{name} has {a} {goods}. {name} finds {b} more. How many {goods} does {name} have?"
    return Problem(question, (f"{a} + {b} = {a + b}",), a + b)


def _loss(rng: Random) -> Problem:
    name, goods = rng.choice(NAMES), rng.choice(GOODS)
    a = rng.randrange(2, 10)
    b = rng.randrange(1, a + 1)
    question = f"{name} has {a} {goods}. {name} loses {b}. How many {goods} are left?"
    return Problem(question, (f"{a} - {b} = {a - b}",), a - b)


def _both(rng: Random) -> Problem:
    name, goods = rng.choice(NAMES), rng.choice(GOODS)
    a, b = rng.randrange(1, 9), rng.randrange(1, 9)
    c = rng.randrange(1, min(9, a + b) + 1)
    question = (
        f"{name} has {a} {goods}. {name} finds {b} more and loses {c}. "
        f"How many {goods} does {name} have?"
    )
    left = a + b - c
    return Problem(question, (f"{a} + {b} = {a + b}", f"{a + b} - {c} = {left}"), left)


def _sum(rng: Random) -> Problem:
    one, two = rng.sample(NAMES, 2)
    goods = rng.choice(GOODS)
    a, more = rng.randrange(1, 7), rng.randrange(1, 6)
    question = (
        f"{one} has {a} {goods}. {two} has {more} more than {one}. "
        f"How many {goods} do they have together?"
    )
    b = a + more
    return Problem(question, (f"{a} + {more} = {b}", f"{a} + {b} = {a + b}"), a + b)


_SORTS: tuple[Callable[[Random], Problem], ...] = (_gain, _loss, _both, _sum)
