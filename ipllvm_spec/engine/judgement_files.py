"""Replies of judges as a file beside an export: they cost money and are worth moving too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ipllvm_spec.engine.keys import reply_key
from ipllvm_spec.engine.parquet_files import ROWS, write_parquet
from ipllvm_spec.engine.store import Store, StoredJudgement
from ipllvm_spec.errors import StoreError

_NUMBERS = ("tries", "prompt_tokens", "reply_tokens")
_SCHEMA = pa.schema(
    [
        pa.field(
            name,
            pa.bool_() if name == "usable" else pa.int64() if name in _NUMBERS else pa.string(),
            nullable=False,
        )
        for name in StoredJudgement._fields
    ]
)
_QUERY = "SELECT * FROM judgements ORDER BY judge_key"


def judgements_path(target: Path) -> Path:
    """Returns the third file of an export: ``x.parquet`` gives ``x.judgements.parquet``."""
    return target.with_name(f"{target.stem}.judgements{target.suffix}")


def export_judgements(store: Store, target: Path) -> int:
    """Writes all replies of judges; no file where there are none, and an older one goes.

    Returns:
        Number of replies.
    """
    if not store.judges():
        target.unlink(missing_ok=True)
        return 0
    chunks = (
        [tuple(StoredJudgement(*row)._replace(usable=bool(row[5]))) for row in chunk]
        for chunk in store.stream(_QUERY, size=ROWS)
    )
    return write_parquet(target, _SCHEMA, chunks)


def verify_judgements(source: Path) -> None:
    """Checks that every key follows from its reply's content; a file may be absent.

    Raises:
        StoreError: When one does not, or the file is none of ours.
    """
    for reply in (reply for chunk in _read(source) for reply in chunk):
        right = reply_key(
            reply.judge, rubric=reply.rubric, question=reply.question, answer=reply.answer
        )
        if reply.judge_key != right:
            raise StoreError(
                f"'{source}' was changed after its export: a key of judge '{reply.judge}' does "
                "not follow from its content",
                "nothing was imported; export again from the store it came from",
            )


def import_judgements(store: Store, source: Path) -> int:
    """Adds the replies of a file; those that are there already stay.

    Returns:
        Replies that were not there.
    """
    added = 0
    for chunk in _read(source):
        known = store.judgements(reply.judge_key for reply in chunk)
        fresh = [reply for reply in chunk if reply.judge_key not in known]
        store.add_judgements(fresh)
        added += len(fresh)
    return added


def _read(source: Path) -> Iterator[list[StoredJudgement]]:
    if not source.exists():
        return
    try:
        with pq.ParquetFile(source) as file:
            if missing := sorted(set(_SCHEMA.names) - set(file.schema_arrow.names)):
                raise StoreError(
                    f"'{source}' holds no replies of judges: it lacks {', '.join(missing)}",
                    "remove it, or copy the one that 'ipllvm store export' wrote",
                )
            for batch in file.iter_batches(batch_size=ROWS, columns=_SCHEMA.names):
                yield [
                    StoredJudgement(*(record[name] for name in StoredJudgement._fields))
                    for record in batch.to_pylist()
                ]
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"'{source}' cannot be read as parquet ({error})",
            "remove it, or copy the one that 'ipllvm store export' wrote",
        ) from None
