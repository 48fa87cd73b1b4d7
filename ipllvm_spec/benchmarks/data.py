"""Items of a benchmark together with their images: what an engine asks a model about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipllvm_spec.benchmarks.base import DataSet, Item
from ipllvm_spec.benchmarks.fields import UndecodableImageError
from ipllvm_spec.errors import DataError
from ipllvm_spec.spec.lock import LockFile

if TYPE_CHECKING:
    from PIL.Image import Image

    from ipllvm_spec.benchmarks.images import Digester
    from ipllvm_spec.benchmarks.rows import Rows


#: Largest share of items that may be left out because their images cannot be decoded.
MAX_UNDECODABLE = 0.01
#: Rows that an error message lists.
_SHOWN = 5


@dataclass(frozen=True)
class Undecodable:
    """A row that cannot be asked about.

    Attributes:
        row: 0-based row of the data set.
        item_id: Its item.
        reason: What is wrong with its image.
    """

    row: int
    item_id: str
    reason: str


@dataclass(frozen=True)
class LoadedItems:
    """The items of one benchmark from one source.

    Attributes:
        benchmark: Name of the benchmark.
        items: The items in the benchmark's own order, ``image_digest`` filled in. A unit that
            lacks an image is left out whole.
        content_digest: ``sha256:<hex>`` over items and image digests in order.
        revision: ``twin``, ``local``, or the commit of published data.
        rows: The opened source; images are decoded from it one at a time.
        row_of: Row number by item id.
        undecodable: Rows whose images cannot be decoded, in order.
        excluded_units: Units that are left out because of them, in order.
    """

    benchmark: str
    items: tuple[Item, ...]
    content_digest: str
    revision: str
    rows: Rows
    row_of: Mapping[str, int]
    undecodable: tuple[Undecodable, ...] = ()
    excluded_units: tuple[str, ...] = ()

    def image(self, item_id: str) -> Image:
        """Decodes the image of one item to RGB; nothing is kept.

        Raises:
            DataError: When the image is damaged since it was loaded; names benchmark, row and
                item.
        """
        row = self.row_of[item_id]
        try:
            return self.rows.image(row)
        except UndecodableImageError as error:
            raise DataError(
                f"{self.benchmark}, row {row}, item '{item_id}' of {self.rows.where}: {error}",
                "restore the image; until then the item is recorded as an error, not as wrong",
            ) from None


def load_items(benchmark: DataSet, source: str, *, lock: LockFile | None = None) -> LoadedItems:
    """Loads the items of a benchmark or of another data set.

    Args:
        benchmark: The benchmark, from ``registry.get_benchmark`` or ``get_data_set``.
        source: ``twin``, ``published``, or a path.
        lock: Commits of published data; the lock file in use when None.

    Raises:
        DataError: When data are missing, incomplete, lack a column, repeat an item, do not form
            whole units, or when more than 1 % of their images cannot be decoded.
        LockError: When published data were never locked.
    """
    # The only door to datasets, pyarrow and PIL: whoever imports this module stays light.
    from ipllvm_spec.benchmarks.sources import open_source

    return items_of(benchmark, open_source(benchmark, source, lock=lock))


def items_of(benchmark: DataSet, rows: Rows, digester: Digester | None = None) -> LoadedItems:
    """Makes the items of opened rows; decodes each of their images once and keeps none.

    Args:
        benchmark: The benchmark or data set.
        rows: Its rows.
        digester: Knows images that were decoded before; a new one when None.

    Raises:
        DataError: As for ``load_items``.
    """
    if not len(rows):
        raise DataError(f"{rows.where} has no row for {benchmark.name}", "render or fetch it again")
    if digester is None:
        from ipllvm_spec.benchmarks.images import Digester

        digester = Digester()
    items = benchmark.items(rows.records(digester))
    row_of = _rows_of(items, benchmark.name, rows.where)
    lost = {item.item_id: digester.failures.get(item.image_digest, "") for item in items}
    if rows.image_column is not None:
        lost |= {i.item_id: "the row has no image" for i in items if not i.image_digest}
    undecodable = tuple(
        Undecodable(row_of[item_id], item_id, reason) for item_id, reason in lost.items() if reason
    )
    _demand_few(undecodable, of=len(items), benchmark=benchmark.name, where=rows.where)
    # The whole unit goes: half a pair cannot be scored as published.
    excluded = dict.fromkeys(item.unit_id for item in items if lost[item.item_id])
    kept = tuple(item for item in items if item.unit_id not in excluded)
    return LoadedItems(
        benchmark=benchmark.name,
        items=kept,
        content_digest=digest_items(kept),
        revision=rows.revision,
        rows=rows,
        row_of={item.item_id: row_of[item.item_id] for item in kept},
        undecodable=undecodable,
        excluded_units=tuple(excluded),
    )


def _rows_of(items: Sequence[Item], benchmark: str, where: str) -> dict[str, int]:
    row_of: dict[str, int] = {}
    for place, item in enumerate(items):
        index = place if item.row < 0 else item.row
        if item.item_id in row_of:
            raise DataError(
                f"{benchmark}, rows {row_of[item.item_id]} and {index} of {where} "
                f"are both item '{item.item_id}'",
                "give each row its own id, as the published data do",
            )
        row_of[item.item_id] = index
    return row_of


def _demand_few(found: Sequence[Undecodable], *, of: int, benchmark: str, where: str) -> None:
    if len(found) <= MAX_UNDECODABLE * of:
        return
    first = "; ".join(f"row {part.row}: {part.reason}" for part in found[:_SHOWN])
    more = "; ..." if len(found) > _SHOWN else ""
    raise DataError(
        f"{len(found)} of {of} images of {benchmark} in {where} cannot be decoded, "
        f"more than {MAX_UNDECODABLE:.0%}: {first}{more}",
        "fetch, render or copy the data again: this is not the published benchmark",
    )


def digest_items(items: Sequence[Item]) -> str:
    """Returns ``sha256:<hex>`` over everything that is asked and how it is scored, in order."""
    state = hashlib.sha256()
    for item in items:
        state.update(json.dumps(item.to_json(), sort_keys=True).encode() + b"\n")
    return f"sha256:{state.hexdigest()}"
