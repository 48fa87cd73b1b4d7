"""What multiple-choice benchmarks share: lettered options, the reader of letters, chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, prod
from string import ascii_uppercase
from typing import Protocol

from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, Parsed, Unit
from ipllvm_spec.benchmarks.parsing import parse_letter
from ipllvm_spec.benchmarks.scoring import PerQuestion, RuleScored

LETTER_SUFFIX = "Answer with the option's letter from the given choices directly."


def lettered(choices: Sequence[str], *, between: str = "\n") -> str:
    """Writes options as "A. ..." to "Z. ..."."""
    return between.join(
        f"{letter}. {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False)
    )


class LetterRule(Protocol):
    """Reads a letter of an answer."""

    def __call__(self, text: str, letters: str) -> Parsed:
        """Returns one of ``letters``, or ``UNPARSED``."""
        ...


class LetterScored(RuleScored):
    """What benchmarks share whose answers are letters of options."""

    scale = 100.0
    modes: tuple[str, ...] = ("standard", "paper")
    decoding = Decoding(max_new_tokens=16)
    #: Reads the letter in paper mode; None for the one parser.
    paper_rule: LetterRule | None = None

    def letters(self, item: Item) -> str:
        """Returns the letters on offer."""
        return ascii_uppercase[: len(item.choices)]

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for the right letter."""
        letters, rule = self.letters(item), self.paper_rule
        if self.mode == "paper" and rule is not None:
            parsed = rule(text, letters)
        else:
            parsed = parse_letter(text, letters=letters, choices=item.choices)
        return ItemScore(float(parsed.value == item.gold), parsed)

    def chance(self, units: Sequence[Unit]) -> float:
        """Expected metric of guessing one of the options of every question independently."""
        return self.scale * fsum(
            unit.weight * prod(1 / (len(i.choices) or len(self.letters(i))) for i in unit.items)
            for unit in units
        )


class MultipleChoice(LetterScored, PerQuestion):
    """What multiple-choice benchmarks share whose metric is the mean over their questions."""
