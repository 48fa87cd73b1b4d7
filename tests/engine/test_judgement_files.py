"""Judges' replies travel with an export, once each, and only unchanged."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipllvm_spec.engine.exchange import export_store, import_store
from ipllvm_spec.engine.judgement_files import judgements_path
from ipllvm_spec.engine.keys import reply_key
from ipllvm_spec.engine.store import Store, StoredJudgement
from ipllvm_spec.errors import StoreError


def judged(answer: str, *, usable: bool = True) -> StoredJudgement:
    """A reply about an answer."""
    key = reply_key("judge-1", rubric="r-1", question="q", answer=answer)
    return StoredJudgement(
        key, "judge-1", "r-1", "q", answer, usable, "0.5", 1, 10, 2, "http://x", "run", "2026"
    )


@pytest.fixture
def filled(tmp_path):
    """A store with two replies, exported."""
    store = Store(tmp_path / "a.sqlite")
    store.add_judgements([judged("red"), judged("garbage", usable=False)])
    store.close()
    export_store(tmp_path / "a.sqlite", tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_replies_come_along_once(filled, tmp_path):
    """What one store knows another one need not pay for; a second import adds nothing."""
    first = import_store(tmp_path / "b.sqlite", filled)
    again = import_store(tmp_path / "b.sqlite", filled)
    store = Store(tmp_path / "b.sqlite")
    found = store.judgements([judged("red").judge_key, judged("garbage").judge_key])
    store.close()

    assert (first.judgements, again.judgements) == (2, 0)
    assert set(found.values()) == {judged("red"), judged("garbage", usable=False)}


def test_a_store_without_replies_has_no_such_file(filled, tmp_path):
    """An older file of the same name would be taken for this export's."""
    Store(tmp_path / "empty.sqlite").close()
    export_store(tmp_path / "empty.sqlite", filled)

    assert not judgements_path(filled).exists()


def test_a_changed_reply_is_refused_before_anything_is_added(filled, tmp_path):
    """A question that was edited no longer fits its key."""
    table = pq.read_table(judgements_path(filled))
    index = table.schema.get_field_index("answer")
    edited = pa.array(["other"] * len(table), pa.string())
    pq.write_table(
        table.set_column(index, table.schema.field(index), edited), judgements_path(filled)
    )

    with pytest.raises(StoreError, match="was changed after its export"):
        import_store(tmp_path / "b.sqlite", filled)
    assert not (tmp_path / "b.sqlite").exists()


def test_another_file_in_its_place_is_refused(filled, tmp_path):
    """The message names what it lacks."""
    pq.write_table(pa.table({"x": [1]}), judgements_path(filled))
    with pytest.raises(StoreError, match="it lacks answer"):
        import_store(tmp_path / "b.sqlite", filled)
