"""Exports are equal for equal content; imports are checked; pruning takes only what was asked."""

from __future__ import annotations

from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.exchange import export_store, import_store, provenance_path
from ipllvm_spec.engine.store import Store
from ipllvm_spec.engine.upkeep import info, prune
from ipllvm_spec.errors import StoreError, UsageError
from ipllvm_spec.spec.interventions import PermuteTokens

CELLS = [
    Cell("present", "pairs"),
    Cell("present", "pairs", intervention=PermuteTokens()),
    Cell("other", "pairs", source="corrupt"),
]


def _fill(engine, cells, blocks) -> None:
    for start, stop in blocks:
        for cell in cells:
            items, _ = engine.lookup(cell, start, stop)
            engine.compute(cell, items)


def test_exports_of_equal_content_are_byte_identical(make_engine, tmp_path):
    """Order of work, runs and times leave no trace in the main file; they are in the second."""
    first, second = make_engine(store="a"), make_engine(store="b")
    _fill(first, CELLS, [(0, 100)])
    _fill(second, CELLS[::-1], [(64, 100), (0, 64)])
    count = export_store(tmp_path / "a", tmp_path / "out" / "a.parquet")
    assert count == 600
    assert export_store(tmp_path / "b", tmp_path / "b.parquet") == 600
    a, b = tmp_path / "out" / "a.parquet", tmp_path / "b.parquet"
    assert a.read_bytes() == b.read_bytes()
    origin = pq.read_table(provenance_path(a))
    assert origin.num_rows == 600
    assert set(origin["run_id"].to_pylist()) == {"run-0"}
    assert not list(tmp_path.rglob("*.part"))


def test_an_import_into_an_empty_store_exports_the_same_bytes(make_engine, tmp_path):
    """Export, import, export is the identity; importing twice adds nothing."""
    _fill(make_engine(), CELLS, [(0, 40)])
    export_store(tmp_path / "cells.sqlite", tmp_path / "a.parquet")
    first = import_store(tmp_path / "new.sqlite", tmp_path / "a.parquet")
    again = import_store(tmp_path / "new.sqlite", tmp_path / "a.parquet")
    assert first.added > 240
    assert (first.known, first.conflicting) == (0, 0)
    assert (again.added, again.known, again.conflicting) == (0, first.added, 0)
    export_store(tmp_path / "new.sqlite", tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_imported_rows_are_hits(make_engine, tmp_path):
    """What another machine measured is not measured again."""
    _fill(make_engine(store="a"), CELLS[:1], [(0, 100)])
    export_store(tmp_path / "a", tmp_path / "a.parquet")
    import_store(tmp_path / "b", tmp_path / "a.parquet")
    engine = make_engine(store="b")
    _, rows = engine.lookup(CELLS[0], 0, 100)
    assert len(rows) == 200


def test_conflicting_rows_are_counted_and_ours_stay(make_engine, tmp_path):
    """A contradiction is reported, not resolved silently."""
    _fill(make_engine(), CELLS[:1], [(0, 10)])
    export_store(tmp_path / "cells.sqlite", tmp_path / "a.parquet")
    store = Store(tmp_path / "cells.sqlite")
    store.fetch("UPDATE results SET text = 'mine' WHERE item_id = 'i010' OR item_id = 'i011'")
    changed = store.fetch("SELECT COUNT(*) FROM results WHERE text = 'mine'")[0][0]
    done = import_store(tmp_path / "cells.sqlite", tmp_path / "a.parquet")
    assert done.conflicting == changed
    assert store.fetch("SELECT COUNT(*) FROM results WHERE text = 'mine'") == [(changed,)]


def test_a_changed_export_is_refused_whole(make_engine, tmp_path):
    """Keys are computed again: an edited file adds nothing."""
    _fill(make_engine(), CELLS[:1], [(0, 10)])
    export_store(tmp_path / "cells.sqlite", tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    names = table["item_id"].to_pylist()
    forged = table.set_column(2, "item_id", [[*names[:-1], "i199"]])
    pq.write_table(forged, tmp_path / "forged.parquet")
    with pytest.raises(StoreError, match=r"(?s)changed after its export.*nothing was imported"):
        import_store(tmp_path / "new.sqlite", tmp_path / "forged.parquet")
    assert not (tmp_path / "new.sqlite").exists()


@pytest.mark.parametrize("content", [None, b"no parquet at all"])
def test_an_unreadable_import_is_named(tmp_path, content):
    """A missing or foreign file is one clear message."""
    source = tmp_path / "x.parquet"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read as parquet"):
        import_store(tmp_path / "s.sqlite", source)


def test_a_provenance_file_is_no_export(make_engine, tmp_path):
    """The second file of an export, given by mistake, is recognised."""
    _fill(make_engine(), CELLS[:1], [(0, 5)])
    export_store(tmp_path / "cells.sqlite", tmp_path / "a.parquet")
    with pytest.raises(StoreError, match="not its provenance"):
        import_store(tmp_path / "s.sqlite", provenance_path(tmp_path / "a.parquet"))


def test_an_unwritable_target_is_named(make_engine, tmp_path):
    """An export into a place that cannot exist leaves no half file."""
    _fill(make_engine(), CELLS[:1], [(0, 5)])
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        export_store(tmp_path / "cells.sqlite", tmp_path / "file" / "a.parquet")


def test_info_counts_by_model_benchmark_intervention_and_status(make_engine, tmp_path):
    """People see what they called the model, not its digest."""
    _fill(make_engine(), CELLS, [(0, 10)])
    found = info(tmp_path / "cells.sqlite")
    seen = {(k.model, k.benchmark, k.intervention.split("(")[0], k.status) for k, _ in found.counts}
    assert ("present", "pairs (standard)", "identity", "ok") in seen
    assert ("present", "pairs (standard)", "permute_tokens", "ok") in seen
    assert ("other", "pairs (standard)", "identity", "error") in seen
    assert found.rows == sum(number for _, number in found.counts)
    assert found.size_bytes > 0


def test_prune_takes_only_what_meets_all_conditions(make_engine, tmp_path):
    """By name, by age, by weights that are gone; a dry run deletes nothing."""
    path = tmp_path / "cells.sqlite"
    weights = tmp_path / "weights"
    weights.write_text("old")
    engine = make_engine()
    _fill(engine, [CELLS[0], Cell(str(weights), "pairs")], [(0, 10)])
    rows = info(path).rows

    with pytest.raises(UsageError, match="every answer"):
        prune(path)
    assert prune(path, older_than=timedelta(days=1)).rows == 0
    digests = {"present": engine._library.model("present").digest, str(weights): "sha256:new"}
    dry = prune(path, current=digests.get, dry_run=True)
    assert 0 < dry.rows < rows
    assert info(path).rows == rows
    assert prune(path, current=digests.get).rows == dry.rows
    assert {kind.model for kind, _ in info(path).counts} == {"present"}
    assert prune(path, model="present").rows == rows - dry.rows
    assert info(path).rows == 0
    for table in ("cells", "provenance", "batches"):
        assert Store(path).fetch(f"SELECT COUNT(*) FROM {table}") == [(0,)]
