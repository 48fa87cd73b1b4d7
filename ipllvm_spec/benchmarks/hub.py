"""Fetching published data: resolved to a commit once, verified ever after."""

from __future__ import annotations

from pathlib import Path

from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.benchmarks.snapshots import (
    Snapshot,
    download,
    locked_commit,
    locked_snapshot,
    newest_commit,
)
from ipllvm_spec.benchmarks.sources import open_published
from ipllvm_spec.benchmarks.tables import published_entry
from ipllvm_spec.errors import DataError
from ipllvm_spec.spec.lock import LockFile


def fetch(name: str, lock: LockFile | Path, *, update: bool = False) -> Snapshot:
    """Downloads a benchmark's published data and locks their commit.

    A locked id is fetched at its commit. Otherwise the ids that ``benchmarks.toml`` lists are
    tried in order, and the first that has the published rows and columns is locked and saved.

    Args:
        name: Name of the benchmark.
        lock: The lock file or its path; saved when an id was added or moved.
        update: Resolve anew and move the lock to the newest commit.

    Raises:
        UnknownNameError: For an unknown benchmark.
        DataError: When no id works; the message says why for each.
        LockError: When the lock file cannot be written.
    """
    benchmark = get_benchmark(name)
    if isinstance(lock, Path):
        lock = LockFile.load(lock)
    hub_ids = published_entry(name).hub
    if not update and locked_commit(hub_ids, lock):
        return locked_snapshot(name, lock=lock)
    reasons = []
    for hub_id in hub_ids:
        try:
            commit = newest_commit(hub_id, benchmark=name)
            snapshot = Snapshot(hub_id, commit, download(hub_id, commit, benchmark=name))
            open_published(snapshot.folder, benchmark, hub_id, commit)
        except DataError as error:
            reasons.append(f"{hub_id}: {error.problem}")
            continue
        lock.record("dataset", hub_id, commit, replace=update)
        lock.save()
        return snapshot
    raise DataError(
        f"none of the hub ids of {name} could be fetched:\n     " + "\n     ".join(reasons),
        "check the connection and access rights, or give a local copy as the source",
    )
