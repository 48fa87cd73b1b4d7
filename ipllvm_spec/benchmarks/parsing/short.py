"""Short free-form answers and numbers, compared by relaxed accuracy."""

from __future__ import annotations

from functools import lru_cache

from ipllvm_spec.benchmarks.base import Parsed
from ipllvm_spec.benchmarks.parsing.outcome import UNPARSED


def parse_short_answer(text: str) -> Parsed:
    """Reads a free-form short answer: the stripped text; only an empty answer is unparsed."""
    answer = text.strip()
    if not answer:
        return UNPARSED
    if to_number(answer) is None:
        return Parsed(answer, "text")
    return Parsed(answer, "percent" if answer.endswith("%") else "number")


# ChartQA's chance compares every reference with every other one.
@lru_cache(maxsize=4096)
def to_number(text: str) -> float | None:
    """Reads a number as ChartQA's evaluators do: ``float``, a trailing % divides by 100.

    "1,234" and "$12" are no numbers; "1_000", "1e2" and digits of other scripts are, because
    ``float`` takes them.
    """
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def relaxed_match(predicted: str, gold: str, *, tolerance: float = 0.05) -> bool:
    """Whether an answer is right by ChartQA's relaxed accuracy (section 5.1 of Masry et al.).

    Args:
        predicted: The answer, stripped.
        gold: The reference. When it is a number other than 0 the relative error is taken to it.
        tolerance: Largest relative error, inclusive.

    Returns:
        For two numbers with a non-zero reference, whether they lie within the tolerance;
        otherwise whether the texts are equal but for case (so a reference "0" demands "0").
    """
    value, target = to_number(predicted), to_number(gold)
    if value is not None and target:
        return abs(value - target) / abs(target) <= tolerance
    return predicted.lower() == gold.lower()
