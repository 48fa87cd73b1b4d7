"""Mixtures: a weighted mean of conditions is a measurement like any other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.engine.answers import Judgement
from ipllvm_spec.spec.interventions import BlankImage, PatchDrop
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.decide import Decision
from ipllvm_spec.verdicts.judge import judge_gap
from ipllvm_spec.verdicts.mixture import Mixture, Term, area, area_under, mean_of
from ipllvm_spec.verdicts.verdict import Outcome
from tests.verdicts.judged_fakes import JUDGED, FakeClient, N, a_case, measure, record_of

RULE = Judging()
COLOURS = [BlankImage(colour=(level, 0, 0)) for level in range(6)]


def level_of(cell) -> int:
    """Which colour a cell was measured under."""
    return cell.intervention.steps()[0].colour[0]


def answering(right):
    """A client whose answer to an item is right where ``right(item number, level)`` says so."""

    def answer(item, cell):
        number = int("".join(filter(str.isdigit, item)))
        return "A" if right(number, level_of(cell)) else "B"

    return FakeClient(answer)


def conditions(client, *levels, name="mmstar", judging=RULE, **more):
    """One measurement for each colour."""
    return [measure(client, name, judging, intervention=COLOURS[i], **more) for i in levels]


@pytest.fixture
def client():
    """Unit n is right under the colours above n mod 6."""
    return answering(lambda number, level: number % 6 < level)


def test_the_score_of_a_unit_is_the_weighted_mean_of_its_scores(client):
    """Against the measurements themselves, and the metric against the mean of their metrics."""
    parts = conditions(client, 1, 3, 5)
    mixed = Mixture([Term(w, m) for w, m in zip((0.5, 0.25, 0.25), parts, strict=True)])
    expected = 0.5 * parts[0].take(N) + 0.25 * parts[1].take(N) + 0.25 * parts[2].take(N)
    np.testing.assert_allclose(mixed.take(N), expected)
    whole = 0.5 * parts[0].metric() + 0.25 * parts[1].metric() + 0.25 * parts[2].metric()
    assert mixed.metric() == pytest.approx(whole)
    assert mixed.measured == N


def test_nothing_is_measured_before_it_is_taken_and_nothing_twice(client):
    """A mixture is as lazy as its terms."""
    mixed = mean_of(conditions(client, 1, 2))
    assert client.measured == []
    mixed.take(10)
    mixed.take(10)
    assert len(client.measured) == 2


@given(
    marks=st.lists(st.integers(0, 5), min_size=2, max_size=6),
    levels=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6),
)
def test_scores_stay_scores(marks, levels):
    """Whatever the weights: every score lies in [0, 1], so every judge may read it."""
    client = answering(lambda _, level: level % 2)
    count = min(len(marks), len(levels))
    weights = np.array(levels[:count]) / sum(levels[:count])
    parts = conditions(client, *marks[:count])
    mixed = Mixture([Term(float(w), m) for w, m in zip(weights, parts, strict=True)], rest=1.0)
    scores = mixed.take(N)
    assert ((scores >= 0) & (scores <= 1)).all()
    odd = sum(w for w, mark in zip(weights, marks, strict=False) if mark % 2)
    np.testing.assert_allclose(scores, odd, atol=1e-9)


def test_the_rest_takes_the_weight_that_is_left(client):
    """Half of a condition and half of a constant: what a claim about retention needs."""
    (part,) = conditions(client, 3)
    mixed = Mixture([Term(0.5, part)], rest=0.25)
    np.testing.assert_allclose(mixed.take(N), 0.5 * part.take(N) + 0.125)


def test_an_area_is_that_of_the_trapezoids(client):
    """Uneven steps: numpy integrates the mean curve to the same number."""
    strengths = [0.0, 0.1, 0.5, 0.6]
    parts = conditions(client, 0, 1, 4, 5)
    curve = [part.take(N).mean() for part in parts]
    area = np.trapezoid(curve, strengths) / 0.6
    assert area_under(parts, strengths).take(N).mean() == pytest.approx(area)


def test_the_area_of_a_case_begins_with_the_intact_model(client):
    """The sweep's own values are the axis, whichever of them a profile measures."""
    ratios = (0.1, 0.5, 0.6)
    case = SimpleNamespace(sweep=tuple(PatchDrop(kind="random", ratio=r) for r in ratios))
    parts = conditions(client, 0, 1, 4, 5)

    def measured(asked, intervention=None):
        assert asked is case
        return parts[0 if intervention is None else 1 + case.sweep.index(intervention)]

    found = area(measured, case, along="ratio")
    same = area_under(parts, (0.0, *ratios))
    assert [(t.weight, t.measurement) for t in found.terms] == [
        (t.weight, t.measurement) for t in same.terms
    ]


@pytest.mark.parametrize("strengths", [[0.0], [0.0, 0.0], [0.5, 0.1], [0.0, 0.1, 0.2]])
def test_an_axis_must_increase_and_fit(client, strengths):
    """A curve measured twice at one strength has no area."""
    with pytest.raises(ValueError, match="measurements at strengths"):
        area_under(conditions(client, 1, 2), strengths)


@pytest.mark.parametrize(
    ("weights", "rest", "problem"),
    [((), 0.0, "needs a term"), ((0.5, 0.0), 0.0, "positive"), ((0.7, 0.7), 0.0, "at most 1"),
     ((0.5, 0.4), 1.5, "in \\[0, 1\\]")],
)  # fmt: skip
def test_weights_that_make_no_score_are_refused(client, weights, rest, problem):
    """Errors of whoever wrote the claim, never of data."""
    parts = conditions(client, 1, 2)
    with pytest.raises(ValueError, match=problem):
        Mixture([Term(w, m) for w, m in zip(weights, parts, strict=False)], rest=rest)


def test_terms_must_measure_the_same_units(client):
    """Two benchmarks, or one of them cut, have no common units."""
    (whole,) = conditions(client, 1)
    (cut,) = conditions(client, 2, units=10)
    (other,) = conditions(client, 2, name="mmvet")
    for stranger in (cut, other):
        with pytest.raises(ValueError, match="same units"):
            mean_of([whole, stranger])


def test_a_contrast_is_decided_with_units_as_replicates():
    """Twelve conditions of noise are no evidence: the interval is as wide as the units make it."""
    limit = Limit(statistic="gap", at_least=0.5, why="a test", target="population")
    rng = np.random.default_rng(0)
    luck = rng.random((N, 6)) < 0.5
    noise = answering(lambda number, level: luck[number, level])
    pair = Comparison(mean_of(conditions(noise, 0, 1, 2)), mean_of(conditions(noise, 3, 4, 5)))
    assert judge_gap(pair.stream(), limit).outcome is not Outcome.PASS
    clear = answering(lambda _, level: level < 3)
    pair = Comparison(mean_of(conditions(clear, 0, 1, 2)), mean_of(conditions(clear, 3, 4, 5)))
    verdict = judge_gap(pair.stream(), limit)
    assert verdict.outcome is Outcome.PASS
    assert verdict.estimate == pytest.approx(100.0)


def test_a_record_of_a_contrast_survives_json(client):
    """Metrics of both sides, the answers of every condition, and the number of repeats."""
    limit = Limit(statistic="gap", at_least=0.5, why="a test")
    pair = Comparison(
        mean_of(conditions(client, 4, 5)), mean_of(conditions(client, 1, 2, repeats=3))
    )
    verdict = judge_gap(pair.stream(), limit)
    case = a_case("mmstar", claim="permutation.image_matters")
    record = record_of(case, Decision(verdict, (pair,)))
    (part,) = record.measured
    assert part.intact == pytest.approx(pair.intact.metric())
    assert record.repeats == 3
    assert pair.intact.texts(0) == ("A | A",)
    assert part.parts_intact == {}


def test_units_that_a_judge_could_not_score_leave_every_condition():
    """One unreadable reply under one condition takes the unit out of the whole contrast."""
    client = FakeClient(
        lambda item, cell: f"{item} {level_of(cell)}",
        lambda answer: Judgement("?" if answer == "v1_3 2" else "0.5", answer != "v1_3 2"),
    )
    parts = conditions(client, 1, 2, name="mmvet", judging=JUDGED)
    mixed = mean_of(parts)
    mixed.take(N)
    assert mixed.scorer.judged
    assert (mixed.readable().sum(), mixed.unreadable()) == (N - 1, 1)
    assert mixed.metric() == pytest.approx(50.0)
