"""Claims over a sweep: contrasts and intersections, decided, recorded and named."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.reporting.names import compared_with
from ipllvm_spec.spec.interventions import BlankImage, Identity
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.decide import Judge
from ipllvm_spec.verdicts.every import worst_of
from ipllvm_spec.verdicts.mixture import mean_of
from ipllvm_spec.verdicts.verdict import UNSCORED, Outcome
from tests.verdicts.judged_fakes import FakeClient, N, a_case, measure, record_of

SWEEP = tuple(BlankImage(colour=(level, 0, 0)) for level in (1, 2, 3))
#: How many of the first units each condition loses; the last stands for no image.
LOST = {1: 0, 2: 4, 3: 2, 9: 1000}


@pytest.fixture
def client():
    """Condition k gets the first LOST[k] units wrong; intact everything is right."""

    def answer(item, cell):
        steps = cell.intervention.steps()
        lost = LOST[steps[0].colour[0]] if steps else 0
        return "B" if int("".join(filter(str.isdigit, item))) < lost else "A"

    return FakeClient(answer)


def swept(statistic, *, units=None, **bound):
    """A case on MMStar's rows over the sweep, and its judge."""
    limit = Limit(statistic=statistic, why="a test", **bound)
    case = a_case("mmstar", units=units, sweep=SWEEP)
    claim = case.claim.model_copy(
        update={"limit": limit, "sweep": SWEEP, "intervention": None, "early_stop": False}
    )
    case = replace(case, claim=claim)
    return case, Judge(case, SimpleNamespace(), suite_size=1)


def conditions(client, *, name="mmstar", units=None):
    """The intact measurement and one for each condition."""
    one = [
        measure(client, name, Judging(), intervention=change, units=units)
        for change in (Identity(), *SWEEP)
    ]
    return one[0], one[1:]


@pytest.mark.parametrize(("at_most", "outcome"), [(10.0, "PASS"), (9.9, "FAIL")])
def test_every_drop_is_the_largest_one(client, at_most, outcome):
    """Four of forty units are lost under the second condition: ten points decide."""
    case, judge = swept("every_drop", at_most=at_most)
    decision = judge.every_drop(*conditions(client))
    verdict = decision.verdict
    assert (verdict.outcome.value, verdict.exact) == (outcome, True)
    assert verdict.estimate == pytest.approx(10.0)
    assert [round(one["estimate"]) for one in verdict.details["conditions"]] == [0, 10, 5]
    assert repr(SWEEP[1]) in verdict.reason
    record = record_of(case, decision)
    assert record.intervention == SWEEP[1].canonical()
    assert record.measured[0].other == pytest.approx(90.0)


def test_one_open_condition_leaves_the_claim_open(client):
    """A FAIL anywhere decides, then INCONCLUSIVE, and only then PASS."""
    outcomes = iter([Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.PASS])
    _, judge = swept("every_drop", at_most=2.0)
    intact, others = conditions(client)
    exact = judge.every_drop(intact, others).verdict
    pairs = [Comparison(intact, other) for other in others]
    found = worst_of(pairs, lambda pair, alpha: replace(exact, outcome=next(outcomes)))
    assert found.verdict.outcome is Outcome.INCONCLUSIVE
    assert found.pair is pairs[1]


@pytest.mark.parametrize(("strict", "outcome"), [("FAIL", "FAIL"), ("PASS", "INCONCLUSIVE")])
def test_a_fail_that_is_not_exact_must_hold_at_its_share(client, strict, outcome):
    """One of three conditions fails by chance three times as often as one alone."""
    _, judge = swept("every_drop", at_most=2.0)
    intact, others = conditions(client)
    base = replace(judge.every_drop(intact, others).verdict, exact=False, outcome=Outcome.FAIL)
    rates = []

    def decide(pair, alpha):
        rates.append(alpha)
        return base if alpha == 0.05 else replace(base, outcome=Outcome[strict])

    pairs = [Comparison(intact, other) for other in others]
    assert worst_of(pairs, decide).verdict.outcome.value == outcome
    assert rates == [0.05, 0.05 / 3] * 3
    assert worst_of(pairs[:1], decide).verdict.outcome is Outcome.FAIL


def test_a_sweep_without_conditions_is_an_error():
    """Nothing measured must never look like everything within the limit."""
    with pytest.raises(ValueError, match="needs one"):
        worst_of([], lambda pair, alpha: None)


def test_a_contrast_says_what_its_sides_are_made_of(client):
    """The first condition against the mean of the others: 100 - 92.5."""
    case, judge = swept("contrast", at_least=5.0)
    _, (first, *rest) = conditions(client)
    decision = judge.contrast(first, mean_of(rest))
    assert decision.verdict.outcome is Outcome.PASS
    assert decision.verdict.estimate == pytest.approx(7.5)
    less = decision.verdict.details["less"]
    assert [(part["weight"], part["intervention"]) for part in less] == [
        (0.5, SWEEP[1].canonical()),
        (0.5, SWEEP[2].canonical()),
    ]
    record = record_of(case, decision)
    assert (record.intervention, compared_with(record)) == ("[]", "contrast")
    assert (record.measured[0].intact, record.measured[0].other) == pytest.approx((100.0, 92.5))


def test_a_cut_sweep_is_no_exact_claim(client):
    """Twenty of forty units: bounds decide, and the verdict says that it was cut."""
    _, judge = swept("every_drop", at_most=50.0, units=20)
    verdict = judge.every_drop(*conditions(client, units=20)).verdict
    assert (verdict.cut, verdict.exact, verdict.n) == (True, False, min(20, N))


def test_answers_that_nobody_can_score_leave_a_sweep_unscored(client):
    """Without a judge nothing is measured, under no condition."""
    _, judge = swept("every_drop", at_most=2.0)
    verdict = judge.every_drop(*conditions(client, name="mmvet")).verdict
    assert (verdict.outcome, verdict.method) == (Outcome.INCONCLUSIVE, UNSCORED)
    assert client.measured == []


@pytest.mark.parametrize(("feeds", "whole"), [(("figure2",), True), (("table1",), False)])
def test_a_figure_has_the_blind_score_of_the_whole_benchmark(client, feeds, whole):
    """A guard may stop early, unless a figure shows its score beside a curve."""
    blind = BlankImage(colour=(9, 9, 9))
    case, _ = swept("every_drop", at_most=10.0)
    claim = case.claim.model_copy(update={"feeds": feeds})
    guard = claim.model_copy(
        update={
            "id": "order.seen",
            "limit": Limit(statistic="gap", at_least=10.0, why="a test"),
            "control": blind,
            "sweep": (),
            "early_stop": True,
        }
    )
    case = replace(case, claim=claim, guards=(guard,))
    sheets = SimpleNamespace(
        measurement=lambda own, change, repeats: measure(
            client, own.benchmark, Judging(), intervention=change, repeats=repeats
        )
    )
    decision = Judge(case, sheets, suite_size=1).every_drop(*conditions(client))

    (part,) = record_of(case, decision).measured
    assert decision.verdict.outcome is Outcome.PASS
    assert (part.blind, part.blind_n == N) == (0.0, whole)
