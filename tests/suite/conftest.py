"""Runs the properties as a user does: pytest in a process of its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


def command(*options: str) -> list[str]:
    """Returns the command line for some options."""
    return [sys.executable, "-m", "pytest", "properties/", "-p", "no:cacheprovider", *options]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the properties into a fresh run directory and proves that no process is left."""

    def suite(*options: str, run_dir: Path = tmp_path / "run") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command("--run-dir", str(run_dir), *options),
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert leftovers(run_dir) == []
        assert "INTERNALERROR" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    return suite


def ipllvm(*arguments: str) -> str:
    """Runs the command of the same installation and returns what it printed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ipllvm")), *arguments],
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def leftovers(run_dir: Path) -> list[str]:
    """Returns the command lines of engines of this run directory that are still alive."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if "ipllvm_spec.engine.process" in line and str(run_dir) in line:
            found.append(line)
    return found


#: One benchmark and few units: the smallest run that takes the whole path.
SMALL = ("--models", "mini-llava", "--benchmarks", "mmstar", "--units", "40")


def wait_for_answers(run_dir: Path) -> None:
    """Waits until the first batch is stored."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (run_dir / "cells.sqlite").exists() and answers(run_dir) > 0:
            return
        time.sleep(0.2)
    raise AssertionError("nothing was measured")


def answers(run_dir: Path) -> int:
    """Counts stored answers."""
    with sqlite3.connect(run_dir / "cells.sqlite") as store:
        tables = store.execute("SELECT count(*) FROM sqlite_master WHERE name = 'results'")
        # The file is there a moment before its tables.
        if not tables.fetchone()[0]:
            return 0
        return int(store.execute("SELECT count(*) FROM results").fetchone()[0])
