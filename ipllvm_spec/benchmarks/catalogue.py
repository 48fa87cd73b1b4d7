"""What is known of every benchmark and data set, and whether its data are what was locked.

Nothing here uses the network, and a look in passing decodes no image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ipllvm_spec.benchmarks.base import DataSet, Item
from ipllvm_spec.benchmarks.data import MAX_UNDECODABLE, LoadedItems, items_of
from ipllvm_spec.benchmarks.images import Digester, FileDigester
from ipllvm_spec.benchmarks.registry import BENCHMARKS, DATA_SETS, get_benchmark, get_data_set
from ipllvm_spec.benchmarks.rows import Rows
from ipllvm_spec.benchmarks.snapshots import cached_snapshot, changed_files, locked_commit
from ipllvm_spec.benchmarks.sources import open_published, open_source, rendered_twin
from ipllvm_spec.benchmarks.tables import published_entry, published_rows
from ipllvm_spec.errors import DataError, UnknownNameError
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.lock import LockFile

#: What is not plain accuracy over questions.
_METRICS: Mapping[str, str] = MappingProxyType(
    {
        "mmvp": "accuracy of pairs",
        "mme": "accuracy + accuracy+",
        "mmvet": "mean rating",
        "llava_w": "mean rating",
        "chartqa": "relaxed accuracy",
        "gsm8k": "exact match",
    }
)
#: Rows of published data that a look in passing reads; ImageNet's 50,000 photographs are more.
_LARGEST = 30_000


@dataclass(frozen=True, kw_only=True)
class Published:
    """The published data of one data set, as far as they are known here.

    Attributes:
        name: Name of the data set.
        title: Its name in tables.
        split: The split that is read.
        config: The configuration of the hub data set; None for the only one.
        rows: Rows of that split.
        hub: Hub ids, in the order in which they are tried.
        hub_id: The id that is locked; None when none is.
        commit: The locked commit, 40 hex digits; None when none is.
        folder: Where the locked commit lies on this machine; None when it does not.
        licence: As far as known.
        gated: Whether the Hub asks to accept terms first.
    """

    name: str
    title: str
    split: str
    config: str | None
    rows: int
    hub: tuple[str, ...]
    hub_id: str | None
    commit: str | None
    folder: str | None
    licence: str
    gated: bool

    @property
    def state(self) -> str:
        """Whether a run could use them: ``cached``, ``locked`` only, or ``-``."""
        return "cached" if self.folder else "locked" if self.commit else "-"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one benchmark in one protocol mode.

    Attributes:
        published: Its published data.
        mode: The protocol mode.
        modes: All modes on offer.
        metric: Name of the published metric; "" for a data set that has none.
        scale: Largest value of the metric; 0 for a data set that has none.
        judge: Whether a judge model scores the answers: ``no``, ``optional`` or ``required``.
        judges: The same for every mode.
        units: What is scored, of the published data.
        items: Questions, of the published data.
        twin_units: What is scored, of the twin.
        twin_items: Questions of the twin.
        chance: Expected metric of guessing, from the items at hand; None when there are none.
        read_from: Where the items came from: ``published``, ``twin`` or "".
        example: The prompt of their first item.
        max_new_tokens: Longest answer.
        columns: Needed columns and what each holds.
        problem: Why the items at hand could not be read; "" when they could.
    """

    published: Published
    mode: str
    modes: tuple[str, ...]
    metric: str
    scale: float
    judge: str
    judges: Mapping[str, str]
    units: int
    items: int
    twin_units: int
    twin_items: int
    chance: float | None
    read_from: str
    example: str
    max_new_tokens: int
    columns: Mapping[str, str]
    problem: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Data that were read whole.

    Attributes:
        where: The data as messages name them.
        loaded: The items with what had to be left out of them.
        rows: Rows of the split.
        images: Rows that have an image.
        undecodable: Rows whose image cannot be decoded, 0-based, with the reason.
    """

    where: str
    loaded: LoadedItems
    rows: int
    images: int
    undecodable: Mapping[int, str]


def published(name: str, *, lock: LockFile) -> Published:
    """Returns what is known of a data set's published data.

    Raises:
        UnknownNameError: For an unknown data set.
    """
    get_data_set(name)
    entry = published_entry(name)
    locked = locked_commit(entry.hub, lock)
    folder: Path | None = None
    if locked is not None:
        try:
            folder = cached_snapshot(name, lock=lock).folder
        except DataError:
            folder = None
    return Published(
        name=name,
        title=entry.title,
        split=entry.split,
        config=entry.config,
        rows=published_rows(name),
        hub=entry.hub,
        hub_id=locked[0] if locked else None,
        commit=locked[1] if locked else None,
        folder=None if folder is None else str(folder),
        licence=entry.licence,
        gated=entry.gated,
    )


def facts(name: str, mode: str | None = None, *, lock: LockFile) -> Facts:
    """Returns what is known of a benchmark or data set.

    Args:
        name: Its name.
        mode: The protocol mode; the first one when None.
        lock: Commits of published data.

    Raises:
        UnknownNameError: For an unknown name or mode.
    """
    data_set = get_data_set(name) if mode is None else get_benchmark(name, mode)
    data = published(name, lock=lock)
    read_from, items, problem = _items_at_hand(data_set, data)
    chance, scale, tokens = None, 0.0, 0
    judges: dict[str, str] = {}
    if name in BENCHMARKS:
        benchmark = get_benchmark(name, mode or "standard")
        judges = {known: get_benchmark(name, known).judge for known in benchmark.modes}
        scale, tokens = benchmark.scale, benchmark.decoding.max_new_tokens
        chance = benchmark.chance(benchmark.units(items)) if items else None
    asked = mode or next(iter(judges), "standard")
    size = published_entry(name).size(asked)
    return Facts(
        published=data,
        mode=asked,
        modes=tuple(judges),
        metric=_METRICS.get(name, "accuracy") if name in BENCHMARKS else "",
        scale=scale,
        judge=judges.get(asked, "no"),
        judges=judges,
        units=size.units,
        items=size.items,
        twin_units=size.twin_units,
        twin_items=size.twin_items,
        chance=chance,
        read_from=read_from,
        example=items[0].prompt if items else "",
        max_new_tokens=tokens,
        columns=dict(data_set.columns),
        problem=problem,
    )


def _items_at_hand(data_set: DataSet, data: Published) -> tuple[str, tuple[Item, ...], str]:
    """Returns where items are at hand, the items, and why they are not."""
    try:
        if data.folder and data.hub_id and data.commit and data.rows <= _LARGEST:
            rows = open_published(Path(data.folder), data_set, data.hub_id, data.commit)
            return "published", data_set.items(rows.records(FileDigester())), ""
        if rendered_twin(data.name):
            rows = open_source(data_set, "twin")
            return "twin", data_set.items(rows.records(FileDigester())), ""
    except UnknownNameError:
        # Not every data set has a twin.
        return "", (), ""
    except DataError as error:
        return "", (), error.problem
    return "", (), ""


def verify(name: str, source: str, *, lock: LockFile) -> Verified:
    """Reads the data of one source whole: columns, rows, units and every image.

    Args:
        name: Name of the data set.
        source: ``published`` for what is cached at the locked commit (nothing is downloaded),
            ``twin``, or a path.
        lock: Commits of published data.

    Raises:
        LockError: When the published data were never locked.
        DataError: When they are not here, a file changed after its download, a column is missing
            or changed its type, rows are missing, units are not whole, or more than 1 % of the
            images cannot be decoded. The message names commit or path, and column or row.
    """
    data_set = get_data_set(name)
    if source == "published":
        snapshot = cached_snapshot(name, lock=lock)
        if changed := changed_files(snapshot.folder, benchmark=name):
            raise DataError(
                f"{snapshot.hub_id} at {snapshot.commit[:12]}: {', '.join(changed)} changed after "
                "the download",
                f"delete {snapshot.folder} and run `ipllvm data fetch {name}`",
            )
        rows = open_published(snapshot.folder, data_set, snapshot.hub_id, snapshot.commit)
    else:
        rows = open_source(data_set, source, lock=lock)
    digester = Digester()
    digests = _all_digests(rows, digester)
    undecodable = {
        row: digester.failures[digest]
        for row, digest in enumerate(digests)
        if digest in digester.failures
    }
    images = sum(map(bool, digests))
    # What was decoded for the count is not decoded again for the items.
    loaded = items_of(data_set, rows, digester)
    if len(undecodable) > MAX_UNDECODABLE * images:
        row, reason = next(iter(undecodable.items()))
        raise DataError(
            f"{rows.where}: {len(undecodable)} of {images} images of {name} cannot be decoded, "
            f"the first in row {row}: {reason}",
            "fetch, render or copy the data again",
        )
    return Verified(
        where=rows.where, loaded=loaded, rows=len(rows), images=images, undecodable=undecodable
    )


def _all_digests(rows: Rows, digester: Digester) -> list[str]:
    return [digester.digest(rows.cell(row)) for row in range(len(rows))]


def locked_names(lock: LockFile) -> tuple[str, ...]:
    """Returns the data sets of which a commit is locked, in the order of the registry."""
    declared = load_suite().benchmarks
    return tuple(
        name
        for name in DATA_SETS
        if name in declared and locked_commit(declared[name].hub, lock) is not None
    )
