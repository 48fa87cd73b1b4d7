"""The real client of the Hub without a connection: what it has is used, what it lacks is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.lock import LockFile

COMMIT = "a" * 40


def _offline(code, home):
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_offline_with_the_real_client(published, tmp_path):
    """The real client, offline: what it has cached is loaded, what it lacks is named."""
    hub_id = load_suite().benchmarks["mmvp"].hub[0]
    lock = LockFile(tmp_path / "ipllvm.lock")
    lock.record("dataset", hub_id, COMMIT)
    lock.save()
    code = f"""
from pathlib import Path
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.errors import DataError
from ipllvm_spec.spec.lock import LockFile
try:
    lock = LockFile.load(Path({str(lock.path)!r}))
    items = load_items(get_benchmark("mmvp"), "published", lock=lock)
    print(len(items.items), items.revision)
except DataError as error:
    print(error)
"""
    home = tmp_path / "home"
    missing = _offline(code, home)
    assert f"{hub_id} at the locked commit {COMMIT} is not, or" in missing.stdout, missing.stderr
    assert "run `ipllvm data fetch mmvp`" in missing.stdout
    cached = home / "hub" / f"datasets--{hub_id.replace('/', '--')}" / "snapshots" / COMMIT
    shutil.copytree(published("mmvp"), cached)
    found = _offline(code, home)
    assert found.stdout.split() == ["300", COMMIT], found.stderr
    assert Path(cached).exists()


def test_fetching_offline_with_the_real_client(tmp_path):
    """Fetching needs a connection, and says so where the user has forbidden one."""
    code = f"""
from pathlib import Path
from ipllvm_spec.benchmarks.hub import fetch
from ipllvm_spec.errors import DataError
try:
    fetch("mmvp", Path({str(tmp_path / "ipllvm.lock")!r}))
except DataError as error:
    print(error)
"""
    done = _offline(code, tmp_path / "home")
    assert "HF_HUB_OFFLINE forbids to download it" in done.stdout, done.stderr
    assert not (tmp_path / "ipllvm.lock").exists()
