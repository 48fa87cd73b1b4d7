"""Items of a benchmark together with their images: what an engine asks a model about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipllvm_spec.benchmarks.base import Benchmark, Item
from ipllvm_spec.benchmarks.fields import UndecodableImageError
from ipllvm_spec.errors import DataError
from ipllvm_spec.spec.lock import LockFile

if TYPE_CHECKING:
    from PIL.Image import Image

    from ipllvm_spec.benchmarks.sources import Rows


@dataclass(frozen=True)
class LoadedItems:
    """The items of one benchmark from one source.

    Attributes:
        benchmark: Name of the benchmark.
        items: All items in the benchmark's own order, ``image_digest`` filled in.
        content_digest: ``sha256:<hex>`` over items and image digests in order.
        revision: ``twin``, ``local``, or the commit of published data.
        rows: The opened source; images are decoded from it one at a time.
        row_of: Row number by item id.
    """

    benchmark: str
    items: tuple[Item, ...]
    content_digest: str
    revision: str
    rows: Rows
    row_of: Mapping[str, int]

    def image(self, item_id: str) -> Image:
        """Decodes the image of one item to RGB; nothing is kept.

        Raises:
            DataError: When the image is damaged; names benchmark, row and item.
        """
        row = self.row_of[item_id]
        try:
            return self.rows.image(row)
        except UndecodableImageError as error:
            raise DataError(
                f"{self.benchmark}, row {row}, item '{item_id}' of {self.rows.where}: {error}",
                "restore the image; until then the item is recorded as an error, not as wrong",
            ) from None


def load_items(benchmark: Benchmark, source: str, *, lock: LockFile | None = None) -> LoadedItems:
    """Loads the items of a benchmark.

    Args:
        benchmark: The benchmark, from ``registry.get_benchmark``.
        source: ``twin``, ``published``, or a path.
        lock: Commits of published data; the lock file in use when None.

    Raises:
        DataError: When data are missing, incomplete, lack a column, repeat an item or do not
            form whole units.
        LockError: When published data were never locked.
    """
    # The only door to datasets, pyarrow and PIL: whoever imports this module stays light.
    from ipllvm_spec.benchmarks.sources import open_source

    rows = open_source(benchmark, source, lock=lock)
    if not len(rows):
        raise DataError(f"{rows.where} has no row for {benchmark.name}", "render or fetch it again")
    items = benchmark.items(rows.records())
    row_of: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.item_id in row_of:
            raise DataError(
                f"{benchmark.name}, rows {row_of[item.item_id]} and {index} of {rows.where} "
                f"are both item '{item.item_id}'",
                "give each row its own id, as the published data do",
            )
        row_of[item.item_id] = index
    return LoadedItems(benchmark.name, items, digest_items(items), rows.revision, rows, row_of)


def digest_items(items: Sequence[Item]) -> str:
    """Returns ``sha256:<hex>`` over everything that is asked and how it is scored, in order."""
    state = hashlib.sha256()
    for item in items:
        state.update(json.dumps(item.to_json(), sort_keys=True).encode() + b"\n")
    return f"sha256:{state.hexdigest()}"
