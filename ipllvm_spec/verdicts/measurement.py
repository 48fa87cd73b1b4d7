"""Measured unit scores of one condition, fetched from the engines as far as a judge needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.benchmarks.base import Benchmark, ItemScore, Unit
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.answers import Description
from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.errors import DataError
from ipllvm_spec.measures.accuracy import published_metric
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Identity, Intervention
from ipllvm_spec.verdicts.streams import Scores

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """A benchmark's units in the seeded order in which they are measured.

    Attributes:
        benchmark: The benchmark in its protocol mode.
        units: All units, in measuring order.
        description: What the engine says about the data.
    """

    benchmark: Benchmark
    units: tuple[Unit, ...]
    description: Description

    @cached_property
    def weights(self) -> Floats:
        """Weights of all units in the published metric, shape (n_total,)."""
        return np.array([unit.weight for unit in self.units])

    @cached_property
    def clusters(self) -> tuple[str, ...]:
        """Cluster of every unit."""
        return tuple(unit.cluster_id for unit in self.units)


class Sheets:
    """The sheets of one process; each is asked for once."""

    def __init__(self, client: EngineClient) -> None:
        self.client = client
        self._sheets: dict[tuple[str, str, str], Sheet] = {}

    def get(self, name: str, *, source: str, mode: str) -> Sheet:
        """Returns the sheet of a benchmark.

        Raises:
            DataError: When its data are missing or damaged.
        """
        key = (name, source, mode)
        if key not in self._sheets:
            benchmark = get_benchmark(name, mode)
            description = self.client.describe(name, source, mode)
            units = {unit.unit_id: unit for unit in benchmark.units(description.items)}
            ordered = tuple(units[unit_id] for unit_id in description.order)
            self._sheets[key] = Sheet(benchmark, ordered, description)
        return self._sheets[key]

    def measurement(self, case: Case, intervention: Intervention, *, repeats: int) -> Measurement:
        """Returns a measurement of a case's benchmark, of which nothing is measured yet."""
        assert case.benchmark is not None
        sheet = self.get(case.benchmark, source=case.source(case.benchmark), mode=case.mode)
        # Without an intervention there is nothing random, so a repeat would be the same run.
        count = repeats if intervention != Identity() else 1
        cells = [
            Cell(
                model=case.model,
                benchmark=case.benchmark,
                source=case.source(case.benchmark),
                mode=case.mode,
                intervention=intervention,
                repeat=repeat,
            )
            for repeat in range(count)
        ]
        return Measurement(self.client, sheet, cells, units=case.units)


class Measurement:
    """Scores of one model on one benchmark under one intervention.

    Args:
        client: Asks the engines.
        sheet: The benchmark's units.
        cells: One cell per repeat.
        units: How many units may be measured; None for all.
    """

    def __init__(
        self,
        client: EngineClient,
        sheet: Sheet,
        cells: Sequence[Cell],
        *,
        units: int | None = None,
    ) -> None:
        self.sheet = sheet
        self.cells = tuple(cells)
        self.n_total = len(sheet.units)
        self.available = min(self.n_total, units or self.n_total)
        self._client = client
        self._scores: list[list[float]] = [[] for _ in cells]
        self._answers: list[list[tuple[Row, ItemScore]]] = [[] for _ in cells]

    @property
    def intervention(self) -> Intervention:
        """What was changed in the forward pass."""
        return self.cells[0].intervention

    @property
    def measured(self) -> int:
        """Units measured so far."""
        return len(self._scores[0])

    def take(self, stop: int) -> Floats:
        """Measures what is missing of the first ``stop`` units.

        Returns:
            Unit scores in [0, 1], shape (repeats, stop).

        Raises:
            DataError: When an item could not be asked; everything else is measured and stored.
        """
        for repeat in range(len(self.cells)):
            self._extend(repeat, stop)
        return np.array([scores[:stop] for scores in self._scores])

    def window(self, start: int, stop: int) -> Floats:
        """Measures units ``start`` to ``stop`` only, of the first repeat; shape (1, stop - start).

        A search asks for a few units of very many interventions, far from where they begin.
        """
        return np.array([self._read(0, start, stop)[0]])

    def metric(self) -> float | None:
        """Published metric of the units measured so far, on the benchmark's scale."""
        count = self.measured
        if not count:
            return None
        return published_metric(
            np.array([scores[:count] for scores in self._scores]),
            weights=self.sheet.weights[:count],
            scale=self.sheet.benchmark.scale,
        )

    def chance(self) -> float:
        """Metric of guessing, on the benchmark's scale, from the measured part's items."""
        return self.sheet.benchmark.chance(self.sheet.units)

    def unparsed(self) -> int:
        """Answers so far from which nothing could be read, over all repeats."""
        return sum(score.parsed.value is None for answers in self._answers for _, score in answers)

    def texts(self, position: int) -> tuple[str, ...]:
        """Raw answers of the first repeat to the items of the unit at a position."""
        start = sum(len(unit.items) for unit in self.sheet.units[:position])
        count = len(self.sheet.units[position].items)
        return tuple(row.text for row, _ in self._answers[0][start : start + count])

    def _extend(self, repeat: int, stop: int) -> None:
        start = len(self._scores[repeat])
        if start < stop:
            scores, answers = self._read(repeat, start, stop)
            self._scores[repeat].extend(scores)
            self._answers[repeat].extend(answers)

    def _read(
        self, repeat: int, start: int, stop: int
    ) -> tuple[list[float], list[tuple[Row, ItemScore]]]:
        cell = self.cells[repeat]
        rows = iter(self._client.measure(cell, start, stop))
        scores, answers = [], []
        for unit in self.sheet.units[start:stop]:
            parts = []
            for item in unit.items:
                row = next(rows)
                if row.status != "ok":
                    raise DataError(
                        f"{cell.benchmark}: item '{item.item_id}' could not be asked: {row.text}",
                        "repair or replace that row; every other answer is stored",
                    )
                parts.append((row, self.sheet.benchmark.score_item(item, row.text)))
            scores.append(self.sheet.benchmark.score_unit(unit, [score for _, score in parts]))
            answers.extend(parts)
        return scores, answers


@dataclass(frozen=True)
class Comparison:
    """Two measurements of the same units: the stream that a judge reads.

    Attributes:
        intact: The condition that should score higher.
        other: Under the intervention or the control.
    """

    intact: Measurement
    other: Measurement

    @property
    def weights(self) -> Floats:
        """Weights of all units."""
        return self.intact.sheet.weights

    @property
    def clusters(self) -> Sequence[str]:
        """Cluster of every unit."""
        return self.intact.sheet.clusters

    @property
    def available(self) -> int:
        """Units that may be measured."""
        return self.intact.available

    def take(self, stop: int) -> Scores:
        """Measures what is missing and returns the scores of the first ``stop`` units."""
        return Scores(self.intact.take(stop), self.other.take(stop))
