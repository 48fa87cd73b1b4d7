"""Verdicts on a judge's scores: what is left out, what is withheld, what is said about them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.engine.answers import Judgement
from ipllvm_spec.reporting.failure import failure_text
from ipllvm_spec.reporting.names import row_name, scored_label, verdict_word
from ipllvm_spec.reporting.summary import render_summary
from ipllvm_spec.reporting.units import unit_rows
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.decide import Judge
from ipllvm_spec.verdicts.record import Record
from ipllvm_spec.verdicts.records import make_record
from ipllvm_spec.verdicts.search import WorstSearch
from ipllvm_spec.verdicts.verdict import Outcome
from tests.verdicts.judged_fakes import (
    JUDGED,
    SHUFFLED,
    STATS,
    FakeClient,
    N,
    a_case,
    decide,
    measure,
    record_of,
)


def test_scores_are_the_judges_and_the_record_says_so():
    """Every answer is sent to the judge; its grade is the score, its name is in the record."""
    client = FakeClient(
        lambda item, cell: f"{item} {'shuffled' if cell.intervention == SHUFFLED else 'intact'}",
        lambda answer: Judgement("0.5" if "intact" in answer else "0.4", True),
    )
    case, decision = decide(client, JUDGED, repeats=2)
    record = record_of(case, decision)

    assert len(client.judged) == 3 * N
    assert decision.verdict.estimate == pytest.approx(10.0)
    assert (decision.verdict.outcome, decision.verdict.exact) == (Outcome.FAIL, True)
    (part,) = record.measured
    assert (part.intact, part.other) == (pytest.approx(50.0), pytest.approx(40.0))
    assert part.scored_by == "judge judge-1"
    assert part.parts_intact == {"math": 50.0, "rec": 50.0, "ocr": 50.0}
    assert part.parts_other["ocr"] == pytest.approx(40.0)
    assert scored_label(record) == "judge judge-1"
    assert row_name(record) == "mmvet (judge)"
    text = render_summary([record], STATS)
    assert "mmvet (judge)" in text
    assert "judge judge-1" in text
    assert "scored by judge judge-1" in failure_text(record)


@pytest.mark.parametrize(("unreadable", "outcome"), [(2, Outcome.PASS), (3, Outcome.INCONCLUSIVE)])
def test_units_without_a_readable_reply_are_left_out_of_both_conditions(unreadable, outcome):
    """Two of forty are five percent, counted and shown; three withhold the verdict."""
    lost = {f"v1_{n}" for n in range(unreadable)}
    client = FakeClient(
        lambda item, cell: f"{item} {cell.intervention == SHUFFLED}",
        lambda answer: (
            Judgement("?", False)
            if answer.split()[0] in lost and answer.endswith("True")
            else Judgement("0.7", True)
        ),
    )
    case, decision = decide(client, JUDGED)
    record = record_of(case, decision)
    verdict, (part,) = record.verdict, record.measured

    assert verdict.outcome is outcome
    assert (verdict.n, verdict.n_total) == (N - unreadable, N)
    assert verdict.exact is False
    assert verdict.details["excluded"] == {"mmvet": unreadable}
    assert (part.excluded, part.unreadable_intact, part.unreadable_other) == (
        unreadable,
        0,
        unreadable,
    )
    # Without those units both conditions are alike: nothing of them counts as wrong.
    assert part.intact == part.other == pytest.approx(70.0)
    if outcome is Outcome.INCONCLUSIVE:
        assert "3 of 40 units of MM-Vet" in verdict.reason
        assert verdict.details["without_exclusions"] == "PASS"
    blank = [row for row in unit_rows(decision) if row.intact is None]
    assert [row.unit_id for row in blank] == sorted(lost)
    assert f"{unreadable} units left out" in failure_text(record)


def test_a_judge_that_never_makes_sense_decides_nothing():
    """With nothing left there is no estimate, and still a record."""
    client = FakeClient(lambda item, cell: item, lambda answer: Judgement("?", False))
    case, decision = decide(client, JUDGED)
    record = record_of(case, decision)

    assert (record.verdict.outcome, record.verdict.estimate) == (Outcome.INCONCLUSIVE, None)
    assert "40 of 40 units of MM-Vet" in record.verdict.reason
    assert record.measured[0].intact is None
    assert "mmvet" in render_summary([record], STATS)


def test_a_cut_judged_benchmark_stays_cut():
    """Units that were not allowed keep their places; the verdict is about the first ones."""
    client = FakeClient(lambda item, cell: item, lambda answer: Judgement("0.7", True))
    _, decision = decide(client, JUDGED, units=10)

    assert (decision.verdict.cut, decision.verdict.n, decision.verdict.n_total) == (True, 10, N)
    assert len(client.judged) == 20


def test_an_empty_answer_is_scored_by_rule_and_not_sent():
    """What the benchmark decides itself is no proxy, and not the judge's."""
    client = FakeClient(
        lambda item, cell: "" if item == "v1_0" else item, lambda answer: Judgement("1.0", True)
    )
    intact = measure(client, "mmvet", JUDGED)
    intact.take(N)

    assert len(client.judged) == N - 1
    assert intact.metric() == pytest.approx(100 * (N - 1) / N)
    assert (intact.unparsed(), intact.unreadable()) == (1, 0)


def test_without_a_judge_nothing_is_measured_and_nothing_is_zero():
    """Unscored is a result of its own in record, table and reason."""
    client = FakeClient(lambda item, cell: item)
    case, decision = decide(client, Judging())
    record = record_of(case, decision)

    assert client.measured == []
    assert record.verdict.reason.startswith("unscored: no judge for MM-Vet; set --judge-url")
    assert "--judge-proxy" in record.verdict.reason
    assert (record.verdict.outcome, record.verdict.n) == (Outcome.INCONCLUSIVE, 0)
    assert verdict_word(record) == "unscored"
    (part,) = record.measured
    assert (part.intact, part.other, part.scored_by) == (None, None, "unscored")
    text = render_summary([record], STATS)
    assert "1 unscored" in text
    assert "unscored, no judge: mmvet" not in text


def test_a_proxy_is_called_one_everywhere():
    """The rule's score is used, and no table shows it without the word."""
    client = FakeClient(lambda item, cell: f"It is thing{item[3:]}.")
    case, decision = decide(client, Judging(proxy=True))
    record = record_of(case, decision)
    (part,) = record.measured

    assert (part.intact, part.scored_by) == (pytest.approx(100.0), "proxy")
    assert row_name(record) == "mmvet (proxy)"
    text = render_summary([record], STATS)
    assert "mmvet (proxy)" in text
    assert "not comparable with published scores" in " ".join(text.split())
    assert "scored by proxy" in failure_text(record)
    scored_row = next(line for line in text.splitlines() if "scored by" in line)
    assert scored_row.split() == ["scored", "by", "proxy"]


def test_judged_bounds_are_never_tangos():
    """Scores that happen to be all 0 or 1 are graded ones nonetheless."""
    grades = np.random.default_rng(1).random(1000) < 0.5
    seen = iter(grades)
    client = FakeClient(
        lambda item, cell: f"{item} {cell.intervention}",
        lambda answer: Judgement("1.0" if next(seen) else "0.0", True),
    )
    stream = Comparison(
        measure(client, "mmvet", JUDGED), measure(client, "mmvet", JUDGED, intervention=SHUFFLED)
    ).stream()
    assert stream.graded is True

    limit = a_case("mmvet").claim.limit.model_copy(update={"target": "population"})
    case = a_case("mmvet")
    judge = Judge(
        replace(case, claim=case.claim.model_copy(update={"limit": limit})),
        SimpleNamespace(),
        suite_size=1,
    )
    seen = iter(grades)
    decision = judge.drop(
        measure(client, "mmvet", JUDGED), measure(client, "mmvet", JUDGED, intervention=SHUFFLED)
    )
    assert decision.verdict.method == "clustered t bounds for graded scores"


def test_a_search_asks_no_judge():
    """It would pay for hundreds of interventions; without a judge it is unscored."""
    case = a_case("mmvet", claim="permutation.no_order_breaks_answers")
    client = FakeClient(lambda item, cell: item)
    search = WorstSearch(case, measure(client, "mmvet", Judging()), None)
    decision = Judge(case, SimpleNamespace(), suite_size=1).worst(search.run(lambda: None))

    assert decision.verdict.method == "unscored"
    with pytest.raises(Exception, match="hundreds of times"):
        WorstSearch(case, measure(client, "mmvet", JUDGED), None)


def test_records_from_before_judges_can_be_read():
    """The new fields have the values that those records mean."""
    client = FakeClient(lambda item, cell: "A")
    case, decision = decide(client, Judging(proxy=True))
    data = make_record(
        case, decision, suite=load_suite(), run_id="r", node="n", options=""
    ).to_json()
    new = (
        "excluded", "unreadable_intact", "unreadable_other", "undecodable", "scored_by",
        "parts_intact", "parts_other",
    )  # fmt: skip
    data["measured"] = [
        {name: value for name, value in part.items() if name not in new}
        for part in data["measured"]
    ]
    (part,) = Record.from_json(data).measured

    assert (part.scored_by, part.excluded, part.parts_intact) == ("rule", 0, {})
