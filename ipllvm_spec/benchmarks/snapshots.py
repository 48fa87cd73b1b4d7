"""Published data on this machine, at the commit that the lock file names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, errors, is_offline_mode, snapshot_download

from ipllvm_spec.benchmarks.tables import of_split, parquet_files, published_entry
from ipllvm_spec.errors import DataError, LockError
from ipllvm_spec.spec.lock import LockFile

# The HTTP client's base class: the Hub client leaves connection errors to it.
_HUB_FAILURES: tuple[type[Exception], ...] = (errors.HTTPError, OSError)  # type: ignore[attr-defined]


# The client keeps large files under the sha256 of their content.
_BLOB = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Snapshot:
    """Downloaded published data.

    Attributes:
        hub_id: The id that was used.
        commit: The commit, 40 hex digits.
        folder: Where the files are.
    """

    hub_id: str
    commit: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.hub_id} at {self.commit} in {self.folder}"


def locked_snapshot(name: str, *, lock: LockFile) -> Snapshot:
    """Returns the published data at the locked commit, downloading what is missing.

    Raises:
        LockError: When none of the benchmark's ids is locked.
        DataError: When files are missing and cannot be downloaded.
    """
    hub_id, commit = _demand_lock(name, lock)
    folder = _cached(hub_id, commit, benchmark=name)
    return Snapshot(hub_id, commit, folder or download(hub_id, commit, benchmark=name))


def cached_snapshot(name: str, *, lock: LockFile) -> Snapshot:
    """Returns the published data at the locked commit; never uses the network.

    Raises:
        LockError: When none of the data set's ids is locked.
        DataError: When the locked commit is not here, or not all of it.
    """
    hub_id, commit = _demand_lock(name, lock)
    folder = _cached(hub_id, commit, benchmark=name)
    if folder is None:
        raise DataError(
            f"{hub_id} at the locked commit {commit} is not, or not whole, on this machine",
            f"run `ipllvm data fetch {name}`",
        )
    return Snapshot(hub_id, commit, folder)


def changed_files(folder: Path, *, benchmark: str) -> list[str]:
    """Returns the parquet files of a snapshot whose content is not what was downloaded.

    Args:
        folder: Folder of a snapshot; files that the Hub client does not keep under the digest
            of their content cannot be checked and are passed over.
        benchmark: The data set whose split is meant.

    Raises:
        DataError: When the split is not there or a file cannot be read.
    """
    changed = []
    for file in parquet_files(folder, benchmark=benchmark):
        blob = file.resolve()
        if file.is_symlink() and _BLOB.fullmatch(blob.name):
            try:
                with blob.open("rb") as opened:
                    found = hashlib.file_digest(opened, "sha256").hexdigest()
            except OSError as error:
                raise DataError(f"{file} cannot be read: {error}", "fetch it again") from None
            if found != blob.name:
                changed.append(file.relative_to(folder).as_posix())
    return changed


def _demand_lock(name: str, lock: LockFile) -> tuple[str, str]:
    locked = locked_commit(published_entry(name).hub, lock)
    if locked is None:
        raise LockError(
            f"no commit of the published {name} is locked in {lock.path}",
            f"run `ipllvm data fetch {name}`, and commit {lock.path.name}",
        )
    return locked


def locked_commit(hub_ids: tuple[str, ...], lock: LockFile) -> tuple[str, str] | None:
    """Returns the first of the ids that is locked, with its commit."""
    for hub_id in hub_ids:
        if commit := lock.commit_for("dataset", hub_id):
            return hub_id, commit
    return None


def newest_commit(hub_id: str, *, benchmark: str) -> str:
    """Asks the Hub for the commit that a data set's main branch is at.

    Raises:
        DataError: When the Hub cannot be reached or does not have it.
    """
    try:
        commit = HfApi().dataset_info(hub_id).sha
    except _HUB_FAILURES as error:
        raise _not_downloaded(hub_id, error, benchmark) from None
    if commit is None:
        raise DataError(f"the Hub names no commit of {hub_id}", "try again later")
    return commit


def download(hub_id: str, commit: str, *, benchmark: str) -> Path:
    """Downloads the parquet files of the benchmark's split at a commit.

    Raises:
        DataError: When they are not there or cannot be downloaded.
    """
    try:
        listed = HfApi().list_repo_files(hub_id, repo_type="dataset", revision=commit)
        names = sorted(name for name in listed if name.endswith(".parquet"))
        if not names:
            raise DataError(f"{hub_id} at {commit[:12]} has no parquet file", "use a local copy")
        wanted = of_split(names, benchmark=benchmark, where=f"{hub_id} at {commit[:12]}")
        folder = snapshot_download(
            hub_id, repo_type="dataset", revision=commit, allow_patterns=wanted
        )
    except _HUB_FAILURES as error:
        raise _not_downloaded(f"{hub_id} at commit {commit}", error, benchmark) from None
    return Path(folder)


def _cached(hub_id: str, commit: str, *, benchmark: str) -> Path | None:
    """Returns the folder of an earlier download when it is complete; never uses the network."""
    try:
        folder = snapshot_download(
            hub_id, repo_type="dataset", revision=commit, local_files_only=True
        )
    except errors.IncompleteSnapshotError as error:
        # Only one split was downloaded, so files of the repository are missing on purpose.
        folder = error.snapshot_path
    except errors.LocalEntryNotFoundError:
        return None
    try:
        parquet_files(Path(folder), benchmark=benchmark)
    except DataError:
        return None
    return Path(folder)


def _not_downloaded(what: str, error: Exception, benchmark: str) -> DataError:
    command = f"`ipllvm data fetch {benchmark}`"
    if is_offline_mode():
        return DataError(
            f"{what} is not on this machine, and HF_HUB_OFFLINE forbids to download it",
            f"run {command} where there is a connection, or unset HF_HUB_OFFLINE",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return DataError(
            f"{what} is not on the Hub any more",
            f"run {command} with --update to lock the newest commit: results of the two are not "
            "comparable",
        )
    if isinstance(error, errors.GatedRepoError):
        return DataError(
            f"{what} is gated",
            f"accept its terms on its page, log in with `hf auth login`, then run {command}",
        )
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(
        f"{what} could not be downloaded: {reason}",
        f"check connection and access rights, then run {command}",
    )
