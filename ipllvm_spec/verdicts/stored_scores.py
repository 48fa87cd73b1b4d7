"""Scores of single conditions from a store alone, with bounds: what the paper's figures show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.engine.keys import canonical
from ipllvm_spec.engine.saliency import Maps, seen, stored_maps
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import IpllvmError
from ipllvm_spec.models.registry import resolve
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.verdicts.rescore import CellScorer, chosen_judge
from ipllvm_spec.verdicts.rescore_cells import Scored, StoredCell, stored_cells
from ipllvm_spec.verdicts.rescore_data import Finder, Found
from ipllvm_spec.verdicts.stored_points import Point, Units, mean_bounds

if TYPE_CHECKING:
    from PIL.Image import Image

#: An intervention as canonical text, and the repeat.
_Condition = tuple[str, int]


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


class Answered(NamedTuple):
    """One stored answer; ``score`` is in [0, 1], None where a judge should have given it."""

    text: str
    score: float | None


class StoredScores:
    """Scores the cells of an open store as they are asked for; nothing is measured.

    Attributes:
        notes: Why stored answers to a benchmark have no score, by its name.

    Args:
        store: The store.
        finder: Finds the data.
        judge: The judge whose stored replies count; None for the only one.
        proxy: Whether a rule takes the place of every judge.

    Raises:
        UsageError: When several judges gave stored replies and none is chosen.
    """

    def __init__(
        self, store: Store, finder: Finder, *, judge: str | None = None, proxy: bool = False
    ) -> None:
        self._store = store
        self._scorer = CellScorer(
            store, finder, judge=chosen_judge(store.judges(), judge), proxy=proxy
        )
        self._versions: dict[Subject, dict[str, dict[_Condition, StoredCell]]] = {}
        self._scored: dict[str, Scored | None] = {}
        self._digests: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        for cell in sorted(stored_cells(store), key=lambda one: one.newest):
            # A caption or a cosine is no answer to the benchmark's question.
            if cell.suite_seed != SUITE_SEED or "asked" in cell.description:
                continue
            model = cell.description["model"]
            for name in cell.names or (_weights(model["digest"], model["variant"]),):
                source = cell.revision if cell.revision in ("twin", "local") else "published"
                place = Subject(name, cell.benchmark, source, cell.mode)
                versions = self._versions.setdefault(place, {})
                # Taken out and put in again: the version with the newest answer comes last.
                cells = versions.pop(_version(cell), {})
                cells[cell.intervention, cell.repeat] = cell
                versions[_version(cell)] = cells

    def older(self, subject: Subject) -> int:
        """Returns how many versions of weights, data or engine have answers that are not used."""
        return max(0, len(self._of(subject)) - 1)

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

    def line(
        self, subject: Subject, repeats: Mapping[Intervention, int], *, units: int | None = None
    ) -> dict[Intervention, Point]:
        """Returns the scores under several conditions, on the units that all of them have.

        A condition with less than half as many units as the fullest is left out: it was
        interrupted, or a search asked for a few of its units, and would cut all others to these.

        Args:
            subject: Model and benchmark.
            repeats: Repeats that are wanted of each condition; those that are stored are averaged.
            units: First units of the measuring order; None for all.
        """
        scored: dict[Intervention, list[Scored]] = {}
        having: dict[Intervention, set[str]] = {}
        for what, count in repeats.items():
            stored = [self._score(subject, what, repeat) for repeat in range(count)]
            scored[what] = [one for one in stored if one is not None]
            if scored[what]:
                having[what] = set.intersection(*(_units(one, units) for one in scored[what]))
        most = max((len(ids) for ids in having.values()), default=0)
        used = [what for what, ids in having.items() if ids and 2 * len(ids) >= most]
        shared = set.intersection(*(having[what] for what in used)) if used else set()
        return {what: _point(scored[what], shared) for what in used if shared}

    def answer(
        self, subject: Subject, intervention: Intervention, repeat: int, item_id: str
    ) -> Answered | None:
        """Returns what the model answered to one item, with its score."""
        scored = self._score(subject, intervention, repeat)
        if scored is None or scored.found is None:
            return None
        rows = self._store.fetch(
            "SELECT text FROM results WHERE cell_key = ? AND item_id = ? AND status = 'ok'",
            (scored.cell.key, item_id),
        )
        if not rows:
            return None
        (text,) = rows[0]
        unit = next(u for u in scored.found.units if any(i.item_id == item_id for i in u.items))
        if len(unit.items) == 1:
            return Answered(text, scored.values.get(unit.unit_id))
        # Half of a pair: no benchmark has a judge for one.
        item = next(one for one in unit.items if one.item_id == item_id)
        return Answered(text, scored.found.benchmark.score_item(item, text).value)

    def looked(self, subject: Subject, intervention: Intervention, image: Image) -> Maps | None:
        """Returns the kept saliency maps by which a condition chose what to change in an image.

        Args:
            subject: Model and benchmark.
            intervention: The condition; its first repeat tells which model looked.
            image: RGB image, as it was before the change.
        """
        scored = self._score(subject, intervention, 0)
        weights = scored.cell.description.get("saliency") if scored else None
        return None if weights is None else stored_maps(self._store, weights, seen(image))

    def _of(self, subject: Subject) -> Mapping[str, Mapping[_Condition, StoredCell]]:
        source = subject.source if subject.source in ("twin", "published") else "local"
        place = subject._replace(source=source)
        if place not in self._versions:
            # Imported answers carry no name, but the digest of the weights.
            place = place._replace(model=self._digest(subject.model))
        return self._versions.get(place, {})

    def _digest(self, ref: str) -> str:
        if ref not in self._digests:
            try:
                identity = resolve(ref).identity
                self._digests[ref] = _weights(identity.digest, identity.variant)
            except IpllvmError:
                self._digests[ref] = ""
        return self._digests[ref]

    def _score(self, subject: Subject, intervention: Intervention, repeat: int) -> Scored | None:
        versions = list(self._of(subject).values())
        newest = versions[-1] if versions else {}
        cell = newest.get((canonical(intervention.keyed()), repeat))
        if cell is None:
            return None
        if cell.key not in self._scored:
            scored = self._scorer.score(cell)
            usable = scored is not None and scored.found is not None
            self._scored[cell.key] = scored if usable else None
            if scored is not None and not usable:
                self.notes[subject.benchmark] = scored.score.note
            elif scored is not None and not scored.values:
                self.notes[subject.benchmark] = "no judge has scored them"
        return self._scored[cell.key]


def _weights(digest: str, variant: Sequence[str]) -> str:
    return "~".join((digest, *variant))


def _version(cell: StoredCell) -> str:
    """Returns what all cells of one line must share: weights, data and engine."""
    return canonical([cell.description[part] for part in ("model", "benchmark", "engine")])


def _units(scored: Scored, units: int | None) -> set[str]:
    """Returns those of the first units that have a score."""
    assert scored.found is not None
    order = scored.found.ordered(SUITE_SEED)[:units]
    return {unit.unit_id for unit in order if scored.values.get(unit.unit_id) is not None}


def _point(scored: Sequence[Scored], shared: set[str]) -> Point:
    """Returns the mean score of some units over repeats, with its bounds."""
    found = scored[0].found
    assert found is not None
    kept = [unit for unit in found.ordered(SUITE_SEED) if unit.unit_id in shared]
    rows = np.array([[one.values[unit.unit_id] for unit in kept] for one in scored], np.float64)
    names = {name: place for place, name in enumerate(dict.fromkeys(u.cluster_id for u in kept))}
    units = Units(
        rows.mean(axis=0),
        np.array([unit.weight for unit in kept], dtype=np.float64),
        np.array([names[unit.cluster_id] for unit in kept], dtype=np.intp),
    )
    estimate, lower, upper = mean_bounds(
        rows,
        weights=units.weights,
        clusters=units.clusters,
        graded=scored[0].score.scored_by != "rule",
    )
    return Point(
        estimate=100 * estimate,
        lower=100 * lower,
        upper=100 * upper,
        n=len(kept),
        n_total=len(found.units),
        repeats=len(scored),
        chance=100 * found.benchmark.chance(found.units) / found.benchmark.scale,
        scored_by=scored[0].score.scored_by,
        units=units,
    )
