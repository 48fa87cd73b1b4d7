"""However a run is distributed, interrupted or repeated, its answers are the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import psutil
import pytest

from ipllvm_spec.engine.exchange import export_store
from tests.suite.conftest import ROOT, command, leftovers, wait_for_answers

#: Identity, one permutation and one control over several windows of units.
OPTIONS = (
    *("--models", "mini-llava", "--benchmarks", "mmstar", "--units", "160"),
    *("-k", "accuracy_survives or image_matters"),
)


def exported(run_dir, tmp_path, name):
    """Returns the bytes of a store's export."""
    target = tmp_path / f"{name}.parquet"
    export_store(run_dir / "cells.sqlite", target)
    return target.read_bytes()


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The export of a run without workers."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run(
        command(*OPTIONS, "-n", "0", "--run-dir", str(folder / "run")),
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    return exported(folder / "run", folder, "reference")


@pytest.mark.parametrize(
    "options", [("-n", "1"), ("-n", "4"), ("-n", "2", "--device", "cpu,cpu")], ids=" ".join
)
def test_exports_do_not_depend_on_workers_or_engines(run, tmp_path, reference, options):
    """Batches are formed from the cell alone, so who asks and who computes leaves no trace."""
    run(*OPTIONS, *options)

    assert exported(tmp_path / "run", tmp_path, "other") == reference


def test_an_engine_killed_in_mid_batch_is_restarted_and_changes_nothing(tmp_path, reference):
    """The run goes on after kill -9, and what it stores is what it would have stored."""
    run_dir = tmp_path / "run"
    line = command(*OPTIONS, "-n", "2", "--run-dir", str(run_dir))
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        os.kill(engine_at_work(process.pid, run_dir), signal.SIGKILL)
        output, _ = process.communicate(timeout=300)

    assert "engine" not in output.lower() or "died" not in output, output
    assert exported(run_dir, tmp_path, "killed") == reference
    assert leftovers(run_dir) == []


def engine_at_work(pid, run_dir):
    """Waits until the engine of a run has stored its first batch and returns its process id."""
    wait_for_answers(run_dir)
    for child in psutil.Process(pid).children(recursive=True):
        if "ipllvm_spec.engine.process" in " ".join(child.cmdline()):
            return child.pid
    raise AssertionError("the engine has gone already")


def test_a_second_run_asks_no_model_anything(run, tmp_path):
    """Every answer is a hit, and the records say the same except for the run's name."""
    first = run(*OPTIONS, "-n", "2")
    before = records(tmp_path / "run")
    second = run(*OPTIONS, "-n", "2")

    assert first.returncode == second.returncode
    assert " 0 misses" in second.stdout
    assert "0 prompts answered" in second.stdout
    assert records(tmp_path / "run") == before


def records(run_dir):
    """Returns the merged records without what differs between runs by intent."""
    lines = (run_dir / "records.jsonl").read_text().splitlines()
    return [{**json.loads(line), "run_id": ""} for line in lines]
