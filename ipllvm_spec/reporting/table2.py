"""Table 2 from the store alone: original and synthetic images, CLIP-I, and how often "1" is said.

Nothing is measured here and no record is needed: every number is a view of stored raw answers,
captions and cosines. Where two conditions were measured on different units, only those that both
have are compared.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from ipllvm_spec.benchmarks.base import Unit
from ipllvm_spec.engine.artefacts import kept_descriptions
from ipllvm_spec.engine.keys import canonical
from ipllvm_spec.engine.store import Store
from ipllvm_spec.engine.synthesis import KIND
from ipllvm_spec.reporting.names import MINI_NOTICE, model_title, number
from ipllvm_spec.spec.cases import split_ref
from ipllvm_spec.spec.generators import load_generators
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.frequency import says
from ipllvm_spec.verdicts.rescore import metric_of, rescore
from ipllvm_spec.verdicts.rescore_cells import Scored, StoredCell, stored_cells
from ipllvm_spec.verdicts.rescore_data import Finder

#: The answer whose frequency the paper prints.
ANSWER = "1"
_HEADS = {
    "original": "original",
    "synthetic": "synthetic",
    "drop": "drop",
    "blind": "blind",
    "clip_i": "CLIP-I",
    "one_original": "1 orig.",
    "one_synthetic": "1 syn.",
    "one_correct": "1 right",
    "one_gold": "1 gold",
    "n": "n",
    "unread": "unread",
}


@dataclass(frozen=True, kw_only=True)
class Table2Row:
    """One model on one benchmark. Metrics are on the benchmark's scale, shares in percent.

    Attributes:
        model: The model as its users called it.
        mini: Whether it is one of the embedded small ones.
        benchmark: Name of the benchmark.
        mode: Protocol mode.
        captioner: The model that wrote the captions; "" for images of a folder.
        generator: What made images of them.
        original: Metric on the original images.
        synthetic: Metric on the synthetic images.
        drop: The first less the second.
        blind: Metric with a black image; None where it was not measured.
        clip_i: Mean cosine of CLIP's embeddings of original and synthetic images, in [-1, 1].
        encoder: The CLIP that ``clip_i`` is by; "" where none was asked.
        one_original: Share of free-form answers to original images that say "1", by rule.
        one_synthetic: The same for synthetic images.
        one_correct: The same among right answers to synthetic images.
        one_gold: Share of their gold answers that are "1".
        free_form: Free-form questions among the units.
        n: Units that both conditions have.
        unread: Captions of which the generator understood nothing.
    """

    model: str
    mini: bool
    benchmark: str
    mode: str
    captioner: str
    generator: str
    original: float
    synthetic: float
    drop: float
    blind: float | None
    clip_i: float | None
    encoder: str
    one_original: float | None
    one_synthetic: float | None
    one_correct: float | None
    one_gold: float | None
    free_form: int
    n: int
    unread: int


def table2(
    store: Path, finder: Finder, *, judge: str | None = None, proxy: bool = False
) -> tuple[Table2Row, ...]:
    """Makes Table 2 of everything that a store has on synthetic images.

    Args:
        store: The store's file.
        finder: Finds the data.
        judge: The judge whose stored replies count; None for the only one.
        proxy: Whether a rule takes the place of every judge.

    Returns:
        Sorted by model, benchmark, mode, captioner and generator.

    Raises:
        StoreError: When there is no store, or it is damaged.
        UsageError: When the store has replies of several judges and none is chosen.
    """
    scored = [one for one in rescore(store, finder, judge=judge, proxy=proxy) if one.found]
    opened = Store(store, create=False)
    try:
        maker = _Maker(opened, scored)
        rows = [row for one in scored if (row := maker.row(one)) is not None]
    finally:
        opened.close()
    return tuple(
        sorted(rows, key=lambda r: (r.model, r.benchmark, r.mode, r.captioner, r.generator))
    )


class _Maker:
    """Makes rows out of the cells of one store."""

    def __init__(self, store: Store, scored: Sequence[Scored]) -> None:
        self._store = store
        self._scored = scored
        self._cells = {cell.key: cell for cell in stored_cells(store)}
        self._unread = {
            (canonical(told["generator"]), told["caption"])
            for told in map(json.loads, kept_descriptions(store, KIND))
            if not told["understood"]
        }

    def row(self, shown: Scored) -> Table2Row | None:
        """Returns the row of a cell; None when its images are not synthetic and nothing else."""
        if _steps(shown) != ["synthetic_image"]:
            return None
        original = self._beside(shown, [])
        if original is None:
            return None
        units = _common(original, shown)
        if not units:
            return None
        found = shown.found
        assert found is not None
        before, after = (_metric(one, units) for one in (original, shown))
        blind = self._beside(shown, ["blank_image"])
        whole = blind is not None and len(_common(blind, shown)) == len(units)
        said = {one.cell.key: self._said(one, units) for one in (original, shown)}
        made, cosines = shown.cell.description["synthetic"], self._similar(shown, units)
        captions = self._cells.get(made.get("captions", ""))
        generator = made["generator"]["name"]
        free = said[shown.cell.key]
        return Table2Row(
            model=shown.cell.model,
            mini=_mini(shown.cell),
            benchmark=shown.cell.benchmark,
            mode=shown.cell.mode,
            captioner=captions.model if captions is not None else "",
            generator=load_generators()[generator].title,
            original=before,
            synthetic=after,
            drop=before - after,
            blind=_metric(blind, units) if blind is not None and whole else None,
            clip_i=cosines[1] if cosines else None,
            encoder=cosines[0] if cosines else "",
            one_original=_percent(said for said, _, _ in said[original.cell.key]),
            one_synthetic=_percent(said for said, _, _ in free),
            one_correct=_percent(said for said, _, right in free if right),
            one_gold=_percent(gold for _, gold, _ in free),
            free_form=len(free),
            n=len(units),
            unread=self._count_unread(captions, made["generator"]),
        )

    def _beside(self, shown: Scored, steps: list[str]) -> Scored | None:
        """Returns the same weights on the same data under other steps, the newest answers."""
        model, data = (shown.cell.description[key] for key in ("model", "benchmark"))
        found = [
            one
            for one in self._scored
            if _steps(one) == steps
            and one.cell.description["model"] == model
            and one.cell.description["benchmark"] == data
        ]
        return max(found, key=lambda one: one.cell.newest, default=None)

    def _said(self, scored: Scored, units: Sequence[Unit]) -> list[tuple[bool, bool, bool]]:
        """Whether each free-form answer says "1", whether it should, and whether it is right."""
        assert scored.found is not None
        benchmark, texts = scored.found.benchmark, self._texts(scored.cell)
        free = [u.items[0] for u in units if len(u.items) == 1 and not u.items[0].choices]
        read = [(item, benchmark.score_item(item, texts[item.item_id])) for item in free]
        return [
            (says(score.parsed.value, ANSWER), says(item.gold, ANSWER), score.value >= 1.0)
            for item, score in read
        ]

    def _similar(self, shown: Scored, units: Sequence[Unit]) -> tuple[str, float] | None:
        """Returns which CLIP was asked about these images, and its mean cosine."""
        wanted = shown.cell.description["synthetic"], shown.cell.description["benchmark"]
        for cell in self._cells.values():
            told = cell.description
            if told.get("asked") != "similarity" or not _is_clip(cell):
                continue
            if (told.get("synthetic"), told["benchmark"]) != wanted:
                continue
            texts = self._texts(cell)
            whole = [u for u in units if all(item.item_id in texts for item in u.items)]
            if whole:
                values = [np.mean([float(texts[i.item_id]) for i in u.items]) for u in whole]
                return cell.model, float(np.average(values, weights=[u.weight for u in whole]))
        return None

    def _count_unread(self, captions: StoredCell | None, generator: dict[str, Any]) -> int:
        if captions is None:
            return 0
        made = canonical(generator)
        return sum((made, text) in self._unread for text in self._texts(captions).values())

    def _texts(self, cell: StoredCell) -> dict[str, str]:
        return dict(
            self._store.fetch(
                "SELECT item_id, text FROM results WHERE cell_key = ? AND status = 'ok'",
                (cell.key,),
            )
        )


def _steps(scored: Scored) -> list[str]:
    return [step["name"] for step in scored.cell.description["intervention"]]


def _common(one: Scored, other: Scored) -> list[Unit]:
    """Units that both have a score for, in the benchmark's own order."""
    assert other.found is not None
    both = {
        unit_id
        for unit_id, value in one.values.items()
        if value is not None and other.values.get(unit_id) is not None
    }
    return [unit for unit in other.found.units if unit.unit_id in both]


def _metric(scored: Scored, units: Sequence[Unit]) -> float:
    assert scored.found is not None
    values = [float(scored.values[unit.unit_id] or 0.0) for unit in units]
    return metric_of(units, [values], scored.found.benchmark.scale)


def _percent(marks: Iterable[bool]) -> float | None:
    counted = list(marks)
    return 100.0 * sum(counted) / len(counted) if counted else None


def _mini(cell: StoredCell) -> bool:
    models = load_suite().models
    bases = [split_ref(name).base for name in cell.names]
    return any(base in models and models[base].mini for base in bases)


def _is_clip(cell: StoredCell) -> bool:
    models = load_suite().models
    return any(name in models and models[name].family == "clip" for name in cell.names)


# -- as text, CSV and Markdown -------------------------------------------------------------------


def texts(rows: Sequence[Table2Row]) -> tuple[list[str], list[list[str]]]:
    """Returns the heads of the columns, and the cells of each row, as they are read."""
    return ["model", "benchmark", *_HEADS.values()], [_cells(row) for row in rows]


def as_table(rows: Sequence[Table2Row]) -> Table:
    """Returns the rows as a table for a terminal; what is not known is a dash."""
    table = Table("model", "benchmark", box=None, pad_edge=False)
    for head in _HEADS.values():
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def as_csv(rows: Sequence[Table2Row]) -> str:
    """Returns the rows with every field, unrounded, as CSV with a header."""
    text = io.StringIO()
    names = [field.name for field in fields(Table2Row)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def as_markdown(rows: Sequence[Table2Row]) -> str:
    """Returns the rows as a Markdown table, with who made the images below it."""
    heads, cells = texts(rows)
    lines = [heads, ["---", "---", *["--:" for _ in _HEADS]], *cells]
    made = dict.fromkeys(sentence for row in rows for sentence in _sources(row))
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([table, "", *made]) + "\n"


def _cells(row: Table2Row) -> list[str]:
    decimals = {"clip_i": 2}
    values = {name: getattr(row, name) for name in _HEADS}
    texts = [
        str(value) if isinstance(value, int) else number(value, decimals=decimals.get(name, 1))
        for name, value in values.items()
    ]
    return [model_title(row.model, mini=row.mini), row.benchmark, *texts]


def _sources(row: Table2Row) -> Iterator[str]:
    by = f"captions by {row.captioner}, images by {row.generator}" if row.captioner else ""
    yield f"{row.benchmark}: {by or row.generator}, {row.mode} mode."
    if row.encoder:
        yield f"CLIP-I by {row.encoder}."
    if row.free_form:
        yield f'Share of "{ANSWER}" among {row.free_form} free-form answers to {row.benchmark}.'
    if row.mini:
        yield MINI_NOTICE
