"""Verdicts on a judge's scores: what is left out, what is withheld, what is said about them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ipllvm_spec.benchmarks.judging import JudgeOptions, Judging
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.answers import Description, Judgement
from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.reporting.failure import failure_text
from ipllvm_spec.reporting.names import row_name, scored_label, verdict_word, where
from ipllvm_spec.reporting.summary import RunStats, render_summary
from ipllvm_spec.reporting.units import unit_rows
from ipllvm_spec.spec.cases import Source
from ipllvm_spec.spec.interventions import Identity, PermuteTokens
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.decide import Judge
from ipllvm_spec.verdicts.measurement import Measurement, Sheet
from ipllvm_spec.verdicts.record import Record
from ipllvm_spec.verdicts.records import make_record
from ipllvm_spec.verdicts.search import OrderSearch
from ipllvm_spec.verdicts.verdict import Outcome

N = 40
JUDGED = Judging(JudgeOptions("http://judge/v1", "judge-1"))
STATS = RunStats(prompts=1, hits=0, misses=1, wall_s=1.0, store="s", records="r")
SHUFFLED = PermuteTokens()


def mmvet_rows(count=N):
    """Rows in MM-Vet's published schema."""
    return [
        {
            "question_id": f"v1_{n}",
            "question": f"What is picture {n}?",
            "answer": f"thing{n}",
            "capability": "rec,ocr" if n % 2 else "math",
            "image_digest": f"d{n}",
        }
        for n in range(count)
    ]


def mmstar_rows(count=N):
    """Rows in MMStar's published schema; the right letter is always A."""
    return [
        {
            "index": n,
            "question": "Which? Options: A: a, B: b, C: c, D: d",
            "answer": "A",
            "category": "math",
            "l2_category": "geometry",
            "meta_info": {"source": "x", "split": "val", "image_path": "y"},
            "image_digest": f"d{n}",
        }
        for n in range(count)
    ]


class FakeClient:
    """Answers and judgements as a test has written them down.

    Attributes:
        answer: Gives the answer to an item under an intervention and repeat.
        reply: Gives the judge's reply to an answer.
        judged: Answers about which the judge was asked.
        measured: Cells that were measured.
    """

    def __init__(self, answer, reply=None) -> None:
        self.answer = answer
        self.reply = reply
        self.judged: list[str] = []
        self.measured: list[Cell] = []
        self.orders: dict[str, tuple[str, ...]] = {}

    def measure(self, cell, start, stop):
        """Returns the rows of some units."""
        self.measured.append(cell)
        return [
            Row(item_id, "ok", self.answer(item_id, cell), 1.0, 3)
            for item_id in self.orders[cell.benchmark][start:stop]
        ]

    def judge(self, calls):
        """Returns a reply to each call."""
        self.judged += [call.answer for call in calls]
        return [self.reply(call.answer) for call in calls]


def measure(client, name, judging, *, intervention=None, repeats=1, units=None):
    """A measurement of a benchmark without an engine."""
    benchmark = get_benchmark(name)
    items = benchmark.items({"mmvet": mmvet_rows, "mmstar": mmstar_rows}[name]())
    units_ = benchmark.units(items)
    client.orders[name] = tuple(unit.unit_id for unit in units_)
    description = Description(name, "local", "standard", items, client.orders[name], "digest", "r")
    sheet = Sheet(benchmark, units_, description, judging)
    changed = intervention or Identity()
    cells = [Cell("mini-llava", name, intervention=changed, repeat=n) for n in range(repeats)]
    return Measurement(client, sheet, cells, units=units)


def a_case(*names, claim="permutation.accuracy_survives", **changes):
    """A case on any benchmarks, without guards and announced verdicts."""
    found = load_suite().cases(claim, models=["mini-llava"])[0]
    return replace(
        found,
        benchmark=names[0] if len(names) == 1 else None,
        benchmarks=names,
        sources=tuple(Source(name, "local") for name in names),
        guards=(),
        expectation=None,
        **changes,
    )


def decide(client, judging, *, repeats=1, units=None):
    """Decides the drop on MM-Vet."""
    case = a_case("mmvet", units=units)
    judge = Judge(case, SimpleNamespace(), suite_size=1)
    intact = measure(client, "mmvet", judging, units=units)
    other = measure(client, "mmvet", judging, intervention=SHUFFLED, repeats=repeats, units=units)
    return case, judge.drop(intact, other)


def record_of(case, decision) -> Record:
    """The record of a decision, once through JSON."""
    made = make_record(
        case, decision, suite=load_suite(), run_id="r", node="properties/x.py::t", options=""
    )
    return Record.from_line(made.to_line())


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
    search = OrderSearch(case, measure(client, "mmvet", Judging()), None)
    decision = Judge(case, SimpleNamespace(), suite_size=1).worst(search.run(lambda: None))

    assert decision.verdict.method == "unscored"
    with pytest.raises(Exception, match="hundreds of times"):
        OrderSearch(case, measure(client, "mmvet", JUDGED), None)


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
