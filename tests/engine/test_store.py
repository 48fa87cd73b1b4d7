"""Stored answers: what is a hit, what survives, what is refused."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from ipllvm_spec.engine.disks import file_system, refuse_network
from ipllvm_spec.engine.store import Provenance, Store, StoredRow
from ipllvm_spec.errors import StoreError

ORIGIN = Provenance("run", "host", "cpu", "model", size=1, padded_tokens=10, seconds=0.1)
CELL = {"c": '{"model":{}}'}


def _row(number: int, *, status: str = "ok", text: str = "A") -> StoredRow:
    return StoredRow(f"k{number}", "c", f"i{number}", "content", status, text, 0.5, 1)


def test_only_ok_rows_are_hits_and_failures_are_kept_for_the_record(tmp_path):
    """A failed row is no hit, is replaced by a later answer, and its reason stays on record."""
    store = Store(tmp_path / "s.sqlite")
    store.commit([_row(1), _row(2, status="error", text="no image")], cells=CELL, provenance=ORIGIN)
    assert set(store.rows(["k1", "k2", "k3"])) == {"k1"}
    store.commit([_row(2, text="B")], cells=CELL, provenance=ORIGIN)
    assert store.rows(["k2"])["k2"].text == "B"
    notes = store.fetch("SELECT status, note FROM provenance WHERE item_key = 'k2' ORDER BY 1")
    assert notes == [("error", "no image"), ("ok", "")]


def test_an_ok_row_is_never_replaced(tmp_path):
    """The store is append-only truth: a second answer to the same question changes nothing."""
    store = Store(tmp_path / "s.sqlite")
    store.commit([_row(1, text="A")], cells=CELL, provenance=ORIGIN)
    store.commit([_row(1, text="B")], cells=CELL, provenance=ORIGIN)
    assert store.rows(["k1"])["k1"].text == "A"


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path):
    """A batch that breaks off in the middle leaves no row."""
    store = Store(tmp_path / "s.sqlite")
    bad = _row(3)._replace(text=None)
    with pytest.raises(StoreError):
        store.commit([_row(1), _row(2), bad], cells=CELL, provenance=ORIGIN)
    assert store.rows(["k1", "k2", "k3"]) == {}
    assert store.fetch("SELECT COUNT(*) FROM batches") == [(0,)]


def test_a_full_disk_is_one_clear_message_and_loses_nothing(tmp_path):
    """'database or disk is full' becomes an advice; what was stored before stays readable."""
    store = Store(tmp_path / "s.sqlite")
    store.commit([_row(1)], cells=CELL, provenance=ORIGIN)
    (pages,) = store.fetch("PRAGMA page_count")[0]
    store.fetch(f"PRAGMA max_page_count = {pages}")
    many = [_row(number, text="long answer " * 50) for number in range(2, 200)]
    with pytest.raises(
        StoreError, match=r"(?s)is full; everything stored before is kept.*free space"
    ):
        store.commit(many, cells=CELL, provenance=ORIGIN)
    assert set(store.rows(row.item_key for row in [_row(1), *many])) == {"k1"}
    store.fetch("PRAGMA max_page_count = 1000000")
    store.commit(many, cells=CELL, provenance=ORIGIN)
    assert len(store.rows(row.item_key for row in many)) == len(many)


def test_a_damaged_file_is_refused_with_advice(tmp_path):
    """A file that is no SQLite file, and one with a broken page, say what to do."""
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is not a store" * 1000)
    with pytest.raises(StoreError, match=r"(?s)damaged or no store.*move the file aside"):
        Store(path)


def test_a_damaged_page_is_reported_when_it_is_read(tmp_path):
    """Damage inside the file does not pass as a missing answer."""
    path = tmp_path / "s.sqlite"
    store = Store(path)
    store.commit([_row(n, text="x" * 200) for n in range(500)], cells=CELL, provenance=ORIGIN)
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        Store(path).rows(f"k{n}" for n in range(500))


def test_an_unwritable_place_is_named(tmp_path):
    """A folder that cannot be made is one message with the option to change it."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"(?s)cannot be written.*--run-dir"):
        Store(tmp_path / "file" / "s.sqlite")


def test_a_missing_store_is_named(tmp_path):
    """Reading commands do not make an empty store."""
    with pytest.raises(StoreError, match="there is no store"):
        Store(tmp_path / "s.sqlite", create=False)
    assert not (tmp_path / "s.sqlite").exists()


def test_another_layout_is_refused(tmp_path):
    """A store of a future version is not written into."""
    store = Store(tmp_path / "s.sqlite")
    store.fetch("UPDATE meta SET value = '99' WHERE key = 'layout'")
    store.close()
    with pytest.raises(StoreError, match="layout 99"):
        Store(tmp_path / "s.sqlite")


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local\\040disk ext4 rw 0 0
//server/share /mnt/share cifs rw 0 0
tmpfs /home/me/tmp tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/run", "ext4"),
        ("/home/me/run", "nfs4"),
        ("/home/local disk/run", "ext4"),
        ("/home/me/tmp/run", "tmpfs"),
        ("/homes/run", "ext4"),
        ("/mnt/share/run", "cifs"),
    ],
)
def test_the_file_system_is_that_of_the_innermost_mount(tmp_path, path, kind):
    """The longest mount point that holds the path decides."""
    assert file_system(tmp_path.__class__(path), MOUNTS) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "lustre", "fuse.sshfs"])
def test_network_file_systems_are_refused_with_advice(tmp_path, kind):
    """SQLite on NFS and the like loses data: refused, with the way to share answers."""
    mounts = f"/dev/vda / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n"
    with pytest.raises(StoreError, match=r"(?s)network file system.*local disk.*store export"):
        refuse_network(tmp_path / "s.sqlite", mounts=mounts)
    refuse_network(tmp_path / "s.sqlite", mounts="/dev/vda / ext4 rw 0 0\n")


def test_opening_a_store_checks_its_file_system(tmp_path, monkeypatch):
    """The check is part of opening, not only a function beside it."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr("ipllvm_spec.engine.disks._MOUNTS", mounts)
    with pytest.raises(StoreError, match="network file system"):
        Store(tmp_path / "s.sqlite")


def test_two_writers_share_a_file(tmp_path):
    """Two connections, as two engines have, commit at the same time without loss."""
    stores = [Store(tmp_path / "s.sqlite") for _ in range(2)]

    def write(store: Store, first: int) -> None:
        for number in range(first, first + 50):
            store.commit([_row(number)], cells=CELL, provenance=ORIGIN)

    threads = [
        threading.Thread(target=write, args=(store, 1000 * rank))
        for rank, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].fetch("SELECT COUNT(*) FROM results") == [(100,)]


def test_a_writer_that_waits_in_vain_says_so(tmp_path):
    """A store locked by another process for too long is a clear error."""
    store = Store(tmp_path / "s.sqlite", timeout_s=0.1)
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="in use by another process"):
        store.commit([_row(1)], cells=CELL, provenance=ORIGIN)
    other.close()
