"""Stored answers as files: export and import.

An export holds rows sorted by key in one parquet file and nothing else: equal content gives equal
bytes under one pyarrow. Who measured them, where and when lies in a second file beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ipllvm_spec.engine.judgement_files import (
    export_judgements,
    import_judgements,
    judgements_path,
    verify_judgements,
)
from ipllvm_spec.engine.keys import cell_key, item_key
from ipllvm_spec.engine.parquet_files import ROWS, write_parquet
from ipllvm_spec.engine.store import Provenance, Store, StoredRow
from ipllvm_spec.errors import StoreError

_TEXT_COLUMNS = ("item_key", "cell_key", "item_id", "content", "status", "text")
_SCHEMA = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in _TEXT_COLUMNS]
    + [
        pa.field("margin", pa.float64(), nullable=False),
        pa.field("n_tokens", pa.int64(), nullable=False),
        pa.field("cell", pa.string(), nullable=False),
    ]
)
_ROWS_QUERY = (
    "SELECT results.*, cells.description FROM results JOIN cells USING (cell_key) "
    "ORDER BY cell_key, item_key"
)

_ORIGIN_TEXT = ("item_key", "status", "note", "run_id", "host", "device", "model_ref", "created")
_ORIGIN_SCHEMA = pa.schema(
    [(name, pa.string()) for name in _ORIGIN_TEXT]
    + [("size", pa.int64()), ("padded_tokens", pa.int64()), ("seconds", pa.float64())]
)
_ORIGIN_QUERY = (
    "SELECT item_key, status, note, run_id, host, device, model_ref, created, size, "
    "padded_tokens, seconds "
    "FROM provenance JOIN batches USING (batch_id) ORDER BY item_key, batch_id"
)


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        added: Rows that were not there, or not ``ok``.
        known: Rows that were there with the same answer.
        conflicting: Rows that were there with another answer; ours stay.
        judgements: Judges' replies that were not there.
    """

    added: int
    known: int
    conflicting: int
    judgements: int = 0


def provenance_path(target: Path) -> Path:
    """Returns the second file of an export: ``x.parquet`` gives ``x.provenance.parquet``."""
    return target.with_name(f"{target.stem}.provenance{target.suffix}")


def export_store(path: Path, target: Path) -> int:
    """Writes all answers into one parquet file, their provenance and judges' replies beside it.

    Args:
        path: The store.
        target: The file to write; its folder is made. It appears whole or not at all.

    Returns:
        Number of rows.

    Raises:
        StoreError: When there is no store, or the target cannot be written.
    """
    store = Store(path, create=False)
    try:
        rows = write_parquet(target, _SCHEMA, store.stream(_ROWS_QUERY, size=ROWS))
        origins = store.stream(_ORIGIN_QUERY, size=ROWS)
        write_parquet(provenance_path(target), _ORIGIN_SCHEMA, origins)
        export_judgements(store, judgements_path(target))
    except OSError as error:
        raise StoreError(
            f"'{target}' cannot be written ({error.strerror or error})",
            "choose another file, or free space on its disk",
        ) from None
    finally:
        store.close()
    return rows


def import_store(path: Path, source: Path) -> Imported:
    """Adds the answers of an export to a store, and the judges' replies that lie beside it.

    What is there already stays. Every key is computed again from the content before the first row
    is added.

    Args:
        path: The store; made if absent.
        source: A file that ``export_store`` wrote.

    Raises:
        StoreError: When the file is no export, or a key does not follow from its row's content.
    """
    for chunk in _read(source):
        _verify(chunk, source)
    verify_judgements(judgements_path(source))
    with source.open("rb") as file:
        origin = "import:" + hashlib.file_digest(file, "sha256").hexdigest()[:16]
    store = Store(path)
    added = known = conflicting = 0
    for chunk in _read(source):
        rows = [StoredRow(*(record[name] for name in StoredRow._fields)) for record in chunk]
        ours = store.rows((row.item_key for row in rows), failed=True)
        fresh = []
        for row in rows:
            mine = ours.get(row.item_key)
            if mine is None or (mine.status, row.status) == ("error", "ok"):
                fresh.append(row)
            elif (mine.status, row.status) == ("ok", "ok") and mine.text != row.text:
                conflicting += 1
            else:
                known += 1
        if fresh:
            cells = {record["cell_key"]: record["cell"] for record in chunk}
            store.commit(fresh, cells=cells, provenance=_origin(origin, size=len(fresh)))
        added += len(fresh)
    replies = import_judgements(store, judgements_path(source))
    store.close()
    return Imported(added, known, conflicting, replies)


def _origin(name: str, *, size: int) -> Provenance:
    return Provenance(
        run_id=name, host="", device="", model_ref="", size=size, padded_tokens=0, seconds=0.0
    )


def _read(source: Path) -> Iterator[list[dict[str, Any]]]:
    try:
        with pq.ParquetFile(source) as file:
            missing = sorted(set(_SCHEMA.names) - set(file.schema_arrow.names))
            if missing:
                raise StoreError(
                    f"'{source}' is no export of a store: it lacks {', '.join(missing)}",
                    "give a file that 'ipllvm store export' wrote, not its provenance",
                )
            for batch in file.iter_batches(batch_size=ROWS, columns=_SCHEMA.names):
                yield batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"'{source}' cannot be read as parquet ({error})",
            "give a file that 'ipllvm store export' wrote; copy it again if it was cut short",
        ) from None


def _verify(chunk: Sequence[dict[str, Any]], source: Path) -> None:
    keys: dict[str, str] = {}
    for record in chunk:
        text = record["cell"]
        if text not in keys:
            keys[text] = cell_key(json.loads(text))
        right = item_key(keys[text], record["item_id"], record["content"])
        if (record["cell_key"], record["item_key"]) != (keys[text], right) or record[
            "status"
        ] not in ("ok", "error"):
            raise StoreError(
                f"'{source}' was changed after its export: the key of item "
                f"'{record['item_id']}' does not follow from its content",
                "nothing was imported; export again from the store it came from",
            )
