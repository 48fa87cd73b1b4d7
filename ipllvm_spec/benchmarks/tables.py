"""Opening folders and parquet files as memory-mapped tables."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from pyarrow import dataset as arrow_dataset
from pyarrow import parquet

from ipllvm_spec.errors import DataError
from ipllvm_spec.spec.entries import BenchmarkEntry
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.paths import cache_dir

#: Words that name a split in the paths of published parquet files.
_SPLITS = (
    *("train", "val", "validation", "dev", "test", "testmini"),
    # DOCCI's: not to be taken for its test split.
    *("qual_dev", "qual_test"),
)
# What datasets raises on files that are damaged, cut off or written by hand.
_UNREADABLE = (
    pa.ArrowException,
    datasets.exceptions.DatasetsError,
    OSError,
    ValueError,
    LookupError,
)
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")


def published_entry(benchmark: str) -> BenchmarkEntry:
    """Returns what ``specs/benchmarks.toml`` declares about the published data."""
    return load_suite().benchmarks[benchmark]


def published_rows(benchmark: str) -> int:
    """Returns how many rows the published split has, asked about or not."""
    entry = published_entry(benchmark)
    return entry.rows or entry.items


def read_path(path: Path, *, benchmark: str, split: str | None = None) -> Any:
    """Returns the ``datasets.Dataset`` that a folder or a parquet file holds.

    Args:
        path: A parquet file, a folder of such files, or one written by ``save_to_disk``.
        benchmark: The benchmark whose split is wanted.
        split: Another split than the one it measures, for example ``train``.

    Raises:
        DataError: When the split is not there, incomplete or damaged.
    """
    try:
        with without_progress_bars():
            if (path / "dataset_dict.json").exists():
                splits = datasets.load_from_disk(str(path))
                return splits[
                    choose_split(list(splits), benchmark=benchmark, where=path, split=split)
                ]
            if (path / "state.json").exists():
                return datasets.load_from_disk(str(path))
            files = (
                [path] if path.is_file() else parquet_files(path, benchmark=benchmark, split=split)
            )
            if not any(parquet.read_metadata(file).num_rows for file in files):
                raise DataError(
                    f"the data of {benchmark} at {path} have no row",
                    "fetch, render or copy them again",
                )
            return datasets.Dataset.from_parquet(
                [str(file) for file in files],
                cache_dir=str(_table_cache(files)),
                # By default the whole file is read ahead into memory while it is converted.
                fragment_scan_options=arrow_dataset.ParquetFragmentScanOptions(pre_buffer=False),
            )
    except _UNREADABLE as error:
        cause = error.__cause__ or error
        detail = f"{type(cause).__name__}: {(str(cause) or 'no detail').splitlines()[0]}"
        raise DataError(
            f"the data of {benchmark} at {path} cannot be read: {detail}",
            "fetch, render or copy them again",
        ) from None


def parquet_files(folder: Path, *, benchmark: str, split: str | None = None) -> list[Path]:
    """Returns the parquet files of the benchmark's split, or another, sorted and complete.

    Raises:
        DataError: When there are none, none of that split, or when a shard is missing.
    """
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.parquet"))
    if not names:
        raise DataError(
            f"there is no parquet file in {folder}, the source of {benchmark}",
            "name a folder of parquet files, one parquet file, or a folder of save_to_disk",
        )
    chosen = of_split(names, benchmark=benchmark, where=folder, split=split)
    _demand_all_shards(chosen, where=folder)
    return [folder / name for name in chosen]


def of_split(
    names: Sequence[str], *, benchmark: str, where: object, split: str | None = None
) -> list[str]:
    """Chooses the parquet files of the benchmark's config and split by their relative names.

    Published files are called ``data/test-00000-of-00004-<hash>.parquet``, ``val.parquet``,
    ``<config>/test/0000.parquet``, or, for a data set of one file, anything.

    Raises:
        DataError: When there are splits but not that one.
    """
    if len(names) == 1:
        return list(names)
    config = published_entry(benchmark).config
    inside = [name for name in names if config and config in name.split("/")]
    by_split: dict[str, list[str]] = {}
    for name in inside or names:
        for word in _splits_in(name):
            by_split.setdefault(word, []).append(name)
    if not by_split and len(inside) == 1:
        return inside
    return by_split[choose_split(list(by_split), benchmark=benchmark, where=where, split=split)]


def _splits_in(name: str) -> set[str]:
    """Returns the names of splits in a path: whole words, joined ones before their parts."""
    found = set()
    for word in re.split(r"[^a-z_]+", name.lower()):
        found.update({word} if word in _SPLITS else set(word.split("_")))
    return found.intersection(_SPLITS)


def choose_split(
    found: Sequence[str], *, benchmark: str, where: object, split: str | None = None
) -> str:
    """Returns the name under which the benchmark's split, or another, is there.

    Raises:
        DataError: When it is not.
    """
    split = split or published_entry(benchmark).split
    # The Hub renames val to validation when it converts a data set.
    for name in ("val", "validation") if split in ("val", "validation") else (split,):
        if name in found:
            return name
    raise DataError(
        f"{where} has no split '{split}' of {benchmark}, "
        f"only: {', '.join(sorted(found)) or 'files whose names tell no split'}",
        "name the folder or the parquet file that holds that split",
    )


def _demand_all_shards(names: Sequence[str], *, where: Path) -> None:
    """Refuses an incomplete download: fewer rows would be a different benchmark."""
    marks = [match for name in names if (match := _SHARD.search(name))]
    if not marks:
        return
    total = max(int(match[2]) for match in marks)
    missing = sorted(set(range(total)) - {int(match[1]) for match in marks})
    if missing:
        raise DataError(
            f"{where} lacks {len(missing)} of {total} parquet files, "
            f"the first is ...-{missing[0]:05d}-of-{total:05d}...",
            "complete the download or the copy",
        )


def _table_cache(files: Sequence[Path]) -> Path:
    """Returns the folder for memory-mapped copies, another one for each state of the files."""
    stats = [(str(file.resolve()), file.stat()) for file in files]
    state = repr([(name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats])
    return cache_dir() / "tables" / hashlib.sha256(state.encode()).hexdigest()[:16]


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keeps conversion bars out of our own progress display; restores the user's setting."""
    shown = datasets.utils.are_progress_bars_disabled() is False
    datasets.utils.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.utils.enable_progress_bars()
