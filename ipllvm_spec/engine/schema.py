"""Tables of the store and what SQLite's errors mean for the user."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipllvm_spec.errors import StoreError

#: Layout of the tables; not to be confused with ``keys.SCHEMA``, the meaning of a row. A table
#: that is only added leaves it: it is made where it is missing, and older versions ignore it.
LAYOUT = 1

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cells (
    cell_key TEXT PRIMARY KEY, description TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (
    item_key TEXT PRIMARY KEY, cell_key TEXT NOT NULL, item_id TEXT NOT NULL,
    content TEXT NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL,
    margin REAL NOT NULL, n_tokens INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS results_by_cell ON results (cell_key);
CREATE TABLE IF NOT EXISTS batches (
    batch_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, host TEXT NOT NULL,
    device TEXT NOT NULL, model_ref TEXT NOT NULL, size INTEGER NOT NULL,
    padded_tokens INTEGER NOT NULL, seconds REAL NOT NULL, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS provenance (
    item_key TEXT NOT NULL, batch_id INTEGER NOT NULL, status TEXT NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (item_key, batch_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judgements (
    judge_key TEXT PRIMARY KEY, judge TEXT NOT NULL, rubric TEXT NOT NULL,
    question TEXT NOT NULL, answer TEXT NOT NULL, usable INTEGER NOT NULL, reply TEXT NOT NULL,
    tries INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, reply_tokens INTEGER NOT NULL,
    url TEXT NOT NULL, run_id TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS artefacts (
    artefact_key TEXT PRIMARY KEY, kind TEXT NOT NULL, description TEXT NOT NULL,
    data BLOB NOT NULL);
"""

_FULL = "free space on that disk or choose another --run-dir, then run the same command again"
_MOVE = (
    "move the file aside (the answers in it may be lost) and run again, or import an export with "
    "'ipllvm store import'"
)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into one sentence and an advice.

    Raises:
        StoreError: For a full disk, missing rights, a damaged file, and whatever else SQLite
            reports about the file at ``path``.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path) from None


def _explain(error: sqlite3.Error, path: Path) -> StoreError:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return StoreError(
            f"the disk that holds the store '{path}' is full; everything stored before is kept",
            _FULL,
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreError(f"the store '{path}' cannot be written ({error})", _rights(path))
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreError(f"the store '{path}' is damaged or no store at all ({error})", _MOVE)
    if name.startswith("SQLITE_IOERR"):
        return StoreError(f"reading or writing the store '{path}' failed ({error})", _FULL)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            f"the store '{path}' is in use by another process for too long",
            "wait until that run has ended, or choose another --run-dir",
        )
    return StoreError(f"the store '{path}' reports: {error}", _MOVE)


def unwritable(path: Path, error: OSError) -> StoreError:
    """Builds the error for a folder that cannot be made or written."""
    return StoreError(
        f"the store's folder '{path.parent}' cannot be written ({error.strerror})", _rights(path)
    )


def _rights(path: Path) -> str:
    return f"make '{path.parent}' a writable folder or choose another one with --run-dir"


def connect(path: Path, *, timeout_s: float) -> sqlite3.Connection:
    """Opens the file with our settings and makes the tables where they are missing.

    Args:
        path: The database file.
        timeout_s: How long a writer waits for another one.

    Raises:
        StoreError: When its layout is another version's.
        sqlite3.Error: As SQLite sees fit; call within ``explained``.
    """
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL never corrupts; a power cut may cost the last batches, never half of one.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('layout', ?)", (str(LAYOUT),))
    (layout,) = connection.execute("SELECT value FROM meta WHERE key = 'layout'").fetchone()
    if layout != str(LAYOUT):
        connection.close()
        raise StoreError(
            f"the store '{path}' has layout {layout}, this version of ipllvm-spec writes {LAYOUT}",
            "export it with the version that wrote it and import that file into a new store",
        )
    return connection
