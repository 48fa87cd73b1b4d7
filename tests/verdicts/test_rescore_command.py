"""The command that scores again: what it prints, writes and refuses, and that it is light."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ipllvm_spec.cli import app
from ipllvm_spec.errors import StoreError, UsageError
from ipllvm_spec.spec.interventions import PermuteTokens
from ipllvm_spec.verdicts.rescore import rescore
from ipllvm_spec.verdicts.rescore_changes import read_all_records
from ipllvm_spec.verdicts.rescore_data import Finder
from tests.verdicts.rescoring import make_record, right, store_answers

pytestmark = pytest.mark.usefixtures("own_cache")


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
