"""Scores from stored answers alone: equal to a run's, new after a change, and honest about gaps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipllvm_spec.benchmarks.base import ItemScore, Parsed
from ipllvm_spec.benchmarks.chartqa import ChartQa
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine import keys
from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.engine.plan import unit_order
from ipllvm_spec.engine.store import Store, StoredJudgement
from ipllvm_spec.errors import UnknownNameError, UsageError
from ipllvm_spec.spec.interventions import Identity, PermuteTokens
from ipllvm_spec.verdicts.rescore import rescore
from ipllvm_spec.verdicts.rescore_changes import compare
from ipllvm_spec.verdicts.rescore_data import REBUILT, Finder
from ipllvm_spec.verdicts.stored_scores import StoredScores, Subject
from tests.verdicts.rescoring import make_record, right, scores_of, store_answers

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_metric_from_answers_alone(charts, run_dir):
    """Metric, parts, unparsed and n are those of the answers; a unit without one is left out."""
    folder = charts()
    answers = right(30)
    answers["row-00039"] = ""
    del answers["row-00000"]
    store_answers(run_dir, folder, answers)
    (one,) = scores_of(run_dir, folder)
    score = one.score
    assert (score.model, score.benchmark, score.intervention) == ("m", "chartqa", "[]")
    assert (score.n, score.n_total, score.unparsed) == (39, 40, 1)
    assert score.metric == pytest.approx(100 * 29 / 39)
    assert score.scored_by == "rule"
    assert score.note == ""
    benchmark = get_benchmark("chartqa")
    units = [unit for unit in one.found.units if unit.unit_id != "row-00000"]
    texts = [[benchmark.score_item(unit.items[0], answers[unit.unit_id])] for unit in units]
    assert score.parts == benchmark.parts(units, texts)


def test_one_line_for_each_repeat(charts, run_dir):
    """Repeats of an intervention are cells of their own, in order after the intact one."""
    folder = charts()
    for repeat, count in ((1, 20), (0, 10)):
        store_answers(run_dir, folder, right(count), intervention=PermuteTokens(), repeat=repeat)
    store_answers(run_dir, folder, right(40))
    found = [(one.score.repeat, one.score.metric) for one in scores_of(run_dir, folder)]
    assert [(repeat, round(metric)) for repeat, metric in found] == [(0, 100), (0, 25), (1, 50)]


def test_data_that_cannot_be_found(charts, run_dir, tmp_path):
    """A cell whose data are gone or are others says so; the other cells are scored."""
    folder = charts()
    store_answers(run_dir, folder, right(10))
    others = charts("others", question="How much?")
    (one,) = rescore(run_dir / "cells.sqlite", Finder({}))
    assert (one.found, one.score.metric) == (None, None)
    assert "--benchmarks chartqa=FOLDER" in one.score.note
    (one,) = scores_of(run_dir, others)
    assert f"{others} has other questions or images" in one.score.note
    known = {"chartqa": frozenset({str(tmp_path / "gone"), str(folder)})}
    (one,) = rescore(run_dir / "cells.sqlite", Finder({}, known=known))
    assert one.score.metric == pytest.approx(25.0)


def test_data_read_anew(charts, run_dir):
    """Where the questions are the same but gold answers are read otherwise, those count."""
    store_answers(run_dir, charts(), right(10))
    (one,) = scores_of(run_dir, charts("other", factor=1000))
    assert one.score.note == REBUILT
    assert one.score.metric == 0.0


def test_records_that_stay_as_they_are(charts, run_dir):
    """A record's numbers are found again, for all units and for the first ones of a cut run."""
    folder = charts()
    intact, other = right(30), right(20)
    loaded = store_answers(run_dir, folder, intact)
    store_answers(run_dir, folder, other, intervention=PermuteTokens())
    scored = scores_of(run_dir, folder)
    whole = make_record(loaded, folder, intact=75.0, other=50.0)
    units = get_benchmark("chartqa").units(loaded.items)
    first = unit_order(units, suite_seed=SUITE_SEED, benchmark="chartqa")[:10]
    part = [100 * sum(int(u.unit_id[4:]) < count for u in first) / 10 for count in (30, 20)]
    cut = make_record(loaded, folder, intact=part[0], other=part[1], n=10)
    found = compare([whole, cut], scored)
    assert (found.changed, found.same, found.open) == ((), 4, 0)


def test_records_that_change_with_the_parser(charts, run_dir, monkeypatch):
    """After a change of scoring every number that differs is named with before and after."""
    folder = charts()
    loaded = store_answers(run_dir, folder, right(30))
    store_answers(run_dir, folder, right(20), intervention=PermuteTokens())
    record = make_record(loaded, folder, intact=75.0, other=50.0)

    def strict(self, item, text):
        known = text == item.gold and int(text) > 1000
        return ItemScore(float(known), Parsed(text, "strict"))

    monkeypatch.setattr(ChartQa, "score_item", strict)
    found = compare([record], scores_of(run_dir, folder))
    assert [(c.condition, c.before, c.after) for c in found.changed] == [
        ("intact", 75.0, pytest.approx(50.0)),
        ("changed", 50.0, pytest.approx(25.0)),
    ]
    assert found.changed[0].case == "m:chartqa"


def test_records_that_cannot_be_compared(charts, run_dir):
    """Missing answers, missing repeats and searches are counted, not guessed."""
    folder = charts()
    loaded = store_answers(run_dir, folder, right(30))
    partly = right(20)
    del partly["row-00000"]
    store_answers(run_dir, folder, partly, intervention=PermuteTokens())
    scored = scores_of(run_dir, folder)
    found = compare([make_record(loaded, folder, intact=75.0, other=50.0)], scored)
    assert (found.changed, found.same, found.open) == ((), 1, 1)
    found = compare([make_record(loaded, folder, intact=75.0, other=50.0, repeats=5)], scored)
    assert (found.changed, found.same, found.open) == ((), 1, 1)
    searched = make_record(loaded, folder, intact=1.0, other=2.0, search={"tries": 3})
    assert compare([searched], scored).open == 2
    proxy = make_record(loaded, folder, intact=75.0, other=None)
    proxy = replace(proxy, measured=(replace(proxy.measured[0], scored_by="proxy"),))
    assert compare([proxy], scored).open == 1
    unmeasured = make_record(loaded, folder, intact=None, other=None)
    assert compare([unmeasured], scored).open == 0


def test_the_newest_weights_at_a_name_count(charts, run_dir, monkeypatch):
    """Of two checkpoints that had one name the record is about the later one."""
    from ipllvm_spec.engine import store as store_module

    folder = charts()
    # Neither the first nor the last by key: time decides.
    for number, count in enumerate((40, 30, 10)):
        monkeypatch.setattr(
            store_module, "datetime", _Clock(f"2026-01-0{number + 1}T00:00:00.000+00:00")
        )
        loaded = store_answers(run_dir, folder, right(count), weights=str(number))
    record = make_record(loaded, folder, intact=25.0, other=None)
    found = compare([record], scores_of(run_dir, folder))
    assert (found.changed, found.same) == ((), 1)


class _Clock:
    """Stands in for ``datetime``: always the same time."""

    def __init__(self, now):
        self._now = now

    def now(self, _):
        """The clock itself, which knows its text."""
        return self

    def isoformat(self, **_):
        """The time."""
        return self._now


@pytest.fixture
def judged(vet, run_dir):
    """Four answers to MM-Vet, the last one empty, of which a judge may have rated some."""
    answers = {f"v1_{n}": text for n, text in enumerate(("It is red.", "Blue.", "Green?", ""))}
    loaded = store_answers(run_dir, vet, answers, name="mmvet")
    benchmark = get_benchmark("mmvet")

    def reply(replies, judge="judge-1"):
        store = Store(run_dir / "cells.sqlite")
        for number, text in replies.items():
            call = benchmark.judge_call(loaded.items[number], answers[f"v1_{number}"])
            key = keys.judge_key(judge, call)
            row = (key, judge, call.rubric, call.question, call.answer, True, text, 1, 0, 0)
            store.add_judgements([StoredJudgement(*row, "url", "run", "2026-01-01")])
        store.close()

    return reply


def test_judged_answers_without_a_judge(vet, run_dir, judged):
    """They have no score, and never 0; with a proxy they have one that says so."""
    (one,) = scores_of(run_dir, vet, "mmvet")
    assert (one.score.metric, one.score.n, one.score.scored_by) == (None, 0, "unscored")
    assert one.score.unjudged == 4
    (one,) = scores_of(run_dir, vet, "mmvet", proxy=True)
    assert (one.score.metric, one.score.n, one.score.scored_by) == (25.0, 4, "proxy")


def test_stored_replies_of_a_judge(vet, run_dir, judged):
    """Stored replies are read again; unreadable and missing ones are left out and counted."""
    judged({0: "0.8", 1: "I would say so."})
    (one,) = scores_of(run_dir, vet, "mmvet")
    score = one.score
    # The empty answer is 0 by rule, since no judge is asked about it.
    assert score.metric == pytest.approx(100 * (0.8 + 0.0) / 2)
    assert (score.n, score.excluded, score.unjudged) == (2, 1, 1)
    assert score.scored_by == "judge judge-1"


def test_a_shown_answer_has_the_score_of_its_judge(vet, run_dir, judged):
    """Figures mark no judged answer by a rule: what no judge has rated is unscored."""
    judged({0: "0.8", 1: "I would say so."})
    store = Store(run_dir / "cells.sqlite")
    stored = StoredScores(store, Finder({"mmvet": str(vet)}))
    subject = Subject("m", "mmvet", str(vet), "standard")

    shown = [stored.answer(subject, Identity(), 0, f"v1_{n}") for n in range(5)]
    store.close()

    assert [one and one.score for one in shown] == [0.8, None, None, 0.0, None]
    assert shown[4] is None


def test_two_judges(vet, run_dir, judged):
    """With replies of two judges one must be chosen, by a name that is there."""
    judged({0: "0.8"})
    judged({0: "0.2"}, judge="judge-2")
    with pytest.raises(UsageError, match="judge-1, judge-2"):
        scores_of(run_dir, vet, "mmvet")
    with pytest.raises(UnknownNameError, match="judge-3"):
        scores_of(run_dir, vet, "mmvet", judge="judge-3")
    (one,) = scores_of(run_dir, vet, "mmvet", judge="judge-2")
    assert one.score.metric == pytest.approx(100 * 0.2 / 2)


def test_a_twin_without_a_judge_is_scored_by_rule(run_dir):
    """As in a run: its facts are known, so nobody needs to ask for the proxy, and it says so."""
    gold = {item.item_id: item.gold for item in load_items(get_benchmark("mmvet"), "twin").items}
    store_answers(run_dir, "twin", gold, name="mmvet")
    (one,) = rescore(run_dir / "cells.sqlite", Finder({}))
    assert (one.score.source, one.score.scored_by) == ("twin", "proxy")
    assert (one.score.metric, one.score.n) == (pytest.approx(100.0), len(gold))
