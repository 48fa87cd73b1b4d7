"""What is kept beside the answers: bytes by key, the first writer's."""

from __future__ import annotations

import sqlite3

import pytest

from ipllvm_spec.engine.artefacts import Artefact, of_kind
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import StoreError


def _made(key: str, data: bytes, kind: str = "image") -> Artefact:
    return Artefact(key, kind, '{"made":"here"}', data)


def test_the_first_writer_of_an_artefact_wins(tmp_path):
    """Bytes come back as they were, whatever they are; a second writer changes nothing."""
    every_byte = bytes(range(256))
    store = Store(tmp_path / "s.sqlite")
    assert store.artefact("a") is None
    store.put_artefacts([_made("a", every_byte), _made("b", b"")])
    store.put_artefacts([_made("a", b"other"), _made("c", b"c", kind="array")])
    store.close()
    again = Store(tmp_path / "s.sqlite", create=False)
    assert again.artefact("a") == _made("a", every_byte)
    assert [each.artefact_key for each in of_kind(again, "image")] == ["a", "b"]


def test_artefacts_are_stored_whole_or_not_at_all(tmp_path):
    """One that SQLite refuses takes the others of its call with it."""
    store = Store(tmp_path / "s.sqlite")
    with pytest.raises(StoreError):
        store.put_artefacts([_made("a", b"a"), _made("b", None)])
    assert store.artefact("a") is None


def test_a_store_from_before_there_were_artefacts_takes_them(tmp_path):
    """The table is added to an existing file; its layout stays, so older versions read on."""
    path = tmp_path / "s.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as file:
        file.execute("DROP TABLE artefacts")
    store = Store(path)
    store.put_artefacts([_made("a", b"a")])
    assert store.artefact("a") == _made("a", b"a")
