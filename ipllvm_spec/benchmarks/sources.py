"""Where a benchmark's rows come from: its twin, the published data, or a path."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import DataSet
from ipllvm_spec.benchmarks.rows import Rows
from ipllvm_spec.benchmarks.snapshots import cached_snapshot
from ipllvm_spec.benchmarks.tables import published_rows, read_path, without_progress_bars
from ipllvm_spec.errors import DataError, nearest
from ipllvm_spec.spec.lock import LockFile
from ipllvm_spec.spec.paths import cache_dir

#: Renders the twins. Named rather than imported: it lives on a higher floor.
TWINS = "ipllvm_spec.mini.twins"

_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
#: What the column kinds of ``DataSet.columns`` accept, as ``datasets`` or Arrow call it.
_DTYPES: Mapping[str, tuple[str, ...]] = {
    fields.TEXT: ("string", "large_string", "string_view"),
    fields.INTEGER: _INTEGERS,
    # A column of numbers that all happen to be whole may have been written as integers.
    fields.FLOAT: ("float16", "float32", "float64", *_INTEGERS),
}


def open_source(benchmark: DataSet, source: str, *, lock: LockFile | None = None) -> Rows:
    """Opens the rows of a benchmark and validates their columns. Never uses the network.

    Args:
        benchmark: Says which columns are needed.
        source: ``twin``, ``published``, or a path: a folder of parquet files, a folder written
            by ``save_to_disk``, or one parquet file.
        lock: Commits of published data; the lock file in use when None.

    Raises:
        DataError: When data are missing, incomplete or lack a column.
        LockError: When published data were never locked.
    """
    name = benchmark.name
    if source == "twin":
        return open_rows(twin_folder(name), benchmark, where=f"the twin of {name}", revision="twin")
    if source == "published":
        snapshot = cached_snapshot(name, lock=lock or LockFile.load())
        return open_published(snapshot.folder, benchmark, snapshot.hub_id, snapshot.commit)
    path = Path(source).expanduser()
    if not path.exists():
        raise DataError(
            f"the source '{source}' of {name} does not exist",
            "a source is 'twin', 'published', or a folder or parquet file on this machine",
        )
    return open_rows(path, benchmark, where=source, revision="local")


def twin_folder(name: str) -> Path:
    """Returns the folder of a rendered twin in the cache; renders it on first use.

    Raises:
        DataError: When the cache cannot be written or the renderer changed.
    """
    build = pkgutil.resolve_name(f"{TWINS}:build_twin")
    with without_progress_bars():
        return Path(build(name, root=_twin_root(name)))


def rendered_twin(name: str) -> Path | None:
    """Returns the folder of a twin that is rendered already; renders nothing.

    Raises:
        UnknownNameError: When no twin has that name.
    """
    folder = _twin_root(name) / name
    return folder if any(folder.glob("*.parquet")) else None


def _twin_root(name: str) -> Path:
    # A folder for each content: a twin rendered by an older version is never read as this one.
    version = str(pkgutil.resolve_name(f"{TWINS}:twin_digest")(name))[:16]
    return cache_dir() / "twins" / version


def open_published(folder: Path, benchmark: DataSet, hub_id: str, commit: str) -> Rows:
    """Opens downloaded published data; they must have as many rows as the benchmark.

    Raises:
        DataError: When they lack rows or columns.
    """
    rows = open_rows(folder, benchmark, where=f"{hub_id} at {commit[:12]}", revision=commit)
    expected = published_rows(benchmark.name)
    if len(rows) != expected:
        raise DataError(
            f"{rows.where} has {len(rows)} rows, {benchmark.name} has {expected}",
            f"run `ipllvm data fetch {benchmark.name} --update` for the newest commit, or use "
            "the folder as a path to take it as it is",
        )
    return rows


def open_rows(
    path: Path, benchmark: DataSet, *, where: str, revision: str, split: str | None = None
) -> Rows:
    """Opens a folder or file as rows with validated columns.

    Args:
        path: A folder of parquet files or of ``save_to_disk``, or one parquet file.
        benchmark: Says which columns are needed.
        where: The data as error messages name them.
        revision: ``Rows.revision``.
        split: Another split than the one that the benchmark measures.

    Raises:
        DataError: When a needed column is missing or of another type.
    """
    dataset = read_path(path, benchmark=benchmark.name, split=split)
    features = dataset.features
    for column, kind in benchmark.columns.items():
        if column not in features:
            others = set(features) - set(benchmark.columns) or set(features)
            raise DataError(
                f"{where} lacks column '{column}' ({kind}) of {benchmark.name}; "
                f"found: {', '.join(features)}",
                f"rename or add it ({nearest(column, others)}), or use the published data",
            )
        if not _holds(features[column], kind):
            raise DataError(
                f"{where}: column '{column}' of {benchmark.name} must hold {kind}, "
                f"but holds {features[column]}",
                "convert the column, or use the published data",
            )
    dataset = dataset.select_columns(list(benchmark.columns))
    if benchmark.image_column is not None:
        dataset = dataset.cast_column(benchmark.image_column, datasets.Image(decode=False))
    return Rows(where, revision, dataset, benchmark.image_column)


def _holds(feature: Any, kind: str) -> bool:
    if kind == fields.IMAGE:
        # Parquet files that datasets did not write hold the same content as a struct or bytes.
        if isinstance(feature, Mapping):
            return set(feature) == {"bytes", "path"}
        return isinstance(feature, datasets.Image) or getattr(feature, "dtype", "") == "binary"
    # Where no row has a value, the readers of the benchmark decide whether that may be.
    if kind == fields.ANY or getattr(feature, "dtype", None) == "null":
        return True
    if kind == fields.STRUCT:
        return isinstance(feature, Mapping | datasets.Json)
    if kind == fields.LIST:
        listed = isinstance(feature, datasets.List | datasets.LargeList)
        return listed and _holds(feature.feature, fields.TEXT)
    return getattr(feature, "dtype", None) in _DTYPES[kind]
