"""What an encoder says of changed images: how similar it finds them to the originals."""

from __future__ import annotations

from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.errors import DataError

if TYPE_CHECKING:
    from ipllvm_spec.engine.client import EngineClient
    from ipllvm_spec.verdicts.measurement import Sheet
    from ipllvm_spec.verdicts.streams import Floats


class Similarity:
    """Cosines of one encoder's embeddings of images as they are and under an intervention.

    Section 3.4 calls their mean over a benchmark CLIP-I where CLIP is the encoder.

    Attributes:
        sheet: The benchmark's units.
        cell: The cell.
        available: Units that may be measured.
    """

    def __init__(
        self, client: EngineClient, sheet: Sheet, cell: Cell, *, units: int | None = None
    ) -> None:
        self.sheet = sheet
        self.cell = cell
        self.available = min(len(sheet.units), units or len(sheet.units))
        self._client = client

    @cached_property
    def values(self) -> Floats:
        """Mean cosine over the images of each available unit, in [-1, 1]; shape (available,).

        Raises:
            DataError: When an image could not be shown.
        """
        units = self.sheet.units[: self.available]
        rows = iter(self._client.measure(self.cell, 0, self.available))
        return np.array([fmean(_cosine(self.cell, next(rows)) for _ in u.items) for u in units])

    @property
    def mean(self) -> float:
        """The mean over the units, weighted as in the benchmark's metric."""
        return float(np.average(self.values, weights=self.sheet.weights[: self.available]))


def _cosine(cell: Cell, row: Row) -> float:
    if row.status != "ok":
        raise DataError(
            f"{cell.benchmark}: item '{row.item_id}' could not be shown: {row.text}",
            "repair or replace that row; every other answer is stored",
        )
    return float(row.text)
