"""The lock file: stable text, no commit invented, no silent move to another commit."""

import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.errors import LockError
from ipllvm_spec.spec.lock import LockFile

ONE, TWO = "1" * 40, "2" * 40


def test_a_new_lock_is_empty(tmp_path):
    """A file that does not exist locks nothing and is not created by reading it."""
    lock = LockFile.load(tmp_path / "ipllvm.lock")
    assert lock.commit_for("dataset", "a/b") is None
    assert lock.model_commit("a/b") is None
    assert not lock.path.exists()


def test_round_trip(tmp_path):
    """What was recorded and saved is what is loaded; models and data sets stay apart."""
    lock = LockFile(tmp_path / "deep" / "ipllvm.lock")
    lock.record("dataset", "owner/name-1.0_x", ONE)
    lock.record("model", "owner/name-1.0_x", TWO)
    lock.save()
    again = LockFile.load(lock.path)
    assert again.commit_for("dataset", "owner/name-1.0_x") == ONE
    assert again.model_commit("owner/name-1.0_x") == TWO
    assert again.text() == lock.text() == lock.path.read_text(encoding="utf-8")


NAMES = st.text("aZ09_.-", min_size=1, max_size=6)
ENTRIES = st.dictionaries(
    st.tuples(st.sampled_from(["dataset", "model"]), st.builds("{}/{}".format, NAMES, NAMES)),
    st.integers(0, 16**40 - 1).map("{:040x}".format),
    max_size=6,
)


@given(ENTRIES, st.randoms())
def test_equal_locks_are_equal_bytes(tmp_path_factory, entries, random):
    """The order of fetching does not show in the text, and the text is valid TOML."""
    orders = [list(entries.items()) for _ in range(2)]
    random.shuffle(orders[1])
    texts = []
    for order in orders:
        lock = LockFile(tmp_path_factory.getbasetemp() / "unused.lock")
        for (kind, hub_id), commit in order:
            lock.record(kind, hub_id, commit)
        texts.append(lock.text())
    assert texts[0] == texts[1]
    data = tomllib.loads(texts[0])
    assert {(kind, id_) for kind in ("dataset", "model") for id_ in data.get(kind, {})} == set(
        entries
    )


def test_a_mismatch_names_both_commits(tmp_path):
    """Neither verify nor record accepts another commit; the lock stays as it was."""
    lock = LockFile(tmp_path / "ipllvm.lock")
    lock.record("model", "a/b", ONE)
    lock.record("model", "a/b", ONE)
    lock.verify("model", "a/b", ONE)
    for act in (lock.verify, lock.record):
        with pytest.raises(LockError) as caught:
            act("model", "a/b", TWO)
        assert ONE in str(caught.value)
        assert TWO in str(caught.value)
        assert "delete the line from ipllvm.lock" in caught.value.advice
    assert lock.model_commit("a/b") == ONE
    lock.record("model", "a/b", TWO, replace=True)
    assert lock.model_commit("a/b") == TWO


def test_an_unlocked_id_says_how_to_lock_it(tmp_path):
    """Verifying what was never fetched names the command that fetches it."""
    with pytest.raises(LockError, match="run `ipllvm fetch a/b`"):
        LockFile(tmp_path / "ipllvm.lock").verify("dataset", "a/b", ONE)


@pytest.mark.parametrize("commit", ["main", "", "1" * 39, "1" * 41, "G" * 40, "A" * 40])
def test_only_commits_are_locked(tmp_path, commit):
    """A branch, a tag or a shortened commit is refused."""
    with pytest.raises(LockError, match="not a commit"):
        LockFile(tmp_path / "ipllvm.lock").record("model", "a/b", commit)


@pytest.mark.parametrize("hub_id", ["", "a/b/c", 'a"b', "a b/c", "a/b\n"])
def test_only_hub_ids_are_locked(tmp_path, hub_id):
    """An id that would break the file is refused."""
    with pytest.raises(LockError, match="not a hub id"):
        LockFile(tmp_path / "ipllvm.lock").record("model", hub_id, ONE)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<<<<<<< ours\n", "malformed"),
        ("", "version is None"),
        ("version = 2\n", "version is 2"),
        ("version = 1\n[data]\n", "unknown key 'data'"),
        ("version = 1\nmodel = 3\n", "'model' is not a table"),
        ('version = 1\n[model]\n"a/b" = "main"\n', "'main', not a commit"),
        ('version = 1\n[model]\n"a/b" = 3\n', "3, not a commit"),
        (f'version = 1\n[model]\n"a/b" = "{ONE}"\n"a/b" = "{TWO}"\n', "malformed"),
    ],
)
def test_malformed_files(tmp_path, text, what):
    """A damaged lock is an error with its path, never an empty lock."""
    path = tmp_path / "ipllvm.lock"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LockError) as caught:
        LockFile.load(path)
    assert what in str(caught.value)
    assert str(path) in str(caught.value)
    assert "version control" in caught.value.advice


def test_bytes_that_are_no_text(tmp_path):
    """A binary file in place of the lock is malformed too."""
    path = tmp_path / "ipllvm.lock"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LockError, match="malformed"):
        LockFile.load(path)


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    """When the disk is full the old lock stays whole and no draft is left."""
    lock = LockFile(tmp_path / "ipllvm.lock")
    lock.record("model", "a/b", ONE)
    lock.save()
    before = lock.path.read_bytes()
    lock.record("model", "c/d", TWO)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(LockError, match="No space left on device"):
        lock.save()
    assert lock.path.read_bytes() == before
    assert os.listdir(tmp_path) == ["ipllvm.lock"]  # noqa: PTH208


def test_a_folder_that_is_a_file(tmp_path):
    """A path below a file cannot be written, and the message says what to do."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(LockError, match="IPLLVM_LOCK"):
        LockFile(tmp_path / "file" / "ipllvm.lock").save()


def test_the_lock_in_use(tmp_path, monkeypatch):
    """Without a path the lock in use is read."""
    lock = LockFile(tmp_path / "other.lock")
    lock.record("model", "a/b", ONE)
    lock.save()
    monkeypatch.setenv("IPLLVM_LOCK", str(lock.path))
    assert LockFile.load().model_commit("a/b") == ONE
