"""Verdicts and records as values, guards, and what importing them costs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from ipllvm_spec.errors import UsageError
from ipllvm_spec.verdicts.guard import guard
from ipllvm_spec.verdicts.judge import judge_drop, judge_gap
from ipllvm_spec.verdicts.record import SCHEMA, Expected, Measured, Record
from ipllvm_spec.verdicts.verdict import Outcome, Verdict


@pytest.fixture
def passed(losing, make_limit) -> Verdict:
    """A drop of 1 point of 300 units."""
    return judge_drop(losing(300, worse=3), make_limit())


@pytest.fixture
def failed(losing, make_limit) -> Verdict:
    """A gap of 1 point where 10 are asked for."""
    return judge_gap(losing(300, worse=3), make_limit("gap", at_least=10.0))


@pytest.fixture
def record(passed) -> Record:
    """A whole record."""
    return Record(
        run_id="r1",
        property_id="permutation",
        claim="permutation.accuracy_survives",
        property_statement="Order does not matter.",
        statement="Accuracy survives.",
        paper="section 3.3, Table 1",
        model="mini-llava",
        mini=True,
        benchmark="mmstar",
        mode="standard",
        case="mini-llava:mmstar",
        intervention="[]",
        control="[]",
        repeats=1,
        verdict=passed,
        expected=Expected(verdict="fail", reason="trained on ordered tokens"),
        measured=(
            Measured(
                benchmark="mmstar", scale=100.0, intact=100.0, other=99.0, chance=25.0, n=300,
                n_total=300,
            ),
        ),
        rerun="pytest properties/ -k mmstar",
        spec_file="permutation.toml",
    )  # fmt: skip


def test_sentences_say_what_was_decided(passed, failed):
    """One line for a terminal, with the reason unless it passed."""
    assert passed.sentence() == (
        f"PASS drop 1.0 [{passed.lower:.1f}, {passed.upper:.1f}] points <= 2.0 "
        "(n=300 of 300, exact)"
    )
    assert failed.sentence().startswith("FAIL gap 1.0 [")
    assert "points < 10.0 (n=300 of 300, exact): all 300 units" in failed.sentence()


def test_small_values_keep_a_digit(passed):
    """A drop of 0.04 points is not shown as 0.0."""
    tiny = replace(passed, estimate=0.04, lower=-0.2, upper=0.0)

    assert tiny.measured() == "0.04 [-0.2, 0.0]"


def test_verdicts_and_records_survive_json(passed, record):
    """What is read back equals what was written, and equal records give equal lines."""
    assert Verdict.from_json(json.loads(json.dumps(passed.to_json()))) == passed
    assert Record.from_line(record.to_line()) == record
    assert Record.from_line(record.to_line()).to_line() == record.to_line()


def test_every_judge_gives_json(losing, make_limit):
    """No numpy scalar hides in a verdict."""
    for target in ("benchmark", "population"):
        for available in (300, 200):
            stream = losing(300, worse=9, better=4, available=available)
            verdict = judge_drop(stream, make_limit(target=target), early_stop=True)
            assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


@pytest.mark.parametrize(
    "line",
    [
        '{"schema": 99}',
        '{"schema": 1, "claim": "x"}',
        "{",
        "[1]",
    ],
)
def test_damaged_records_are_refused(line):
    """Another schema, missing fields, a cut line: each says what to do."""
    with pytest.raises(UsageError, match="->"):
        Record.from_line(line)


def test_unknown_fields_are_refused(record):
    """A newer writer must raise the schema, not slip fields past an old reader."""
    data = {**record.to_json(), "surprise": 1}

    with pytest.raises(UsageError, match="surprise"):
        Record.from_json(data)
    assert data["schema"] == SCHEMA


def test_expectations_are_strict(record, failed):
    """A PASS where a FAIL was announced is not as expected, nor the other way round."""
    assert not record.as_expected
    assert replace(record, verdict=failed).as_expected
    assert replace(record, expected=None).as_expected
    assert not replace(record, expected=None, verdict=failed).as_expected


def test_a_guard_that_did_not_pass_withholds_the_verdict(passed, failed):
    """No robustness is decided for a model that does not see; the measured values stay."""
    guarded = guard(passed, {"permutation.image_matters": failed})

    assert guarded.outcome is Outcome.INCONCLUSIVE
    assert guarded.estimate == passed.estimate
    assert "permutation.image_matters is FAIL" in guarded.reason
    assert guarded.details["without_guard"] == "PASS"
    assert guard(passed, {"permutation.image_matters": replace(failed, outcome=Outcome.PASS)}) == (
        passed
    )
    assert guard(passed, {}) == passed


def test_a_worker_can_judge_without_heavy_packages():
    """Importing every judge and deciding loads no torch, pandas, scipy.stats or datasets."""
    code = """
import sys
import numpy as np
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts import average, guard, judge, record, worst
from ipllvm_spec.verdicts.streams import ArrayStream, Scores
ones = np.ones((1, 300))
stream = ArrayStream(Scores(ones, ones), ones[0], [str(i) for i in range(300)], 300)
for target in ("benchmark", "population"):
    limit = Limit(statistic="drop", at_most=2.0, why="w", target=target)
    assert judge.judge_drop(stream, limit).outcome == "PASS"
heavy = {"torch", "transformers", "datasets", "scipy.stats", "pandas", "matplotlib", "pyarrow"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
