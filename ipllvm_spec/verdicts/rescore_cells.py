"""The cells of a store and their scores, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.engine.store import Store
from ipllvm_spec.verdicts.rescore_data import Found


@dataclass(frozen=True)
class StoredCell:
    """A cell of a store.

    Attributes:
        key: Its key.
        names: Names by which users called the model; empty for imported answers.
        newest: When its newest answer was stored, as ISO 8601 text; "" when unknown.
        description: What decided the answers, as ``engine.keys.describe_cell`` gives it.
    """

    key: str
    names: tuple[str, ...]
    newest: str
    description: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The model's names, or the digest of its weights where none is recorded."""
        return ", ".join(self.names) or str(self.description["model"]["digest"])

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        return str(self.description["benchmark"]["name"])

    @property
    def mode(self) -> str:
        """Protocol mode."""
        return str(self.description["benchmark"]["mode"])

    @property
    def content(self) -> str:
        """Digest of the data whose items were asked."""
        return str(self.description["benchmark"]["content"])

    @property
    def revision(self) -> str:
        """``twin``, ``local``, or the commit of published data."""
        return str(self.description["benchmark"]["revision"])

    @cached_property
    def intervention(self) -> str:
        """Canonical text of what was changed, ``[]`` for the intact model."""
        return json.dumps(self.description["intervention"], sort_keys=True, separators=(",", ":"))

    @property
    def searched(self) -> bool:
        """Whether this is one order among the many that a search tries."""
        return any(step.get("order") for step in self.description["intervention"])

    @property
    def suite_seed(self) -> int:
        """Root of all seeds; the published one where nothing was drawn."""
        seed = self.description["seed"]
        return int(seed[0]) if seed else SUITE_SEED

    @property
    def repeat(self) -> int:
        """0-based repeat."""
        seed = self.description["seed"]
        return int(seed[1]) if seed else 0


@dataclass(frozen=True, kw_only=True)
class CellScore:
    """The metric of one cell, from its stored answers.

    Attributes:
        cell_key: Key of the cell.
        model: The model as its users called it.
        benchmark: Name of the benchmark.
        mode: Protocol mode.
        source: The data that the answers were scored with; "" when none were found.
        intervention: Canonical text of what was changed.
        repeat: 0-based repeat.
        searched: Whether this is one order among the many that a search tries.
        n: Units scored, of ``n_total``.
        n_total: Units of the data; 0 when they were not found.
        metric: Published metric of these units on ``scale``; None when there is none.
        scale: Largest value of the metric; 0 when the data were not found.
        unparsed: Answers from which nothing could be read.
        excluded: Units left out because a judge's reply could not be read.
        unjudged: Units left out because no judge was ever asked about them.
        scored_by: ``rule``, ``judge``, ``proxy``, several of them, or ``unscored``.
        parts: Published aggregates beside the metric.
        note: Why there is no metric, or what is unusual about the data.
    """

    cell_key: str
    model: str
    benchmark: str
    mode: str
    source: str
    intervention: str
    repeat: int
    searched: bool
    n: int = 0
    n_total: int = 0
    metric: float | None = None
    scale: float = 0.0
    unparsed: int = 0
    excluded: int = 0
    unjudged: int = 0
    scored_by: str = "unscored"
    parts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Scored:
    """A cell with its score and the unit scores behind it.

    Attributes:
        cell: The cell.
        score: Its score.
        found: The data; None when they were not found.
        values: Score of every unit that was asked; None where a judge's reply is unreadable.
    """

    cell: StoredCell
    score: CellScore
    found: Found | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)


def stored_cells(store: Store) -> list[StoredCell]:
    """Returns the cells of an open store with the names of their models."""
    names: dict[str, list[str]] = {}
    newest: dict[str, str] = {}
    for key, name, created in store.fetch(
        "SELECT cell_key, model_ref, MAX(created) FROM results JOIN provenance USING (item_key) "
        "JOIN batches USING (batch_id) GROUP BY cell_key, model_ref ORDER BY model_ref"
    ):
        # An import records no name: the answers may come from a path on another machine.
        names.setdefault(key, []).extend([name] if name else [])
        newest[key] = max(newest.get(key, ""), created)
    return [
        StoredCell(key, tuple(names.get(key, ())), newest.get(key, ""), json.loads(text))
        for key, text in store.fetch("SELECT cell_key, description FROM cells ORDER BY cell_key")
    ]
