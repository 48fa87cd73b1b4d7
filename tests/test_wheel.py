"""The built wheel runs the properties from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Returns a folder with the unpacked wheel, importable and apart from the checkout."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), "."],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    site = out / "site"
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return site


def ipllvm(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the installed command in a folder, with only the wheel on the path."""
    code = "from ipllvm_spec.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_suite_specs_and_weights_but_no_top_level_fixtures(installed):
    """A top-level package called fixtures would clash with others once installed."""
    assert (installed / "ipllvm_spec/suite/properties/test_permutation.py").is_file()
    assert (installed / "ipllvm_spec/suite/fixtures/__init__.py").is_file()
    assert (installed / "ipllvm_spec/specs/permutation.toml").is_file()
    assert (installed / "ipllvm_spec/mini/checkpoints/mini-llava/model.safetensors").is_file()
    assert not (installed / "fixtures").exists()
    assert not (installed / "properties").exists()


def test_ipllvm_run_decides_a_claim_from_an_empty_folder(installed, tmp_path):
    """Rootdir, paths and plugin are set by the command, not by the folder it is run in."""
    # Settings of an outer project must not leak in.
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    done = ipllvm(
        installed,
        tmp_path,
        "run",
        "-n",
        "1",
        "--models",
        "mini-llava",
        "--units",
        "40",
        "-k",
        "image_matters and mmstar",
        "--benchmarks",
        "mmstar",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert (tmp_path / "reports/records.jsonl").is_file()
    assert not (installed / "ipllvm_spec/suite/.pytest_cache").exists()


def test_the_spec_commands_work_from_the_wheel(installed, tmp_path):
    """Specs are package data."""
    done = ipllvm(installed, tmp_path, "spec", "check")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok: ")
