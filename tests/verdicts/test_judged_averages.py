"""Averages over benchmarks of which a judge scores some: what is decided, withheld and said."""

from __future__ import annotations

from types import SimpleNamespace

from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.engine.answers import Judgement
from ipllvm_spec.reporting.names import row_name, scored_label, where
from ipllvm_spec.reporting.summary import render_summary
from ipllvm_spec.verdicts.decide import Judge
from ipllvm_spec.verdicts.verdict import Outcome
from tests.verdicts.judged_fakes import (
    JUDGED,
    SHUFFLED,
    STATS,
    FakeClient,
    N,
    a_case,
    measure,
    record_of,
)


def average(client, judging):
    """Decides the average drop over MM-Vet and MMStar."""
    case = a_case("mmstar", "mmvet", claim="permutation.average_survives")
    judge = Judge(case, SimpleNamespace(), suite_size=1)
    pairs = [
        (measure(client, name, judging), measure(client, name, judging, intervention=SHUFFLED))
        for name in case.benchmarks
    ]
    return case, judge.average_drop(pairs)


def test_an_average_is_decided_over_what_could_be_scored_and_says_so():
    """One of two: a verdict, with the missing benchmark in reason, row, label and record."""
    client = FakeClient(lambda item, cell: "A")
    case, decision = average(client, Judging())
    record = record_of(case, decision)

    assert {cell.benchmark for cell in client.measured} == {"mmstar"}
    assert (record.verdict.outcome, record.verdict.exact) == (Outcome.PASS, False)
    assert "decided over 1 of 2 benchmarks; unscored: MM-Vet (no judge)" in record.verdict.reason
    assert scored_label(record) == "1 of 2; unscored: mmvet (no judge)"
    assert (row_name(record), where(record)) == ("average 1/2", "average of 1 of 2")
    assert list(record.verdict.details["benchmarks"]) == ["mmstar"]
    text = " ".join(render_summary([record], STATS).split())
    assert "1 of 2; unscored: mmvet (no judge)" in text
    assert "unscored, no judge: mmvet" in text


def test_an_average_over_nothing_that_can_be_scored_is_unscored():
    """No benchmark, no average."""
    case = a_case("mmvet", claim="permutation.average_survives")
    client = FakeClient(lambda item, cell: "A")
    pair = (measure(client, "mmvet", Judging()), measure(client, "mmvet", Judging()))
    decision = Judge(case, SimpleNamespace(), suite_size=1).average_drop([pair])

    assert decision.verdict.method == "unscored"
    assert client.measured == []


def test_too_many_exclusions_on_one_benchmark_withhold_the_average():
    """The average of a decided and an undecided number is not decided."""
    client = FakeClient(
        lambda item, cell: "A", lambda answer: Judgement("?", len(client.judged) > 3)
    )
    client.reply = lambda answer: Judgement("1.0", usable=False)
    _, decision = average(client, JUDGED)
    assert decision.verdict.outcome is Outcome.INCONCLUSIVE

    grades = iter([False] * 3 + [True] * 100)
    client.reply = lambda answer: Judgement("1.0", usable=next(grades))
    _, decision = average(client, JUDGED)
    assert decision.verdict.outcome is Outcome.INCONCLUSIVE
    assert decision.verdict.details["without_exclusions"] == "PASS"
    assert decision.verdict.n_total == 2 * N
