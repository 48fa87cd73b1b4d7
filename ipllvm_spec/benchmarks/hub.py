"""Fetching published data: resolved to a commit once, verified ever after."""

from __future__ import annotations

from pathlib import Path

from ipllvm_spec.benchmarks.registry import get_data_set
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
    """Downloads the published data of a benchmark or another data set and locks their commit.

    A locked id is fetched at its commit, and must hold what it held. Otherwise the ids that
    ``benchmarks.toml`` lists are tried in order, and the first that has the published rows and
    columns is locked and saved.

    Args:
        name: Name of the data set.
        lock: The lock file or its path; saved when an id was added or moved.
        update: Resolve anew and move the lock to the newest commit.

    Raises:
        UnknownNameError: For an unknown data set.
        DataError: When no id works; the message says why for each. When the locked commit is
            gone, or holds other rows or columns.
        LockError: When the lock file cannot be written.
    """
    data_set = get_data_set(name)
    if isinstance(lock, Path):
        lock = LockFile.load(lock)
    hub_ids = published_entry(name).hub
    if not update and locked_commit(hub_ids, lock):
        snapshot = locked_snapshot(name, lock=lock)
        open_published(snapshot.folder, data_set, snapshot.hub_id, snapshot.commit)
        return snapshot
    reasons = []
    for hub_id in hub_ids:
        try:
            commit = newest_commit(hub_id, benchmark=name)
            snapshot = Snapshot(hub_id, commit, download(hub_id, commit, benchmark=name))
            open_published(snapshot.folder, data_set, hub_id, commit)
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
