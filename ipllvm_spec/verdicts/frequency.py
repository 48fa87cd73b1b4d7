"""The judge of an answer's frequency: is one answer given more often than it is right?

Section 3.4 counts how often models answer "1" to free-form questions about synthetic images. How
often that is right differs from benchmark to benchmark, so the share of gold answers is subtracted,
question by question.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ipllvm_spec.benchmarks.base import ItemScore
from ipllvm_spec.errors import UsageError
from ipllvm_spec.spec.schema import Claim
from ipllvm_spec.verdicts.judge import judge_limit
from ipllvm_spec.verdicts.measurement import Measurement
from ipllvm_spec.verdicts.streams import ArrayStream, Floats, Scores
from ipllvm_spec.verdicts.verdict import Verdict

_NAME = "answer_excess"


def says(text: str | None, answer: str) -> bool:
    """Whether an answer that was read says the same as another: as a number, else as text."""
    if text is None:
        return False
    try:
        return float(text) == float(answer)
    except ValueError:
        return text.strip() == answer.strip()


class Counted(NamedTuple):
    """How often free-form answers say one thing.

    Attributes:
        said: 1.0 where the answer says it, shape (n,).
        gold: 1.0 where saying it is right, shape (n,).
        right: 1.0 where the answer is right, shape (n,).
        places: Places of these units in measuring order, shape (n,).
    """

    said: Floats
    gold: Floats
    right: Floats
    places: tuple[int, ...]

    def share(self, *, correct: bool = False) -> float | None:
        """Share of answers that say it, in percent; None without any answer to count.

        Args:
            correct: Count only right answers.
        """
        counted = self.said[self.right > 0] if correct else self.said
        return float(100 * counted.mean()) if len(counted) else None


def count(measurement: Measurement, answer: str, *, n: int) -> Counted:
    """Counts an answer among the first units that ask one free-form question.

    Units about which a judge's reply was unreadable are left out.

    Args:
        measurement: Measured here as far as needed.
        answer: What is counted.
        n: Units, free-form or not.
    """
    measurement.take(n)
    rows: list[tuple[bool, bool, bool]] = []
    places = []
    for place, unit in enumerate(measurement.sheet.units[:n]):
        found: tuple[ItemScore, ...] = measurement.parsed(place)
        if len(unit.items) > 1 or unit.items[0].choices or found[0].excluded:
            continue
        gold = says(unit.items[0].gold, answer)
        rows.append((says(found[0].parsed.value, answer), gold, found[0].value >= 1.0))
        places.append(place)
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Counted(table[:, 0], table[:, 1], table[:, 2], tuple(places))


def judge_answer_excess(intact: Measurement, other: Measurement, claim: Claim) -> Verdict:
    """Decides how much more often ``other`` says the claim's answer than that is right.

    Args:
        intact: Reported beside it.
        other: The condition that is decided about.
        claim: Its ``answer`` is counted and its limit decides.

    Raises:
        SpecError: When the limit bounds another statistic.
        UsageError: When no question is free-form.
    """
    assert claim.answer is not None
    found, before = (count(one, claim.answer, n=other.available) for one in (other, intact))
    if not found.places:
        raise UsageError(
            f"{other.sheet.benchmark.title} has no free-form question among its first "
            f"{other.available} units",
            "decide the claim on a benchmark that has some",
        )
    sheet = other.sheet
    # What was not measured keeps its place, so that a cut benchmark stays a cut one.
    later = [
        place
        for place, unit in enumerate(sheet.units)
        if place >= other.available and len(unit.items) == 1 and not unit.items[0].choices
    ]
    places = [*found.places, *later]
    stream = ArrayStream(
        Scores(found.said[None, :], found.gold[None, :]),
        weights=sheet.weights[places],
        clusters=[sheet.clusters[place] for place in places],
        available=len(found.places),
    )
    verdict = judge_limit(stream, claim.limit, statistic=_NAME, measure_below_floor=True)
    details = {
        "answer": claim.answer,
        "free_form": len(found.places),
        "frequency": found.share(),
        "frequency_correct": found.share(correct=True),
        "frequency_intact": before.share(),
        "frequency_intact_correct": before.share(correct=True),
        "gold": float(100 * found.gold.mean()),
    }
    return replace(verdict, details=details)
