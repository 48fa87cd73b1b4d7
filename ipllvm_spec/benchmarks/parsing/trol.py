"""The rules of the evaluator that the paper's numbers fit: TroL's, by the same group.

Each rule reads by position, as published, and is blind to the gold answer. Two things are not as
published: an answer that cannot be read is ``UNPARSED`` (TroL takes the last option for it on
Q-Bench, and stops with an error on AI2D), and spaces around the answer are removed.
"""

from __future__ import annotations

import re

from ipllvm_spec.benchmarks.base import Parsed
from ipllvm_spec.benchmarks.parsing.outcome import UNPARSED

_SENTENCE = re.compile(r"The answer is ([A-Z]).")
_CAPITAL = re.compile(r"[A-Z]")
#: What may stand before the letter on MMStar, lower case, with the name of the rule.
_PREFIXES = (
    ("", "first_character"),
    ("(", "in_brackets"),
    ("option ", "option_phrase"),
    ("the answer is ", "answer_phrase"),
)


def option_letter(text: str, letters: str) -> Parsed:
    """Reads a letter on Q-Bench and SQA-IMG.

    The answer is a letter; or begins with one and has a period anywhere; or has exactly one "The
    answer is X" that something follows.

    Args:
        text: The raw answer.
        letters: The letters on offer.
    """
    answer = text.strip()
    found = _SENTENCE.findall(answer)
    if len(answer) == 1:
        letter, rule = answer, "letter_alone"
    elif answer[:1] in set("ABCDE") and "." in answer:
        letter, rule = answer[0], "letter_leading"
    elif len(found) == 1:
        letter, rule = found[0], "answer_phrase"
    else:
        return UNPARSED
    return _offered(letter, letters, rule)


def letter_by_position(text: str, letters: str) -> Parsed:
    """Reads a letter on MMStar: the first character, or what follows one of three beginnings.

    Case does not count and nothing needs to follow the letter, so "banana" is B.
    """
    answer = text.strip().replace("\n", " ").lower()
    for prefix, rule in _PREFIXES:
        letter = answer[len(prefix) : len(prefix) + 1]
        if answer.startswith(prefix) and letter and letter in letters.lower():
            return Parsed(letter.upper(), rule)
    return UNPARSED


def first_capital(text: str, letters: str) -> Parsed:
    """Reads a letter on AI2D: the first capital anywhere, no option in "The answer is B" (T)."""
    match = _CAPITAL.search(text)
    return _offered(match[0], letters, "first_capital") if match else UNPARSED


def short_answer(text: str) -> Parsed:
    """Reads a short answer on ChartQA: of one that holds a digit, the text before the first space.

    "12 million" is therefore 12, and "in 2014" is "in".
    """
    answer = text.strip()
    cut = answer.split(" ")[0] if any(map(str.isdigit, answer)) else answer
    if not answer:
        return UNPARSED
    if to_number(cut) is None:
        return Parsed(cut, "text")
    return Parsed(cut, "percent" if cut.endswith("%") else "number")


def to_number(text: str) -> float | None:
    """Reads a number as ``float`` does; a trailing % is dropped and divides nothing."""
    try:
        return float(text.rstrip("%")) if text.endswith("%") else float(text)
    except ValueError:
        return None


def relaxed_match(predicted: str, gold: str, *, tolerance: float = 0.05) -> bool:
    """Whether an answer is right by relaxed accuracy with its two arguments exchanged.

    The relative error is taken to the answer, so that 12.61 is right for 12 and 11.4 is not; an
    answer of 0 demands the text of the reference.

    Args:
        predicted: The answer as ``short_answer`` reads it.
        gold: The reference.
        tolerance: Largest relative error, inclusive.
    """
    value, target = to_number(predicted), to_number(gold)
    if target is not None and value:
        return abs(target - value) / abs(value) <= tolerance
    return predicted.lower() == gold.lower()


def _offered(letter: str, letters: str, rule: str) -> Parsed:
    return Parsed(letter, rule) if letter in letters else UNPARSED
