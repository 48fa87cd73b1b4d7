"""Differences of drops: paired on one benchmark, apart on two, exact where all was measured."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.interventions import BlankImage, Identity
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.difference import Drop, as_contrast, judge_apart, judge_paired
from ipllvm_spec.verdicts.streams import ArrayStream, Scores
from ipllvm_spec.verdicts.verdict import Outcome
from tests.verdicts.judged_fakes import FakeClient, N, measure

#: Units of N lost by the model under each colour of the blank image.
LOST = {10: 12, 20: 4}


def limit(**bound):
    """A limit of the statistic."""
    return Limit(statistic="drop_difference", why="a test", **bound)


def drop(level):
    """Intact everything is right; under a colour the first LOST units are not."""

    def answer(item, cell):
        steps = cell.intervention.steps()
        lost = LOST[steps[0].colour[0]] if steps else 0
        return "B" if int("".join(filter(str.isdigit, item))) < lost else "A"

    client = FakeClient(answer)
    kinds = (Identity(), BlankImage(colour=(level, 0, 0)))
    return Drop(*(measure(client, "mmstar", Judging(), intervention=kind) for kind in kinds))


@pytest.mark.parametrize(("at_least", "outcome"), [(20.0, "PASS"), (20.1, "FAIL")])
def test_two_models_are_compared_unit_by_unit(at_least, outcome):
    """Twelve of forty units against four: twenty points, decided exactly at the limit."""
    assert N == 40
    found = judge_paired(as_contrast(drop(10), drop(20)), limit(at_least=at_least))
    assert found.outcome == outcome
    assert found.exact
    assert found.estimate == pytest.approx(20.0)
    assert found.lower < 20.0 < found.upper
    assert found.limit == at_least


def test_a_drop_differs_from_itself_by_nothing():
    """Paired units leave no room for chance: bounds are as narrow as for equal answers."""
    found = judge_paired(as_contrast(drop(10), drop(10)), limit(at_most=0.0))
    assert found.outcome is Outcome.PASS
    assert found.estimate == 0.0


def stream(lost, n, *, available=None):
    """A benchmark of which the first units are lost."""
    return ArrayStream(
        Scores(np.ones((1, n)), (np.arange(n) >= lost).astype(float)[None]),
        weights=np.full(n, 1 / n),
        clusters=[str(i) for i in range(n)],
        available=available or n,
    )


@pytest.mark.parametrize(("at_most", "outcome"), [(10.0, "PASS"), (9.9, "FAIL")])
def test_two_benchmarks_are_strata(at_most, outcome):
    """30 of 100 against 40 of 200: ten points, by exact arithmetic."""
    found = judge_apart(stream(30, 100), stream(40, 200), limit(at_most=at_most))
    assert found.outcome == outcome
    assert found.exact
    assert found.estimate == pytest.approx(10.0)
    assert found.details["drops"] == pytest.approx([30.0, 20.0])
    assert found.n == found.n_total == 300


def test_a_cut_benchmark_is_decided_by_bounds():
    """Part of one benchmark leaves both sides of the limit possible."""
    found = judge_apart(stream(30, 100, available=60), stream(40, 200), limit(at_most=25.0))
    assert not found.exact
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.lower < 25.0 < found.upper


def test_bounds_cover_the_true_difference():
    """Of 200 pairs of samples the true difference lies outside either bound in few."""
    generator = np.random.default_rng(1)
    low = high = 0
    for _ in range(200):
        parts = [
            ArrayStream(
                Scores(np.ones((1, 80)), (generator.random((1, 80)) >= rate).astype(float)),
                weights=np.full(80, 1 / 80),
                clusters=[str(i) for i in range(80)],
                available=80,
            )
            for rate in (0.5, 0.2)
        ]
        population = limit(at_most=5.0).model_copy(update={"target": "population"})
        found = judge_apart(parts[0], parts[1], population)
        low += found.lower > 30.0
        high += found.upper < 30.0
    assert low <= 20
    assert high <= 20


def test_another_statistic_is_refused():
    """A limit of a plain drop bounds something else."""
    other = Limit(statistic="drop", at_most=1.0, why="a test")
    streams = SimpleNamespace(first=stream(1, 10), second=stream(1, 10))
    with pytest.raises(SpecError, match="drop_difference"):
        judge_apart(streams.first, streams.second, other)
