"""Scores of single conditions from a store alone, with bounds: what the paper's figures show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.engine.keys import canonical
from ipllvm_spec.engine.store import Store
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.statistics.graded import graded_bounds
from ipllvm_spec.statistics.intervals import score_bounds, summarise
from ipllvm_spec.verdicts.rescore import CellScorer, chosen_judge
from ipllvm_spec.verdicts.rescore_cells import Scored, StoredCell, stored_cells
from ipllvm_spec.verdicts.rescore_data import Finder, Found

#: One-sided error on each side: a pair of bounds holds at 95 %.
_ALPHA = 0.025


class Subject(NamedTuple):
    """What is measured: a model on a benchmark.

    Attributes:
        model: Model reference as the user gave it.
        benchmark: Name of the benchmark.
        source: ``twin``, ``published`` or a path.
        mode: Protocol mode.
    """

    model: str
    benchmark: str
    source: str
    mode: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """The score under one condition, mean over repeats, in percent of the benchmark's scale.

    Attributes:
        estimate: In [0, 100].
        lower: Lower bound of the mean over units like these, 95 % together with ``upper``.
        upper: Upper bound.
        n: Units.
        n_total: Units of the benchmark.
        repeats: Repeats that were averaged.
        chance: Score of guessing.
        scored_by: ``rule``, ``proxy``, or the judge.
    """

    estimate: float
    lower: float
    upper: float
    n: int
    n_total: int
    repeats: int
    chance: float
    scored_by: str


class Answered(NamedTuple):
    """One stored answer; ``score`` is by rule and in [0, 1]."""

    text: str
    score: float


class StoredScores:
    """Scores the cells of an open store as they are asked for; nothing is measured.

    Args:
        store: The store.
        finder: Finds the data.
        judge: The judge whose stored replies count; None for the only one.

    Raises:
        UsageError: When several judges gave stored replies and none is chosen.
    """

    def __init__(self, store: Store, finder: Finder, *, judge: str | None = None) -> None:
        self._store = store
        self._scorer = CellScorer(
            store, finder, judge=chosen_judge(store.judges(), judge), proxy=False
        )
        self._cells: dict[tuple[object, ...], StoredCell] = {}
        self._scored: dict[str, Scored | None] = {}
        # Of several cells of one condition, say of older weights, the newest counts.
        for cell in sorted(stored_cells(store), key=lambda one: one.newest):
            # A caption or a cosine is no answer to the benchmark's question.
            if cell.suite_seed != SUITE_SEED or "asked" in cell.description:
                continue
            about = (cell.benchmark, cell.revision == "twin", cell.mode)
            for name in cell.names:
                self._cells[(name, *about, cell.intervention, cell.repeat)] = cell

    def complete(
        self, subject: Subject, intervention: Intervention, repeat: int, *, units: int | None
    ) -> bool:
        """Whether all of the first units have a score under one condition."""
        scored = self._score(subject, intervention, repeat)
        if scored is None or scored.found is None:
            return False
        order = scored.found.ordered(SUITE_SEED)[:units]
        return all(unit.unit_id in scored.values for unit in order)

    def found(self, subject: Subject, intervention: Intervention) -> Found | None:
        """Returns the data behind the first repeat of a condition."""
        scored = self._score(subject, intervention, 0)
        return scored.found if scored else None

    def point(
        self,
        subject: Subject,
        intervention: Intervention,
        *,
        repeats: int = 1,
        units: int | None = None,
    ) -> Point | None:
        """Returns the mean score over the repeats that are stored; None when none is.

        Args:
            subject: Model and benchmark.
            intervention: What was changed.
            repeats: Repeats that are wanted.
            units: First units of the measuring order; None for all.
        """
        stored = [self._score(subject, intervention, repeat) for repeat in range(repeats)]
        scored = [one for one in stored if one is not None]
        if not scored:
            return None
        found = scored[0].found
        assert found is not None
        order = found.ordered(SUITE_SEED)[:units]
        kept = [
            unit
            for unit in order
            if all(one.values.get(unit.unit_id) is not None for one in scored)
        ]
        if not kept:
            return None
        rows = np.array([[one.values[u.unit_id] for u in kept] for one in scored], np.float64)
        graded = scored[0].score.scored_by != "rule"
        chance = found.benchmark.chance(found.units) / found.benchmark.scale
        estimate, lower, upper = mean_bounds(
            rows,
            weights=[unit.weight for unit in kept],
            clusters=[unit.cluster_id for unit in kept],
            graded=graded,
        )
        return Point(
            estimate=100 * estimate,
            lower=100 * lower,
            upper=100 * upper,
            n=len(kept),
            n_total=len(found.units),
            repeats=len(scored),
            chance=100 * chance,
            scored_by=scored[0].score.scored_by,
        )

    def answer(
        self, subject: Subject, intervention: Intervention, repeat: int, item_id: str
    ) -> Answered | None:
        """Returns what the model answered to one item, scored by rule."""
        scored = self._score(subject, intervention, repeat)
        if scored is None or scored.found is None:
            return None
        rows = self._store.fetch(
            "SELECT text FROM results WHERE cell_key = ? AND item_id = ? AND status = 'ok'",
            (scored.cell.key, item_id),
        )
        item = next(one for one in scored.found.items.items if one.item_id == item_id)
        if not rows:
            return None
        return Answered(rows[0][0], scored.found.benchmark.score_item(item, rows[0][0]).value)

    def _score(self, subject: Subject, intervention: Intervention, repeat: int) -> Scored | None:
        twin = subject.source == "twin"
        about = (subject.model, subject.benchmark, twin, subject.mode)
        cell = self._cells.get((*about, canonical(intervention.keyed()), repeat))
        if cell is None:
            return None
        if cell.key not in self._scored:
            scored = self._scorer.score(cell)
            usable = scored is not None and scored.found is not None
            self._scored[cell.key] = scored if usable else None
        return self._scored[cell.key]


def mean_bounds(
    rows: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    *,
    weights: Sequence[float],
    clusters: Sequence[str],
    graded: bool,
) -> tuple[float, float, float]:
    """Returns the weighted mean of unit scores and its bounds at 95 %, cut to [0, 1].

    The bounds are those of a population claim: a score is a difference from nothing, and repeats
    of a unit are rows of its cluster.

    Args:
        rows: Unit scores in [0, 1], shape (repeats, n).
        weights: Weights of the units, n.
        clusters: Clusters of the units, n.
        graded: Whether a judge, or what stands in for one, scored.
    """
    names: dict[str, int] = {}
    index = np.array([names.setdefault(name, len(names)) for name in clusters], dtype=np.intp)
    share = np.array(weights, dtype=np.float64)
    repeats = len(rows)
    flat, wide, places = rows.ravel(), np.tile(share, repeats), np.tile(index, repeats)
    if graded:
        bounds = graded_bounds(flat, weights=wide, clusters=places, alpha=_ALPHA).bounds
    else:
        (bounds,) = score_bounds([summarise(flat, weights=wide, clusters=places, alpha=_ALPHA)])
    mean = float(rows.mean(axis=0) @ share / share.sum())
    return mean, max(0.0, bounds.lower), min(1.0, bounds.upper)
