"""A small store of answers and records, as a run would leave them."""

from __future__ import annotations

import io

import datasets
import numpy as np
from PIL import Image

from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine import keys
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.keys import DataId, ModelId
from ipllvm_spec.engine.store import Provenance, Store, StoredRow
from ipllvm_spec.spec.interventions import Identity, PermuteTokens
from ipllvm_spec.verdicts.record import Measured, Record
from ipllvm_spec.verdicts.rescore import rescore
from ipllvm_spec.verdicts.rescore_data import Finder
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

N = 40
TEXT = datasets.Value("string")


def picture(number):
    """A small image of its own colour."""
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), number, dtype=np.uint8)).save(file, format="PNG")
    return {"bytes": file.getvalue(), "path": None}


def store_answers(run_dir, folder, answers, *, name="chartqa", weights="one", ref="m", **cell):
    """Stores raw answers by item id, as an engine would, and returns the loaded items."""
    benchmark = get_benchmark(name)
    loaded = load_items(benchmark, str(folder))
    asked = Cell("m", name, source=str(folder), **cell)
    description = keys.describe_cell(
        asked,
        model=ModelId("m", f"sha256:{weights}", "processor", "float32"),
        data=DataId(name, "standard", loaded.content_digest, loaded.revision),
        prompts=keys.prompt_digest(loaded.items),
        decoding=benchmark.decoding,
        engine="fake-1",
    )
    key = keys.cell_key(description)
    rows = []
    for item in loaded.items:
        if item.item_id in answers:
            content = keys.content_digest(item)
            row_key = keys.item_key(key, item.item_id, content)
            text = answers[item.item_id]
            rows.append(StoredRow(row_key, key, item.item_id, content, "ok", text, 0.0, 1))
    store = Store(run_dir / "cells.sqlite")
    origin = Provenance("run", "here", "cpu", ref, len(rows), 0, 0.0)
    store.commit(rows, cells={key: keys.canonical(description)}, provenance=origin)
    store.close()
    return loaded


def right(count, *, offset=0):
    """Answers to all questions, of which the first ``count`` are right."""
    return {
        f"row-{n:05d}": str(100 * (n + 1)) if n < count else f"wrong {n + offset}" for n in range(N)
    }


def make_record(loaded, folder, *, intact, other, n=N, repeats=1, **details):
    """The record of a claim about two conditions."""
    verdict = Verdict(
        outcome=Outcome.PASS,
        statistic="drop",
        estimate=0.0,
        lower=None,
        upper=None,
        bounds="",
        n=n,
        n_total=N,
        clusters=n,
        limit=2.0,
        direction="at_most",
        unit="points of 100",
        why="because",
        target="benchmark",
        method="arithmetic",
        reason="so it is",
        alpha=0.05,
        details=details,
    )
    measured = Measured(
        benchmark="chartqa",
        scale=100.0,
        intact=intact,
        other=other,
        chance=0.0,
        n=n,
        n_total=N,
        source=str(folder),
        revision="local",
        content_digest=loaded.content_digest,
    )
    return Record(
        run_id="run",
        property_id="permutation",
        claim="permutation.accuracy_survives",
        property_statement="A property.",
        statement="A claim.",
        paper="Table 1",
        model="m",
        mini=False,
        benchmark="chartqa",
        mode="standard",
        case="m:chartqa",
        intervention=PermuteTokens().canonical(),
        control=Identity().canonical(),
        repeats=repeats,
        verdict=verdict,
        expected=None,
        measured=(measured,),
        rerun="pytest",
        spec_file="permutation.toml",
    )


def scores_of(run_dir, folder, name="chartqa", **options):
    """Rescores a run whose data lie in a folder."""
    return rescore(run_dir / "cells.sqlite", Finder({name: str(folder)}), **options)
