"""Where a benchmark's rows come from: its twin, the published data, or a path."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
from PIL.Image import Image

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import IMAGE_DIGEST, Benchmark
from ipllvm_spec.benchmarks.images import Digester, decode, image_bytes
from ipllvm_spec.benchmarks.snapshots import locked_snapshot
from ipllvm_spec.benchmarks.tables import published_entry, read_path, without_progress_bars
from ipllvm_spec.errors import DataError, nearest
from ipllvm_spec.spec.lock import LockFile
from ipllvm_spec.spec.paths import cache_dir

#: Renders the twins. Named rather than imported: it lives on a higher floor.
TWINS = "ipllvm_spec.mini.twins"

#: What the column kinds of ``Benchmark.columns`` accept, as ``datasets`` or Arrow call it.
_DTYPES: Mapping[str, tuple[str, ...]] = {
    fields.TEXT: ("string", "large_string", "string_view"),
    fields.INTEGER: tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}


@dataclass(frozen=True)
class Rows:
    """The rows of one data set; images stay on disk until one is asked for.

    Attributes:
        where: The data set as error messages name it.
        revision: ``twin``, ``local``, or the commit of published data.
        dataset: A ``datasets.Dataset`` whose images are left encoded.
        image_column: The column that holds the image.
    """

    where: str
    revision: str
    dataset: Any
    image_column: str = "image"

    def __len__(self) -> int:
        return len(self.dataset)

    def records(self) -> list[dict[str, Any]]:
        """Returns all rows without their images, each with its ``IMAGE_DIGEST``."""
        digester = Digester()
        # Row by row, so that at most one batch of encoded images is in memory.
        return [
            {
                **{name: value for name, value in row.items() if name != self.image_column},
                IMAGE_DIGEST: digester.digest(row[self.image_column]),
            }
            for row in self.dataset
        ]

    def image(self, index: int) -> Image:
        """Decodes the image of one row to RGB.

        Raises:
            UndecodableImageError: When it is damaged or missing.
        """
        return decode(image_bytes(self.dataset[index][self.image_column]))


def open_source(benchmark: Benchmark, source: str, *, lock: LockFile | None = None) -> Rows:
    """Opens the rows of a benchmark and validates their columns.

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
        snapshot = locked_snapshot(name, lock=lock or LockFile.load())
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
    # A folder for each content: a twin rendered by an older version is never read as this one.
    version = str(pkgutil.resolve_name(f"{TWINS}:twin_digest")(name))[:16]
    build = pkgutil.resolve_name(f"{TWINS}:build_twin")
    with without_progress_bars():
        return Path(build(name, root=cache_dir() / "twins" / version))


def open_published(folder: Path, benchmark: Benchmark, hub_id: str, commit: str) -> Rows:
    """Opens downloaded published data; they must have as many rows as the benchmark.

    Raises:
        DataError: When they lack rows or columns.
    """
    rows = open_rows(folder, benchmark, where=f"{hub_id} at {commit[:12]}", revision=commit)
    expected = published_entry(benchmark.name).items
    if len(rows) != expected:
        raise DataError(
            f"{rows.where} has {len(rows)} rows, {benchmark.name} has {expected}",
            f"run `ipllvm fetch {benchmark.name}` again, or use it as a path to take it as it is",
        )
    return rows


def open_rows(path: Path, benchmark: Benchmark, *, where: str, revision: str) -> Rows:
    """Opens a folder or file as rows with validated columns.

    Raises:
        DataError: When a needed column is missing or of another type.
    """
    rows = Rows(where, revision, read_path(path, benchmark=benchmark.name))
    features = rows.dataset.features
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
    dataset = rows.dataset.select_columns(list(benchmark.columns))
    encoded = dataset.cast_column(rows.image_column, datasets.Image(decode=False))
    return replace(rows, dataset=encoded)


def _holds(feature: Any, kind: str) -> bool:
    if kind != fields.IMAGE:
        return getattr(feature, "dtype", None) in _DTYPES[kind]
    # Parquet files that datasets did not write hold the same content as a struct or bare bytes.
    if isinstance(feature, Mapping):
        return set(feature) == {"bytes", "path"}
    return isinstance(feature, datasets.Image) or getattr(feature, "dtype", "") == "binary"
