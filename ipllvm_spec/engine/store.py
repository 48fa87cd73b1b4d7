"""Raw answers on local disk, by content key. Written by engines only; append-only truth.

Only rows with status ``ok`` are hits. A failed row is kept for the record and asked again; an
``ok`` row is never replaced. The replies of judge models are kept likewise. Scores are views of
all these and are stored nowhere.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ipllvm_spec.engine import artefacts
from ipllvm_spec.engine.artefacts import Artefact
from ipllvm_spec.engine.cells import Row
from ipllvm_spec.engine.disks import refuse_network
from ipllvm_spec.engine.schema import connect, explained, unwritable
from ipllvm_spec.errors import StoreError

#: Keys in one SELECT; SQLite's own limit on variables is far above.
_CHUNK = 500
_TIMEOUT_S = 60.0

_UPSERT = """
INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (item_key) DO UPDATE SET
    status = excluded.status, text = excluded.text,
    margin = excluded.margin, n_tokens = excluded.n_tokens
WHERE results.status <> 'ok'
"""


class StoredRow(NamedTuple):
    """One answer with its keys, in the order of the table's columns.

    Attributes:
        item_key: ``keys.item_key``.
        cell_key: ``keys.cell_key``.
        item_id: The item.
        content: ``keys.content_digest`` of the item.
        status: ``ok`` or ``error``.
        text: Raw answer, or the reason of the error.
        margin: Difference of the two largest first-token logits.
        n_tokens: New tokens generated.
    """

    item_key: str
    cell_key: str
    item_id: str
    content: str
    status: str
    text: str
    margin: float
    n_tokens: int

    def row(self) -> Row:
        """Returns what a client sees of it."""
        return Row(self.item_id, self.status, self.text, self.margin, self.n_tokens)


@dataclass(frozen=True)
class Provenance:
    """Where a batch was computed. Recorded, never keyed.

    Attributes:
        run_id: The run.
        host: Name of the machine.
        device: Full name of the device.
        model_ref: Name or path by which the user called the model.
        size: Items in the batch.
        padded_tokens: Items times the longest prompt.
        seconds: Compute time.
    """

    run_id: str
    host: str
    device: str
    model_ref: str
    size: int
    padded_tokens: int
    seconds: float


class StoredJudgement(NamedTuple):
    """One reply of a judge with its key, in the order of the table's columns.

    Attributes:
        judge_key: ``keys.judge_key``.
        judge: Name of the judge model.
        rubric: Name and version of the rules that it followed.
        question: What was asked, without the answer that was judged.
        answer: The answer that was judged, normalised.
        usable: Whether the reply could be read, after all tries.
        reply: The last reply.
        tries: Replies asked for.
        prompt_tokens: Tokens sent, over all tries.
        reply_tokens: Tokens received.
        url: Base of the endpoint that replied. Recorded, never keyed.
        run_id: The run. Recorded, never keyed.
        created: When, ISO 8601. Recorded, never keyed.
    """

    judge_key: str
    judge: str
    rubric: str
    question: str
    answer: str
    usable: bool
    reply: str
    tries: int
    prompt_tokens: int
    reply_tokens: int
    url: str
    run_id: str
    created: str


class Store:
    """One SQLite file. Thread-safe; several processes on one machine may share the file.

    Args:
        path: The file; it and its folder are made if absent.
        create: False to demand that it exists.
        timeout_s: How long a writer waits for another process.

    Raises:
        StoreError: When it lies on a network file system, cannot be written, is damaged, is of
            another version, or does not exist although ``create`` is False.
    """

    def __init__(self, path: Path, *, create: bool = True, timeout_s: float = _TIMEOUT_S) -> None:
        self.path = path
        if not create and not path.is_file():
            raise StoreError(f"there is no store at '{path}'", "give the --run-dir of a run")
        refuse_network(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from None
        self._lock = threading.RLock()
        with explained(path):
            self._connection = connect(path, timeout_s=timeout_s)

    def rows(self, keys: Iterable[str], *, failed: bool = False) -> dict[str, Row]:
        """Returns the rows of the given item keys, by item key.

        Args:
            keys: Item keys; those without a row are left out.
            failed: Whether rows that are not ``ok`` are wanted too; they are never hits.
        """
        found = (StoredRow(*values) for values in self._by_key("results", "item_key", keys))
        return {row.item_key: row.row() for row in found if failed or row.status == "ok"}

    def judgements(self, keys: Iterable[str]) -> dict[str, StoredJudgement]:
        """Returns the replies of judges under the given keys, by key; others are left out."""
        found = self._by_key("judgements", "judge_key", keys)
        made = (StoredJudgement(*values) for values in found)
        return {one.judge_key: one._replace(usable=bool(one.usable)) for one in made}

    def judges(self) -> tuple[str, ...]:
        """Returns the names of all judges with a stored reply, sorted."""
        query = "SELECT DISTINCT judge FROM judgements ORDER BY judge"
        return tuple(name for (name,) in self.fetch(query))

    def add_judgements(self, judgements: Sequence[StoredJudgement]) -> None:
        """Stores replies at once; one that is there already under its key stays.

        Raises:
            StoreError: When the disk is full or the file was damaged meanwhile.
        """
        marks = ",".join("?" * len(StoredJudgement._fields))
        query = f"INSERT OR IGNORE INTO judgements VALUES ({marks})"  # noqa: S608 (marks only)
        with self.transaction() as execute:
            execute(query, judgements)

    def artefact(self, key: str) -> Artefact | None:
        """Returns what is kept under an artefact's key, or None."""
        return artefacts.find(self, key)

    def put_artefacts(self, made: Sequence[Artefact]) -> None:
        """Keeps artefacts at once; one that is there already under its key stays."""
        artefacts.put(self, made)

    def _by_key(self, table: str, column: str, keys: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        wanted = list(keys)
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            query = f"SELECT * FROM {table} WHERE {column} IN ({marks})"  # noqa: S608 (our names)
            yield from self.fetch(query, part)

    def fetch(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Returns all rows of any query."""
        with self._lock, explained(self.path):
            return self._connection.execute(query, values).fetchall()

    def stream(self, query: str, *, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yields the rows of a query in lists of ``size``."""
        with self._lock, explained(self.path):
            cursor = self._connection.execute(query)
            while chunk := cursor.fetchmany(size):
                yield chunk

    def commit(
        self,
        rows: Sequence[StoredRow],
        *,
        cells: Mapping[str, str],
        provenance: Provenance,
    ) -> None:
        """Stores rows with their cells and provenance: all of it or nothing.

        Args:
            rows: Answers; those whose key has an ``ok`` row already change nothing.
            cells: Canonical description by cell key, for every cell among the rows.
            provenance: Where the rows come from.

        Raises:
            StoreError: When the disk is full or the file was damaged meanwhile.
        """
        with self.transaction() as execute:
            execute("INSERT OR IGNORE INTO cells VALUES (?, ?)", list(cells.items()))
            execute(_UPSERT, rows)
            self._record(rows, provenance)

    def _record(self, rows: Sequence[StoredRow], origin: Provenance) -> None:
        cursor = self._connection.execute(
            "INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                origin.run_id,
                origin.host,
                origin.device,
                origin.model_ref,
                origin.size,
                origin.padded_tokens,
                origin.seconds,
                datetime.now(UTC).isoformat(timespec="milliseconds"),
            ),
        )
        # The reason of a failure stays here after a later attempt has succeeded.
        notes = [
            (row.item_key, cursor.lastrowid, row.status, "" if row.status == "ok" else row.text)
            for row in rows
        ]
        self._connection.executemany("INSERT INTO provenance VALUES (?, ?, ?, ?)", notes)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Gives ``executemany`` of one transaction; rolls back when the block raises."""
        with self._lock, explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.executemany
                self._connection.execute("COMMIT")
            finally:
                # SQLite has ended the transaction itself after some errors, a full disk for one.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def note(self, key: str) -> Any | None:
        """Returns a remembered value (a learnt batch size, a speed), or None."""
        found = self.fetch("SELECT value FROM meta WHERE key = ?", (key,))
        return json.loads(found[0][0]) if found else None

    def remember(self, notes: Mapping[str, Any]) -> None:
        """Remembers values that help later runs and decide no answer."""
        with self.transaction() as execute:
            execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(key, json.dumps(value)) for key, value in notes.items()],
            )

    def shrink(self) -> None:
        """Gives the space of deleted rows back to the disk."""
        with self._lock, explained(self.path):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self, *, patience_s: float = -1) -> None:
        """Closes the file; the last one to close folds the write-ahead log into it.

        Args:
            patience_s: How long to wait for a running transaction; then the file is left as it
                is, which loses that transaction only. Forever when negative.
        """
        if not self._lock.acquire(timeout=patience_s):
            return
        try:
            with explained(self.path):
                self._connection.close()
        finally:
            self._lock.release()
