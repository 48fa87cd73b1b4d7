"""Parquet files of an export: written with every byte decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

#: Rows of a row group, and of a chunk in memory.
ROWS = 65_536


def write_parquet(
    target: Path, schema: pa.Schema, chunks: Iterable[Sequence[tuple[Any, ...]]]
) -> int:
    """Writes rows into a file that appears whole or not at all; returns their number."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    written = 0
    try:
        # Every option that decides a byte is named: defaults may change with pyarrow.
        with pq.ParquetWriter(
            part,
            schema,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=3,
            use_dictionary=True,
            write_statistics=True,
            write_page_index=False,
            store_schema=False,
        ) as writer:
            for chunk in chunks:
                writer.write_table(_table(chunk, schema), row_group_size=ROWS)
                written += len(chunk)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return written


def _table(chunk: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(zip(*chunk, strict=True), schema, strict=True)
    return pa.Table.from_arrays([pa.array(c, field.type) for c, field in columns], schema=schema)
