"""Published data: fetched once, locked to a commit, verified and never moved by themselves."""

import fnmatch
import hashlib
import shutil
from types import SimpleNamespace

import datasets
import httpx2
import pytest
from huggingface_hub import errors

from ipllvm_spec.benchmarks import snapshots, sources
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.hub import fetch
from ipllvm_spec.benchmarks.registry import DATA_SETS, get_benchmark, get_data_set
from ipllvm_spec.errors import DataError, LockError, UnknownNameError
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.lock import LockFile

COMMIT, NEWER = "a" * 40, "b" * 40


class Hub:
    """The two calls of the Hub client that are used, over local folders."""

    def __init__(self, cache):
        self.cache = cache
        self.repos = {}
        self.calls = []
        self.reachable = True

    def add(self, hub_id, commit, folder):
        """Publishes a folder as the newest commit of an id."""
        self.repos.setdefault(hub_id, {})[commit] = folder

    def _repo(self, hub_id):
        if not self.reachable:
            raise httpx2.ConnectError("Name or service not known")
        if hub_id not in self.repos:
            request = httpx2.Request("GET", "https://hub.example")
            response = httpx2.Response(404, request=request)
            raise errors.RepositoryNotFoundError("404 Not Found", response=response)
        return self.repos[hub_id]

    def dataset_info(self, hub_id):
        """The newest commit."""
        self.calls.append(("info", hub_id))
        return SimpleNamespace(sha=list(self._repo(hub_id))[-1])

    def list_repo_files(self, hub_id, *, repo_type, revision):
        """All files at a commit."""
        assert repo_type == "dataset"
        if revision not in self._repo(hub_id):
            response = httpx2.Response(404, request=httpx2.Request("GET", "https://hub.example"))
            raise errors.RevisionNotFoundError("404 Not Found", response=response)
        folder = self._repo(hub_id)[revision]
        return [f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()]

    def snapshot_download(
        self, hub_id, *, repo_type, revision, allow_patterns=None, local_files_only=False
    ):
        """Copies the wanted files into the cache."""
        assert repo_type == "dataset"
        target = self.cache / hub_id / revision
        if local_files_only:
            if not target.exists():
                raise errors.LocalEntryNotFoundError("not here")
            # The real client says so because only one split was downloaded.
            raise errors.IncompleteSnapshotError("files are missing", str(target))
        self.calls.append(("download", hub_id, revision))
        folder = self._repo(hub_id)[revision]
        for name in self.list_repo_files(hub_id, repo_type=repo_type, revision=revision):
            if any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / name, target / name)
        return str(target)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub without a network."""
    made = Hub(tmp_path / "hub")
    monkeypatch.setattr(snapshots, "HfApi", lambda: made)
    monkeypatch.setattr(snapshots, "snapshot_download", made.snapshot_download)
    return made


@pytest.mark.parametrize("name", sorted(DATA_SETS))
def test_fetch_and_load(name, hub, published, tmp_path, monkeypatch):
    """Each data set in its published layout is fetched, locked and loaded at that commit."""
    # As many rows as published would take minutes; the count is tested by itself.
    monkeypatch.setattr(sources, "published_rows", lambda _: 8)
    entry = load_suite().benchmarks[name]
    named = {"file": "mmstar.parquet"} if name == "mmstar" else {}
    folder = published(name, count=8, **named)
    (folder / "README.md").write_text("card", encoding="utf-8")
    hub.add(entry.hub[0], COMMIT, folder)
    lock = LockFile(tmp_path / "ipllvm.lock")
    snapshot = fetch(name, lock)
    assert (snapshot.hub_id, snapshot.commit) == (entry.hub[0], COMMIT)
    assert LockFile.load(lock.path).commit_for("dataset", entry.hub[0]) == COMMIT
    assert not (snapshot.folder / "README.md").exists()
    hub.reachable = False
    loaded = load_items(get_data_set(name), "published", lock=lock)
    assert loaded.revision == COMMIT
    assert loaded.items
    if get_data_set(name).image_column:
        assert loaded.image(loaded.items[-1].item_id).mode == "RGB"


def test_as_many_rows_as_published(hub, published, tmp_path):
    """Published data with a row more or less are not the benchmark."""
    hub.add(load_suite().benchmarks["mmvp"].hub[0], COMMIT, published("mmvp"))
    lock = LockFile(tmp_path / "ipllvm.lock")
    fetch("mmvp", lock)
    assert len(load_items(get_benchmark("mmvp"), "published", lock=lock).items) == 300


@pytest.fixture
def three_ids(monkeypatch):
    """Declares three hub ids for every data set."""
    ids = ("here/one", "here/two", "here/three")

    def entry(name):
        return load_suite().benchmarks[name].model_copy(update={"hub": ids})

    monkeypatch.setattr("ipllvm_spec.benchmarks.hub.published_entry", entry)
    return ids


def test_ids_are_tried_in_order(hub, published, three_ids, tmp_path):
    """An id that is gone and one with other columns are passed over; the next one is locked."""
    other = published("chartqa", folder="other")
    (file,) = other.rglob("*.parquet")
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "tables"))
    table.rename_column("question", "query").to_parquet(str(file))
    hub.add(three_ids[1], COMMIT, other)
    hub.add(three_ids[2], NEWER, published("chartqa"))
    lock = LockFile(tmp_path / "ipllvm.lock")
    assert fetch("chartqa", lock.path).hub_id == three_ids[2]
    again = LockFile.load(lock.path)
    assert [again.commit_for("dataset", hub_id) for hub_id in three_ids] == [None, None, NEWER]


def test_nothing_works(hub, three_ids, make_rows, write_parquet, tmp_path):
    """When no id works, each is named with its reason and nothing is locked."""
    hub.add(three_ids[1], COMMIT, write_parquet("mmvp", make_rows("mmvp", 298)))
    lock = LockFile(tmp_path / "ipllvm.lock")
    with pytest.raises(DataError) as caught:
        fetch("mmvp", lock)
    message = str(caught.value)
    assert all(hub_id in message for hub_id in three_ids)
    assert "404" in message
    assert f"{three_ids[1]} at {COMMIT[:12]} has 298 rows, mmvp has 300" in message
    assert not lock.path.exists()


def test_a_locked_commit_is_fetched_although_there_is_a_newer_one(hub, published, tmp_path):
    """A later fetch stays at the locked commit; only an explicit update moves it."""
    hub_id = load_suite().benchmarks["mmvp"].hub[0]
    hub.add(hub_id, COMMIT, published("mmvp"))
    hub.add(hub_id, NEWER, published("mmvp", folder="newer", Question="Changed?"))
    lock = LockFile(tmp_path / "ipllvm.lock")
    lock.record("dataset", hub_id, COMMIT)
    assert fetch("mmvp", lock).commit == COMMIT
    assert hub.calls == [("download", hub_id, COMMIT)]
    old = load_items(get_benchmark("mmvp"), "published", lock=lock)
    assert fetch("mmvp", lock, update=True).commit == NEWER
    assert LockFile.load(lock.path).commit_for("dataset", hub_id) == NEWER
    new = load_items(get_benchmark("mmvp"), "published", lock=lock)
    assert new.content_digest != old.content_digest


def test_a_locked_commit_that_changed(hub, published, make_rows, write_parquet, tmp_path):
    """A locked commit that lost a column or rows, or is gone, is an error that names it."""
    hub_id = load_suite().benchmarks["mmvp"].hub[0]
    lock = LockFile(tmp_path / "ipllvm.lock")
    lock.record("dataset", hub_id, COMMIT)
    hub.add(hub_id, COMMIT, write_parquet("mmvp", make_rows("mmvp", 10)))
    with pytest.raises(DataError, match=f"{hub_id} at {COMMIT[:12]} has 10 rows, mmvp has 300"):
        fetch("mmvp", lock)
    shutil.rmtree(hub.cache)
    folder = published("mmvp")
    (file,) = folder.rglob("*.parquet")
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "tables"))
    table.rename_column("Options", "options").to_parquet(str(file))
    hub.repos[hub_id] = {COMMIT: folder}
    with pytest.raises(DataError, match=f"{hub_id} at {COMMIT[:12]} lacks column 'Options'"):
        fetch("mmvp", lock)
    shutil.rmtree(hub.cache)
    hub.repos[hub_id] = {NEWER: folder}
    with pytest.raises(DataError, match=f"{COMMIT} is not on the Hub any more") as caught:
        fetch("mmvp", lock)
    assert "--update" in caught.value.advice
    assert LockFile.load(lock.path).commit_for("dataset", hub_id) is None


def test_gated_data(hub, tmp_path, monkeypatch):
    """Who has not accepted the terms is told so."""
    request = httpx2.Request("GET", "https://hub.example")
    error = errors.GatedRepoError("403", response=httpx2.Response(403, request=request))

    def refuse(hub_id):
        raise error

    monkeypatch.setattr(hub, "dataset_info", refuse)
    with pytest.raises(DataError, match="is gated"):
        fetch("mmvp", LockFile(tmp_path / "ipllvm.lock"))


def test_files_that_changed_in_the_cache(tmp_path):
    """A file kept under its digest whose content is another one is named."""
    content = b"some rows"
    names = {}
    for number, text in enumerate((content, content + b"!")):
        names[number] = hashlib.sha256(text).hexdigest()
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    for number, text in enumerate((content, b"other rows")):
        blob = tmp_path / "blobs" / names[number]
        blob.write_bytes(text)
        (tmp_path / "snapshot" / f"train-{number}.parquet").symlink_to(blob)
    (tmp_path / "snapshot" / "train-2.parquet").write_bytes(b"by hand")
    assert snapshots.changed_files(tmp_path / "snapshot", benchmark="mmvp") == ["train-1.parquet"]


def test_unlocked_data_are_not_loaded(hub, published, tmp_path):
    """A run never resolves a commit by itself: it names the command that does."""
    hub.add(load_suite().benchmarks["mmvp"].hub[0], COMMIT, published("mmvp"))
    with pytest.raises(LockError, match="run `ipllvm data fetch mmvp`"):
        load_items(get_benchmark("mmvp"), "published", lock=LockFile(tmp_path / "ipllvm.lock"))
    with pytest.raises(LockError, match=r"no\.lock"):
        load_items(get_benchmark("mmvp"), "published")
    assert hub.calls == []


def test_an_interrupted_download_is_completed(hub, published, tmp_path):
    """A cache without the split's files is no download, and only fetch completes it."""
    hub_id = load_suite().benchmarks["mmvp"].hub[0]
    hub.add(hub_id, COMMIT, published("mmvp"))
    (hub.cache / hub_id / COMMIT).mkdir(parents=True)
    lock = LockFile(tmp_path / "ipllvm.lock")
    lock.record("dataset", hub_id, COMMIT)
    with pytest.raises(DataError, match=f"at the locked commit {COMMIT} is not, or not whole"):
        load_items(get_benchmark("mmvp"), "published", lock=lock)
    assert hub.calls == []
    fetch("mmvp", lock)
    assert len(load_items(get_benchmark("mmvp"), "published", lock=lock).items) == 300


def test_only_the_split_is_downloaded(hub, published, make_rows, write_parquet, tmp_path):
    """Other splits and other files of the repository are left where they are."""
    published("mme")
    folder = write_parquet("mme", make_rows("mme", 2), file="data/dev-0.parquet", folder="repo")
    hub_id = load_suite().benchmarks["mme"].hub[0]
    hub.add(hub_id, COMMIT, folder)
    snapshot = fetch("mme", LockFile(tmp_path / "ipllvm.lock"))
    assert [f.name for f in snapshot.folder.rglob("*.parquet")] == [
        "test-00000-of-00001-0a1b.parquet"
    ]


def test_no_connection(hub, tmp_path):
    """Without a connection the reason and the command are given."""
    hub.reachable = False
    lock = LockFile(tmp_path / "ipllvm.lock")
    with pytest.raises(DataError, match="Name or service not known"):
        fetch("mmvp", lock)
    lock.record("dataset", load_suite().benchmarks["mmvp"].hub[0], COMMIT)
    with pytest.raises(DataError, match="run `ipllvm data fetch mmvp`"):
        fetch("mmvp", lock)


def test_unknown_benchmark(tmp_path):
    """A misspelt name is an error before anything is asked."""
    with pytest.raises(UnknownNameError, match="did you mean 'mmvp'"):
        fetch("mmpv", LockFile(tmp_path / "ipllvm.lock"))
