"""Options, processes and outputs of a run, as pytest's users know them."""

from __future__ import annotations

import json
import subprocess
import threading
import time

import psutil
import pytest

from tests.suite.conftest import ROOT, SMALL, command, ipllvm

CHECK = (*SMALL, "-k", "image_matters")


@pytest.mark.parametrize(
    "options",
    [("-n", "0"), ("-p", "no:xdist"), ("-p", "no:allure_pytest", "-n", "1"), ("-n", "1")],
    ids=" ".join,
)
def test_it_works_with_and_without_other_plugins(run, tmp_path, options):
    """Neither xdist nor allure is needed to get a verdict and a record."""
    done = run(*CHECK, *options)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    (line,) = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    assert json.loads(line)["verdict"]["outcome"] == "PASS"


def test_the_summary_names_verdicts_store_and_the_mini_notice(run):
    """A reader who sees only the terminal knows what was decided and about what."""
    done = run(*CHECK, "-n", "2")

    assert "permutation.image_matters" in done.stdout
    assert "mini" in done.stdout.lower()
    assert "Nothing about the minis is evidence about LLaVA" in done.stdout
    assert "hits" in done.stdout
    assert "misses" in done.stdout


def test_the_header_says_versions_models_and_places(run):
    """A typo shows at the top, not after an hour."""
    done = run("--collect-only", "--models", "mini-llava")

    assert "models: mini-llava" in done.stdout
    assert "torch" in done.stdout


def test_plan_prints_costs_and_loads_no_model(run, tmp_path):
    """Cells, prompts, tokens and an estimate, and afterwards no answer in the store."""
    done = run("--plan", *SMALL)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "prompts" in done.stdout
    assert "tokens" in done.stdout
    assert not (tmp_path / "run" / "records.jsonl").exists()
    answered = ipllvm("store", "info", "--run-dir", str(tmp_path / "run"))
    assert " ok " not in answered


def test_four_workers_share_one_engine_and_import_no_torch(tmp_path):
    """Models are shared because workers do not have any."""
    line = command(*SMALL, "-n", "4", "--run-dir", str(tmp_path / "run"))
    engines, workers, heavy = set(), set(), []
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        reader = threading.Thread(target=process.communicate)
        reader.start()
        while process.poll() is None:
            for child in _children(process.pid):
                try:
                    text = " ".join(child.cmdline())
                    if "ipllvm_spec.engine.process" in text:
                        engines.add(child.pid)
                    elif "exec(eval(sys.stdin.readline()))" in text:
                        workers.add(child.pid)
                        maps = {entry.path for entry in child.memory_maps()}
                        heavy += [path for path in maps if "libtorch" in path]
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.2)
        reader.join()

    assert len(engines) == 1
    assert len(workers) == 4
    assert heavy == []


def _children(pid):
    """Every process below one, none when it ended since it was asked for."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def test_a_limited_run_is_labelled_and_never_counts_as_exact(run, tmp_path):
    """--units decides about the first units only."""
    run(*SMALL, "-n", "1", "-k", "accuracy_survives")
    (line,) = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    verdict = json.loads(line)["verdict"]

    assert verdict["cut"] is True
    assert verdict["exact"] is False
    assert verdict["n"] <= 40
