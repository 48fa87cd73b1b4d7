"""What a store holds, and taking out what nobody will ask for again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import UsageError


@dataclass(frozen=True, order=True)
class Kind:
    """A kind of answer.

    Attributes:
        model: Names by which users called the model, or its digest if no name was recorded.
        benchmark: Benchmark and protocol mode.
        intervention: Steps in order; ``identity`` for none.
        status: ``ok`` or ``error``.
    """

    model: str
    benchmark: str
    intervention: str
    status: str


@dataclass(frozen=True)
class Info:
    """What a store holds.

    Attributes:
        path: The file.
        size_bytes: Its size, write-ahead log included.
        rows: Answers of any status.
        counts: Answers by kind, sorted.
    """

    path: Path
    size_bytes: int
    rows: int
    counts: tuple[tuple[Kind, int], ...]


@dataclass(frozen=True)
class _StoredCell:
    key: str
    description: dict[str, Any]
    names: frozenset[str]
    newest: str

    @property
    def digest(self) -> str:
        return str(self.description["model"]["digest"])


def info(path: Path) -> Info:
    """Counts the answers of a store.

    Raises:
        StoreError: When there is none at ``path`` or it is damaged.
    """
    store = Store(path, create=False)
    cells = {cell.key: cell for cell in _cells(store)}
    counts: Counter[Kind] = Counter()
    for key, status, number in store.fetch(
        "SELECT cell_key, status, COUNT(*) FROM results GROUP BY cell_key, status"
    ):
        counts[_kind(cells[key], status)] += number
    store.close()
    size = sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))
    return Info(path, size, counts.total(), tuple(sorted(counts.items())))


def prune(
    path: Path,
    *,
    model: str | None = None,
    older_than: timedelta | None = None,
    current: Callable[[str], str | None] | None = None,
    dry_run: bool = False,
) -> Info:
    """Deletes the answers of cells that meet all given conditions.

    Args:
        path: The store.
        model: Only this model: a name by which it was called, or a prefix of its digest.
        older_than: Only cells whose newest answer is at least this old.
        current: Only models whose weights are gone: called with each recorded name, returns the
            digest it has now, or None when it no longer resolves. A cell goes when none of its
            names gives its digest. Cells without a recorded name stay.
        dry_run: True to count only.

    Returns:
        What was (or would be) deleted; ``size_bytes`` is the size afterwards.

    Raises:
        UsageError: When no condition is given.
        StoreError: When there is no store at ``path`` or it is damaged.
    """
    if model is None and older_than is None and current is None:
        raise UsageError(
            "prune without a condition would delete every answer",
            "give a model, an age, or ask for models that no longer exist; to delete everything "
            f"delete '{path}'",
        )
    store = Store(path, create=False)
    chosen = [
        cell
        for cell in _cells(store)
        if (model is None or model in cell.names or cell.digest.startswith(model))
        and (older_than is None or _age(cell.newest) >= older_than)
    ]
    if current is not None:
        digests = {name: current(name) for name in sorted({n for c in chosen for n in c.names})}
        chosen = [
            cell
            for cell in chosen
            if cell.names and all(digests[name] != cell.digest for name in cell.names)
        ]
    counts: Counter[Kind] = Counter()
    for cell in chosen:
        for status, number in store.fetch(
            "SELECT status, COUNT(*) FROM results WHERE cell_key = ? GROUP BY status", (cell.key,)
        ):
            counts[_kind(cell, status)] += number
    if not dry_run:
        _delete(store, (cell.key for cell in chosen))
    store.close()
    size = sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))
    return Info(path, size, counts.total(), tuple(sorted(counts.items())))


def _delete(store: Store, keys: Iterable[str]) -> None:
    doomed = [(key,) for key in keys]
    with store.transaction() as execute:
        execute(
            "DELETE FROM provenance WHERE item_key IN "
            "(SELECT item_key FROM results WHERE cell_key = ?)",
            doomed,
        )
        execute("DELETE FROM results WHERE cell_key = ?", doomed)
        execute("DELETE FROM cells WHERE cell_key = ?", doomed)
        execute(
            "DELETE FROM batches WHERE ? AND batch_id NOT IN (SELECT batch_id FROM provenance)",
            [(1,)],
        )
    store.shrink()


def _cells(store: Store) -> list[_StoredCell]:
    origins = store.fetch(
        "SELECT cell_key, model_ref, MAX(created) FROM results JOIN provenance USING (item_key) "
        "JOIN batches USING (batch_id) GROUP BY cell_key, model_ref"
    )
    names: dict[str, set[str]] = {}
    newest: dict[str, str] = {}
    for key, name, created in origins:
        # An import records no name: the answers may come from a path on another machine.
        names.setdefault(key, set()).update([name] if name else [])
        newest[key] = max(newest.get(key, ""), created)
    return [
        _StoredCell(key, json.loads(text), frozenset(names.get(key, ())), newest.get(key, ""))
        for key, text in store.fetch("SELECT cell_key, description FROM cells ORDER BY cell_key")
    ]


def _age(created: str) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(created) if created else timedelta.max


def _kind(cell: _StoredCell, status: str) -> Kind:
    data = cell.description["benchmark"]
    steps = [_step(step) for step in cell.description["intervention"]]
    return Kind(
        model=", ".join(sorted(cell.names)) or cell.digest,
        benchmark=f"{data['name']} ({data['mode']})",
        intervention=" >> ".join(steps) or "identity",
        status=status,
    )


def _step(step: dict[str, Any]) -> str:
    given = {key: value for key, value in step.items() if key not in ("name", "version")}
    inside = [f"{key}={value}" for key, value in sorted(given.items()) if value is not None]
    return f"{step['name']}({', '.join(inside)})"
