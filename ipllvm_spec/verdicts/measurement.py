"""Measured unit scores of one condition, fetched from the engines as far as a judge needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.benchmarks.base import Benchmark, Item, ItemScore, Unit
from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.answers import Description
from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.errors import DataError
from ipllvm_spec.measures.accuracy import published_metric
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Identity, Intervention
from ipllvm_spec.verdicts.cosines import Similarity
from ipllvm_spec.verdicts.scorer import Scorer

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sheet:
    """A benchmark's units in the seeded order in which they are measured.

    Attributes:
        benchmark: The benchmark in its protocol mode.
        units: All units, in measuring order.
        description: What the engine says about the data.
        judging: How answers are scored that no rule scores as published.
    """

    benchmark: Benchmark
    units: tuple[Unit, ...]
    description: Description
    judging: Judging = field(default_factory=Judging)

    @cached_property
    def weights(self) -> Floats:
        """Weights of all units in the published metric, shape (n_total,)."""
        return np.array([unit.weight for unit in self.units])

    @cached_property
    def clusters(self) -> tuple[str, ...]:
        """Cluster of every unit."""
        return tuple(unit.cluster_id for unit in self.units)


class Sheets:
    """The sheets of one process; each is asked for once.

    Args:
        client: Asks the engines.
        judging: How answers are scored that no rule scores as published.
    """

    def __init__(self, client: EngineClient, judging: Judging | None = None) -> None:
        self.client = client
        self.judging = judging or Judging()
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
            self._sheets[key] = Sheet(benchmark, ordered, description, self.judging.on(source))
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

    def similarity(self, case: Case, intervention: Intervention) -> Similarity:
        """Returns how similar an encoder finds changed images, of which nothing is asked yet."""
        assert case.benchmark is not None
        source = case.source(case.benchmark)
        sheet = self.get(case.benchmark, source=source, mode=case.mode)
        cell = Cell(
            model=case.model,
            benchmark=case.benchmark,
            source=source,
            mode=case.mode,
            intervention=intervention,
            asked="similarity",
        )
        return Similarity(self.client, sheet, cell, units=case.units)


@dataclass(frozen=True)
class _Scored:
    """One unit of one repeat."""

    score: float
    answers: tuple[tuple[Row, ItemScore], ...]

    @property
    def excluded(self) -> bool:
        """Whether a judge's reply about one of its answers could not be read."""
        return any(score.excluded for _, score in self.answers)


class Measurement:
    """Scores of one model on one benchmark under one intervention.

    Attributes:
        sheet: The benchmark's units.
        cells: One cell per repeat.
        n_total: Units of the benchmark.
        available: Units that may be measured.
        scorer: Scores the answers.

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
        self.scorer = Scorer(client, sheet.benchmark, sheet.judging)
        self._client = client
        self._scored: list[list[_Scored]] = [[] for _ in cells]

    @property
    def intervention(self) -> Intervention:
        """What was changed in the forward pass."""
        return self.cells[0].intervention

    @property
    def measured(self) -> int:
        """Units measured so far."""
        return len(self._scored[0])

    def take(self, stop: int) -> Floats:
        """Measures what is missing of the first ``stop`` units.

        Returns:
            Unit scores in [0, 1], shape (repeats, stop).

        Raises:
            DataError: When an item could not be asked; everything else is measured and stored.
            JudgeError: When the judge cannot be reached or refuses.
        """
        for repeat, scored in enumerate(self._scored):
            if len(scored) < stop:
                scored.extend(self._read(repeat, len(scored), stop))
        return np.array([[unit.score for unit in scored[:stop]] for scored in self._scored])

    def window(self, start: int, stop: int) -> Floats:
        """Measures units ``start`` to ``stop`` only, of the first repeat; shape (1, stop - start).

        A search asks for a few units of very many interventions, far from where they begin.
        """
        return np.array([[unit.score for unit in self._read(0, start, stop)]])

    def readable(self) -> Mask:
        """Which of the units measured so far count: no judge's reply about them was unreadable.

        Returns:
            Shape (measured,); False where any repeat has such a reply.
        """
        repeats = zip(*self._scored, strict=True)
        return np.array([not any(unit.excluded for unit in column) for column in repeats], bool)

    def metric(self, kept: Mask | None = None) -> float | None:
        """Published metric of the units measured so far, on the benchmark's scale.

        Args:
            kept: Which of the first units count; those of ``readable`` when None.
        """
        mask = self.readable() if kept is None else kept
        if not mask.any():
            return None
        scores = [[unit.score for unit in scored[: len(mask)]] for scored in self._scored]
        return published_metric(
            np.array(scores)[:, mask],
            weights=self.sheet.weights[: len(mask)][mask],
            scale=self.sheet.benchmark.scale,
        )

    def parts(self, kept: Mask | None = None) -> dict[str, float]:
        """Published aggregates beside the metric, by name; means over the repeats.

        Args:
            kept: Which of the first units count; those of ``readable`` when None.
        """
        mask = self.readable() if kept is None else kept
        if not mask.any():
            return {}
        places = np.flatnonzero(mask)
        units = [self.sheet.units[place] for place in places]
        found = []
        for scored in self._scored:
            scores = [[score for _, score in scored[place].answers] for place in places]
            found.append(self.sheet.benchmark.parts(units, scores))
        shared = [name for name in found[0] if all(name in parts for parts in found)]
        return {name: fmean(parts[name] for parts in found) for name in shared}

    def chance(self) -> float:
        """Metric of guessing, on the benchmark's scale, from the measured part's items."""
        return self.sheet.benchmark.chance(self.sheet.units)

    def unparsed(self) -> int:
        """Answers so far from which nothing could be read, over all repeats."""
        return sum(
            score.parsed.value is None and not score.excluded for score in self._item_scores()
        )

    def unreadable(self) -> int:
        """Answers so far about which the judge's reply could not be read, over all repeats."""
        return sum(score.excluded for score in self._item_scores())

    def parsed(self, position: int) -> tuple[ItemScore, ...]:
        """What was made of the first repeat's answers to the items of the unit at a position."""
        return tuple(score for _, score in self._scored[0][position].answers)

    def texts(self, position: int) -> tuple[str, ...]:
        """Raw answers of the first repeat to the items of the unit at a position."""
        return tuple(row.text for row, _ in self._scored[0][position].answers)

    def _item_scores(self) -> list[ItemScore]:
        return [score for scored in self._scored for unit in scored for _, score in unit.answers]

    def _read(self, repeat: int, start: int, stop: int) -> list[_Scored]:
        cell = self.cells[repeat]
        units = self.sheet.units[start:stop]
        rows = self._client.measure(cell, start, stop)
        items: list[Item] = [item for unit in units for item in unit.items]
        for item, row in zip(items, rows, strict=True):
            if row.status != "ok":
                raise DataError(
                    f"{cell.benchmark}: item '{item.item_id}' could not be asked: {row.text}",
                    "repair or replace that row; every other answer is stored",
                )
        scores = self.scorer.score([(i, row.text) for i, row in zip(items, rows, strict=True)])
        answers = iter(zip(rows, scores, strict=True))
        made = []
        for unit in units:
            own = tuple(next(answers) for _ in unit.items)
            score = self.sheet.benchmark.score_unit(unit, [one for _, one in own])
            made.append(_Scored(score, own))
        return made
