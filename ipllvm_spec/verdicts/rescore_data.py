"""Finds the data that stored answers belong to: by digest, else by the questions themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ipllvm_spec.benchmarks.base import Benchmark, Unit
from ipllvm_spec.benchmarks.data import LoadedItems, load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.keys import content_digest
from ipllvm_spec.engine.plan import unit_order
from ipllvm_spec.errors import DataError, IpllvmError
from ipllvm_spec.spec.lock import LockFile

#: Said of data whose items differ from those asked in something that no model saw.
REBUILT = "same questions and images, but answers or details differ from those of the run"


@dataclass(frozen=True)
class Found:
    """Data that answers belong to.

    Attributes:
        benchmark: How they are scored.
        units: All units, in the benchmark's own order.
        items: Their items, which give the images.
        source: ``twin``, ``published`` or a path.
        note: What is unusual about them, "" for nothing.
    """

    benchmark: Benchmark
    units: tuple[Unit, ...]
    items: LoadedItems
    source: str
    note: str = ""

    def ordered(self, suite_seed: int) -> tuple[Unit, ...]:
        """Returns the units in the order in which a run measures them."""
        return unit_order(self.units, suite_seed=suite_seed, benchmark=self.benchmark.name)


@dataclass(frozen=True)
class _Loaded:
    """Items of a source with what identifies them."""

    items: LoadedItems
    contents: Mapping[str, str]
    units: tuple[Unit, ...]


class Finder:
    """Loads each data set once and recognises it by its content.

    Args:
        paths: A folder or parquet file by benchmark, as given by the user.
        known: Further places by benchmark, for example those that records name.
        lock: Commits of published data, looked up in the cache; the lock file in use when None.
    """

    def __init__(
        self,
        paths: Mapping[str, str],
        *,
        known: Mapping[str, frozenset[str]] | None = None,
        lock: LockFile | None = None,
    ) -> None:
        self._paths = paths
        self._known = known or {}
        self._lock = lock
        self._loaded: dict[tuple[str, str, str], _Loaded | str] = {}

    def find(
        self, name: str, mode: str, *, content: str, revision: str, asked: Mapping[str, str]
    ) -> Found | str:
        """Finds the data of a cell.

        Args:
            name: Name of the benchmark.
            mode: Protocol mode.
            content: Digest of the items that were asked.
            revision: ``twin``, ``local``, or the commit of published data.
            asked: ``content_digest`` of the answered items, by item id.

        Returns:
            The data, or why they were not found, as one sentence.
        """
        try:
            benchmark = get_benchmark(name, mode)
        except IpllvmError as error:
            return error.problem
        reasons = []
        alike: Found | None = None
        for source in self._sources(name, revision):
            loaded = self._load(benchmark, source)
            if isinstance(loaded, str):
                reasons.append(loaded)
            elif loaded.items.content_digest == content:
                return Found(benchmark, loaded.units, loaded.items, source)
            elif all(loaded.contents.get(item) == digest for item, digest in asked.items()):
                # Gold answers or details may have been read anew: that is what is scored here.
                alike = alike or Found(benchmark, loaded.units, loaded.items, source, REBUILT)
            else:
                reasons.append(f"{loaded.items.rows.where} has other questions or images")
        if alike is not None:
            return alike
        return "; ".join(reasons) or f"give the folder with --benchmarks {name}=FOLDER"

    def _sources(self, name: str, revision: str) -> Iterator[str]:
        if name in self._paths:
            yield self._paths[name]
        if revision == "twin":
            yield "twin"
        elif revision != "local":
            yield "published"
        yield from sorted(self._known.get(name, frozenset()) - {"twin", "published"})

    def _load(self, benchmark: Benchmark, source: str) -> _Loaded | str:
        key = (benchmark.name, benchmark.mode, source)
        if key not in self._loaded:
            try:
                self._loaded[key] = self._read(benchmark, source)
            except IpllvmError as error:
                self._loaded[key] = error.problem
        return self._loaded[key]

    def _read(self, benchmark: Benchmark, source: str) -> _Loaded:
        items = load_items(benchmark, source, lock=self._lock)
        contents = {item.item_id: content_digest(item) for item in items.items}
        units = benchmark.units(items.items)
        if not units:
            raise DataError(f"{items.rows.where} has no unit of {benchmark.name}")
        return _Loaded(items, contents, units)
