"""One answer is counted among free-form questions, and what of it is right is subtracted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ipllvm_spec.benchmarks.base import Item, ItemScore, Parsed, Unit
from ipllvm_spec.errors import SpecError, UsageError
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.frequency import count, judge_answer_excess, says
from ipllvm_spec.verdicts.verdict import Outcome


def measured(answers, golds, *, choices=(), available=None, excluded=()):
    """A measurement whose units ask one question each; those in ``choices`` offer options."""
    units = [
        Unit(f"u{i}", f"c{i}", (Item(f"i{i}", f"u{i}", f"c{i}", "", "?", gold,
             choices=("a", "b") if i in choices else ()),), "", 1 / len(golds))
        for i, gold in enumerate(golds)
    ]  # fmt: skip
    scores = [
        ItemScore(float(a == g), Parsed(a, "rule"), excluded=i in excluded)
        for i, (a, g) in enumerate(zip(answers, golds, strict=True))
    ]
    return SimpleNamespace(
        sheet=SimpleNamespace(
            units=units,
            weights=np.full(len(units), 1 / len(units)),
            clusters=[unit.cluster_id for unit in units],
            benchmark=SimpleNamespace(title="Sums"),
        ),
        available=len(units) if available is None else available,
        take=lambda stop: None,
        parsed=lambda place: (scores[place],),
    )


def claim(at_most, statistic="answer_excess"):
    """What of a claim the judge reads."""
    return SimpleNamespace(answer="1", limit=Limit(statistic=statistic, at_most=at_most, why="t"))


@pytest.mark.parametrize(
    ("text", "same"), [("1", True), ("1.0", True), ("10", False), ("[1]", False), (None, False)]
)
def test_an_answer_is_the_same_as_a_number(text, same):
    """MathVista asks for whole numbers and for decimals."""
    assert says(text, "1") is same


def test_only_free_form_answers_count():
    """An option that is called 1 is no number, and an unreadable reply is no answer."""
    found = count(
        measured(["1", "1", "2", "1"], ["1", "3", "2", "1"], choices={1}, excluded={3}), "1", n=4
    )
    assert (found.said.tolist(), found.gold.tolist()) == ([1, 0], [1, 0])
    assert found.places == (0, 2)
    assert found.share() == 50.0
    assert found.share(correct=True) == 50.0


@pytest.mark.parametrize(("at_most", "outcome"), [(50.0, Outcome.PASS), (49.9, Outcome.FAIL)])
def test_what_is_right_is_subtracted(at_most, outcome):
    """Three of four say it, one of four should: 50 points, which is within a limit of 50."""
    intact = measured(["1", "2", "3", "4"], ["1", "2", "3", "4"])
    shown = measured(["1", "1", "1", "4"], ["1", "2", "3", "4"])
    verdict = judge_answer_excess(intact, shown, claim(at_most))
    assert (verdict.outcome, verdict.exact, verdict.estimate) == (outcome, True, 50.0)
    assert verdict.details["frequency"] == 75.0
    assert verdict.details["frequency_correct"] == 50.0
    assert verdict.details["frequency_intact"] == verdict.details["gold"] == 25.0


def test_a_cut_benchmark_is_decided_as_one():
    """Two of four free-form questions leave both sides possible."""
    two = measured(["1", "1", "", ""], ["1", "2", "3", "4"], available=2)
    verdict = judge_answer_excess(two, two, claim(10.0))
    assert (verdict.outcome, verdict.n, verdict.n_total) == (Outcome.INCONCLUSIVE, 2, 4)


def test_a_benchmark_of_choices_cannot_be_asked():
    """An error, not a frequency of nothing."""
    letters = measured(["1"], ["1"], choices={0})
    with pytest.raises(UsageError, match="no free-form question"):
        judge_answer_excess(letters, letters, claim(10.0))
    one = measured(["1"], ["1"])
    with pytest.raises(SpecError, match="decides a limit on 'answer_excess'"):
        judge_answer_excess(one, one, claim(10.0, statistic="drop"))
