"""Allure results of real runs: complete, stable in history, and safe from crashed workers."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

import ipllvm_spec
from ipllvm_spec.reporting import allure, allure_results
from ipllvm_spec.verdicts.record import Record

CONFTEST = """
from pathlib import Path
import pytest
from ipllvm_spec.reporting import allure, allure_results

crashes = {}

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    allure.protect_results(config)

def pytest_runtest_logreport(report):
    message = allure_results.crash_message(report)
    if message is not None:
        crashes[report.nodeid] = message

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    folder = allure.results_dir(session.config)
    if folder is None or hasattr(session.config, "workerinput"):
        return
    for nodeid, message in crashes.items():
        allure_results.write_broken_result(Path(folder), nodeid=nodeid, message=message)
    allure_results.finish_results(
        Path(folder), environment={"device": "cpu", "a path": "C:\\\\x"}, models=["mini-llava"])
"""

CHECKS = """
import os
import pytest
from records import build_record
from ipllvm_spec.reporting import allure
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.verdict import Outcome

CASES = {
    case.key: case
    for case in load_suite().cases("permutation.accuracy_survives",
                                   models=["mini-llava", "mini-llava-shuffled"])
    if case.benchmark in ("mmvp", "mme", "mmstar", "chartqa")
}

@pytest.fixture
def case(request):
    return CASES[request.param]

@pytest.mark.parametrize("case", sorted(CASES), ids=sorted(CASES), indirect=True)
def test_accuracy_survives(case):
    allure.label_case(case)
    if os.environ.get("CRASH") == case.key:
        os._exit(1)
    passes = case.model == "mini-llava-shuffled"
    verdict = {"estimate": 0.4, "outcome": Outcome.PASS} if passes else {}
    record = build_record(model=case.model, benchmark=case.benchmark, verdict=verdict,
                          expect=None if passes else "absolute <slots>")
    allure.report_check(record, [
        allure.UnitRow(unit_id="u1", intact=1.0, other=0.5,
                       intact_answers=("A", "B"), other_answers=("A", 'so, "C"'))])
    if case.benchmark == "chartqa":
        pytest.fail("FAIL", pytrace=False)
    if case.benchmark == "mme":
        pytest.skip("INCONCLUSIVE: n too small")
    if not passes:
        pytest.xfail("expected")

@pytest.mark.parametrize("case", ["a:b", "b:a"], ids=["a:b", "b:a"])
def test_swapped(case):
    pass
"""


class Run(NamedTuple):
    """A finished run of the made-up checks: its results folder and what it printed."""

    folder: Path
    output: str


def run_checks(root, *options, alluredir="results", **environment):
    """Runs the made-up checks in a process of their own."""
    (root / "conftest.py").write_text(CONFTEST, "utf-8")
    (root / "test_permutation.py").write_text(CHECKS, "utf-8")
    shutil.copy(Path(__file__).with_name("conftest.py"), root / "records.py")
    alluring = [f"--alluredir={alluredir}", "--clean-alluredir"] if alluredir else []
    paths = [str(Path(ipllvm_spec.__file__).parents[1]), str(root)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *alluring, *options],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(root / (alluredir or ""), done.stdout + done.stderr)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run in one process. Read only."""
    return run_checks(tmp_path_factory.mktemp("alone"), "-n", "0")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same run by two workers. Read only."""
    return run_checks(tmp_path_factory.mktemp("shared"), "-n", "2")


@pytest.fixture
def copied(alone, tmp_path):
    """Results of a run that a test may change."""
    return Path(shutil.copytree(alone.folder, tmp_path / "results"))


def results(folder):
    """Returns the results of a folder by full name and case."""
    found = {}
    for path in folder.glob("*-result.json"):
        data = json.loads(path.read_text("utf-8"))
        case = next(p["value"] for p in data["parameters"] if p["name"] == "case")
        found[data["fullName"], case.strip("'")] = data
    return found


def labels(result):
    """Returns the labels of a result as name -> value."""
    return {label["name"]: label["value"] for label in result["labels"]}


def attachments(result, folder):
    """Returns the attached files of a result by name."""
    return {part["name"]: folder / part["source"] for part in result["attachments"]}


OUTCOME = "2 failed, 4 passed, 2 skipped, 2 xfailed"
FAILED = ("test_permutation#test_accuracy_survives", "mini-llava:mmvp")


def test_a_result_says_what_was_decided_and_shows_it(shared):
    """Labels, excluded values, description, steps and attachments of one check, under xdist."""
    folder = shared.folder
    found = results(folder)
    result = found[FAILED]
    assert OUTCOME in shared.output

    assert labels(result).items() >= {
        ("epic", "Section 3.3"),
        ("feature", "permutation"),
        ("story", "mmvp"),
        ("model", "mini-llava"),
        ("benchmark", "mmvp"),
        ("table", "Table 1"),
        ("claim", "permutation.accuracy_survives"),
        ("mini", "true"),
        ("verdict", "fail (expected)"),
        ("severity", "minor"),
    }
    assert result["name"] == "accuracy survives · mini-llava (mini) · mmvp"
    parameters = {p["name"]: p for p in result["parameters"]}
    assert [name for name, p in parameters.items() if not p.get("excluded")] == ["case"]
    assert parameters["estimate"]["value"] == "40.7"
    assert parameters["shuffled"]["value"] == "21.3"
    assert [step["name"].split(":")[0] for step in result["steps"]] == [
        "plan",
        "run",
        "statistics",
        "verdict",
    ]
    html = result["descriptionHtml"]
    assert "absolute &lt;slots&gt;" in html
    assert "no evidence about LLaVA" in html
    assert "printed in the paper" not in html

    files = attachments(result, folder)
    assert list(files) == [allure.FIGURE_NAME, allure.VERDICT_NAME, allure.ITEMS_NAME]
    assert files[allure.FIGURE_NAME].read_bytes().startswith(b"\x89PNG")
    record = Record.from_json(json.loads(files[allure.VERDICT_NAME].read_text("utf-8")))
    assert record.case == "mini-llava:mmvp"
    rows = list(csv.reader(io.StringIO(files[allure.ITEMS_NAME].read_text("utf-8"))))
    assert rows[1] == ["u1", "1", "0.5", "A | B", 'A | so, "C"']

    statuses = Counter(r["status"] for r in found.values())
    assert statuses == {"passed": 4, "failed": 2, "skipped": 4}
    environment = (folder / "environment.properties").read_text("utf-8")
    assert environment == "a_path=C:\\\\x\ndevice=cpu\n"
    assert '"mini-llava"' in (folder.parent / "allurerc.mjs").read_text("utf-8")
    assert not list(folder.glob("*.tmp"))


def test_history_is_stable_and_distinct(alone, shared):
    """The same check has one history for every -n and after other values; no two share one."""
    first = {key: result["historyId"] for key, result in results(alone.folder).items()}

    assert first == {key: r["historyId"] for key, r in results(shared.folder).items()}
    assert len(set(first.values())) == len(first)
    swapped = "test_permutation#test_swapped"
    assert first[swapped, "a:b"] != first[swapped, "b:a"]


def test_a_crashed_worker_loses_nothing_but_its_own_check(tmp_path):
    """--clean-alluredir in the replaced worker wipes nothing, and the crash has a result."""
    folder, output = run_checks(tmp_path, "-n", "2", CRASH="mini-llava:mmvp")
    found = results(folder)
    broken = found[FAILED]

    assert "replacing crashed worker" in output
    assert len(found) == 10
    assert broken["status"] == "broken"
    assert "crashed while running" in broken["statusDetails"]["message"]
    assert labels(broken).items() >= {
        ("feature", "permutation"),
        ("story", "mmvp"),
        ("model", "mini-llava"),
        ("verdict", "BROKEN"),
    }
    # Everything else kept its picture, also what the dead worker had finished.
    others = [r for key, r in found.items() if key != FAILED and "accuracy" in key[0]]
    assert all(r["attachments"][0]["name"] == allure.FIGURE_NAME for r in others)


def test_a_broken_result_has_the_history_of_its_check(alone, tmp_path):
    """The report shows a check that broke this time, not a new one."""
    proper = results(alone.folder)[FAILED]

    path = allure_results.write_broken_result(
        tmp_path,
        nodeid="test_permutation.py::test_accuracy_survives[mini-llava:mmvp]",
        message="worker 'gw0' crashed",
    )
    broken = json.loads(path.read_text("utf-8"))

    for key in ("historyId", "testCaseId", "fullName", "titlePath"):
        assert broken[key] == proper[key]
    assert broken["parameters"] == [p for p in proper["parameters"] if not p.get("excluded")]


@pytest.mark.parametrize("options", [["-p", "no:allure_pytest", "-n", "0"], ["-n", "0"]])
def test_nothing_is_needed_of_allure(tmp_path, options):
    """Without --alluredir or without the plugin the same checks run and write no result."""
    folder, output = run_checks(tmp_path, *options, alluredir=None)

    assert OUTCOME in output
    assert not list(folder.rglob("*-result.json"))


def test_finishing_twice_changes_nothing(copied):
    """A second finish, or a run over old results, draws no picture twice."""
    before = {path.name: path.read_bytes() for path in copied.iterdir()}

    added = allure_results.finish_results(
        copied, environment={"device": "cpu", "a path": "C:\\x"}, models=[]
    )

    assert added == 0
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before


def test_printed_numbers_stand_beside_measured_ones(make_record):
    """Only a record that carries them shows them."""
    record = make_record(
        model="llava-1.5-7b", measured={"printed": {"intact": 34.67, "other": 36.0}}
    )

    html = allure.description_html(record)

    assert "<td>printed in the paper</td><td>34.67</td><td>36.00</td><td>-1.33</td>" in html
    assert "mini model" not in html
