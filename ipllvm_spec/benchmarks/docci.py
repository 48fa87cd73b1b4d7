"""DOCCI: photographs with long descriptions, for measures between captions and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.benchmarks.captions import CAPTION_PROMPT

#: How many images measures over pairs take: a mutual nearest-neighbour score depends on it.
ASKED = 1024


class Docci:
    """The first 1,024 images of the test split by ``example_id``; no metric."""

    name = "docci"
    title = "DOCCI"
    image_column: str | None = "image"
    columns: Mapping[str, str] = {
        "image": fields.IMAGE,
        "example_id": fields.TEXT,
        "description": fields.TEXT,
    }

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes items in order of ``example_id`` (as text); the gold answer is the description.

        Raises:
            DataError: For a row without id or description.
        """
        ids = [
            fields.text(row, "example_id", benchmark=self.name, index=index)
            for index, row in enumerate(rows)
        ]
        first = sorted(range(len(ids)), key=lambda index: (ids[index], index))[:ASKED]
        return tuple(self._item(rows[index], index) for index in first)

    def _item(self, row: Mapping[str, Any], index: int) -> Item:
        example = fields.text(row, "example_id", benchmark=self.name, index=index)
        digest = fields.image_digest(row)
        return Item(
            item_id=example,
            unit_id=example,
            cluster_id=digest or example,
            stratum="",
            prompt=CAPTION_PROMPT,
            gold=fields.text(row, "description", benchmark=self.name, index=index).strip(),
            image_digest=digest,
            row=index,
        )
