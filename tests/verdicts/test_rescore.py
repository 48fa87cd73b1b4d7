"""Scores from stored answers alone: equal to a run's, new after a change, and honest about gaps."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import datasets
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ipllvm_spec.benchmarks.base import ItemScore, Parsed
from ipllvm_spec.benchmarks.chartqa import ChartQa
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.cli import app
from ipllvm_spec.cli_options import page
from ipllvm_spec.engine import keys
from ipllvm_spec.engine.cells import SUITE_SEED, Cell
from ipllvm_spec.engine.keys import DataId, ModelId
from ipllvm_spec.engine.plan import unit_order
from ipllvm_spec.engine.store import Provenance, Store, StoredJudgement, StoredRow
from ipllvm_spec.errors import StoreError, UnknownNameError, UsageError
from ipllvm_spec.spec.interventions import Identity, PermuteTokens
from ipllvm_spec.verdicts.record import Measured, Record
from ipllvm_spec.verdicts.rescore import rescore
from ipllvm_spec.verdicts.rescore_changes import compare, read_all_records
from ipllvm_spec.verdicts.rescore_data import REBUILT, Finder
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

N = 40
TEXT = datasets.Value("string")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keeps tests out of the user's cache and lock file."""
    monkeypatch.setenv("IPLLVM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPLLVM_LOCK", str(tmp_path / "no.lock"))
    monkeypatch.setattr(page, "width", 80)


def picture(number):
    """A small image of its own colour."""
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), number, dtype=np.uint8)).save(file, format="PNG")
    return {"bytes": file.getvalue(), "path": None}


@pytest.fixture
def charts(tmp_path):
    """Writes ChartQA rows whose answers are 100, 200, ... unless told otherwise."""

    def write(folder="charts", *, question="How many?", factor=100):
        rows = [
            {
                "type": ("human_test", "augmented_test")[number % 2],
                "question": question,
                "answer": str(factor * (number + 1)),
                "image": picture(number),
            }
            for number in range(N)
        ]
        features = {"type": TEXT, "question": TEXT, "answer": TEXT, "image": datasets.Image()}
        (tmp_path / folder).mkdir()
        made = datasets.Dataset.from_list(rows, features=datasets.Features(features))
        made.to_parquet(str(tmp_path / folder / "test.parquet"))
        return tmp_path / folder

    return write


@pytest.fixture
def vet(tmp_path):
    """Writes MM-Vet rows."""
    rows = [
        {
            "question_id": f"v1_{number}",
            "image": picture(number),
            "question": "What?",
            "answer": "red",
            "capability": "rec",
        }
        for number in range(4)
    ]
    features = dict.fromkeys(rows[0], TEXT) | {"image": datasets.Image()}
    (tmp_path / "vet").mkdir()
    made = datasets.Dataset.from_list(rows, features=datasets.Features(features))
    made.to_parquet(str(tmp_path / "vet" / "test.parquet"))
    return tmp_path / "vet"


@pytest.fixture
def run_dir(tmp_path):
    """The folder of a run."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def store_answers(run_dir, folder, answers, *, name="chartqa", weights="one", **cell):
    """Stores raw answers by item id, as an engine would, and returns the loaded items."""
    benchmark = get_benchmark(name)
    loaded = load_items(benchmark, str(folder))
    asked = Cell("m", name, source=str(folder), **cell)
    description = keys.describe_cell(
        asked,
        model=ModelId("m", f"sha256:{weights}", "processor", "float32"),
        data=DataId(name, "standard", loaded.content_digest, loaded.revision),
        prompts=keys.prompt_digest(loaded.items),
        decoding=benchmark.decoding,
        engine="fake-1",
    )
    key = keys.cell_key(description)
    rows = []
    for item in loaded.items:
        if item.item_id in answers:
            content = keys.content_digest(item)
            row_key = keys.item_key(key, item.item_id, content)
            text = answers[item.item_id]
            rows.append(StoredRow(row_key, key, item.item_id, content, "ok", text, 0.0, 1))
    store = Store(run_dir / "cells.sqlite")
    origin = Provenance("run", "here", "cpu", "m", len(rows), 0, 0.0)
    store.commit(rows, cells={key: keys.canonical(description)}, provenance=origin)
    store.close()
    return loaded


def right(count, *, offset=0):
    """Answers to all questions, of which the first ``count`` are right."""
    return {
        f"row-{n:05d}": str(100 * (n + 1)) if n < count else f"wrong {n + offset}" for n in range(N)
    }


def make_record(loaded, folder, *, intact, other, n=N, repeats=1, **details):
    """The record of a claim about two conditions."""
    verdict = Verdict(
        outcome=Outcome.PASS,
        statistic="drop",
        estimate=0.0,
        lower=None,
        upper=None,
        bounds="",
        n=n,
        n_total=N,
        clusters=n,
        limit=2.0,
        direction="at_most",
        unit="points of 100",
        why="because",
        target="benchmark",
        method="arithmetic",
        reason="so it is",
        alpha=0.05,
        details=details,
    )
    measured = Measured(
        benchmark="chartqa",
        scale=100.0,
        intact=intact,
        other=other,
        chance=0.0,
        n=n,
        n_total=N,
        source=str(folder),
        revision="local",
        content_digest=loaded.content_digest,
    )
    return Record(
        run_id="run",
        property_id="permutation",
        claim="permutation.accuracy_survives",
        property_statement="A property.",
        statement="A claim.",
        paper="Table 1",
        model="m",
        mini=False,
        benchmark="chartqa",
        mode="standard",
        case="m:chartqa",
        intervention=PermuteTokens().canonical(),
        control=Identity().canonical(),
        repeats=repeats,
        verdict=verdict,
        expected=None,
        measured=(measured,),
        rerun="pytest",
        spec_file="permutation.toml",
    )


def scores_of(run_dir, folder, name="chartqa", **options):
    """Rescores a run whose data lie in a folder."""
    return rescore(run_dir / "cells.sqlite", Finder({name: str(folder)}), **options)


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
            store.add_judgement(StoredJudgement(*row, "url", "run", "2026-01-01"))
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


def test_no_store(run_dir):
    """A folder without a store is an error that says so."""
    with pytest.raises(StoreError, match="there is no store"):
        rescore(run_dir / "cells.sqlite", Finder({}))
    assert not list(run_dir.iterdir())


def test_the_command(charts, run_dir):
    """It prints tables of 80 columns and what changed, and writes JSON and CSV."""
    folder = charts()
    loaded = store_answers(run_dir, folder, right(30))
    store_answers(run_dir, folder, right(20), intervention=PermuteTokens())
    record = make_record(loaded, folder, intact=75.0, other=60.0)
    (run_dir / "records.jsonl").write_text(record.to_line() + "\n", encoding="utf-8")
    assert read_all_records(run_dir) == (record,)
    done = CliRunner().invoke(app, ["rescore", "--run-dir", str(run_dir), "-v"])
    assert done.exit_code == 0, (done.output, done.exception)
    table = [line for line in done.output.splitlines() if " chartqa " in f" {line}"]
    assert max(len(line) for line in table if " of 40 " in line) <= 80
    assert any("Identity()" in line and "75.00" in line for line in table)
    assert "m | chartqa | Identity() | 0: " in done.output
    changed = "permutation.accuracy_survives[m:chartqa] chartqa changed: 60.00 -> 50.00 of 100"
    assert changed in done.output
    assert "1 numbers changed, 1 are the same, 0 could not be compared" in done.output
    written = json.loads((run_dir / "scores.json").read_text(encoding="utf-8"))
    assert [one["metric"] for one in written["scores"]] == [75.0, 50.0]
    assert written["changes"]["changed"][0]["after"] == pytest.approx(50.0)
    with (run_dir / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["metric"]) for row in rows] == [75.0, 50.0]
    assert json.loads(rows[0]["parts"]) == written["scores"][0]["parts"]


def test_the_command_leaves_searched_orders_out(charts, run_dir):
    """Of a search's many orders only the number is printed, unless they are asked for."""
    folder = charts()
    store_answers(run_dir, folder, right(30))
    for order in ((1, 0), (2, 1, 0)):
        store_answers(run_dir, folder, right(20), intervention=PermuteTokens(order=order))
    arguments = ["rescore", "--run-dir", str(run_dir), "--benchmarks", f"chartqa={folder}"]
    done = CliRunner().invoke(app, arguments)
    assert "2 orders tried by searches are left out" in done.output
    assert done.output.count(" of 40 ") == 1
    done = CliRunner().invoke(app, [*arguments, "-v"])
    assert done.output.count(" of 40 ") == 3


@pytest.mark.parametrize(
    ("option", "message"), [("chartqa", "names no folder"), ("chartqa=gone", "does not exist")]
)
def test_folders_that_are_not_there(run_dir, option, message):
    """A mistake in --benchmarks is found before anything is read."""
    done = CliRunner().invoke(app, ["rescore", "--run-dir", str(run_dir), "--benchmarks", option])
    assert isinstance(done.exception, UsageError)
    assert message in done.exception.problem


def test_nothing_could_be_scored(charts, run_dir):
    """Exit code 1 when the data of no cell were found; the note says how to give them."""
    store_answers(run_dir, charts(), right(30))
    done = CliRunner().invoke(app, ["rescore", "--run-dir", str(run_dir)])
    assert done.exit_code == 1
    assert "not scored: give the folder with --benchmarks chartqa=FOLDER" in done.output


def test_it_needs_no_model(charts, run_dir):
    """Neither torch nor transformers is imported."""
    folder = charts()
    store_answers(run_dir, folder, right(30))
    code = (
        "import sys\nfrom ipllvm_spec.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print('HEAVY', sorted({'torch', 'transformers'} & set(sys.modules)))\n"
    )
    arguments = ["rescore", "--run-dir", str(run_dir), "--benchmarks", f"chartqa={folder}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "75.00" in done.stdout
    assert "HEAVY []" in done.stdout
