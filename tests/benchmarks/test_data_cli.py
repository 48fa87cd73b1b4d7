"""The commands about data: what they print, in 80 columns and as JSON, and when they fail."""

import json
import shutil

import datasets
import pytest
from typer.testing import CliRunner

from ipllvm_spec.benchmarks import snapshots, sources
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.cli import app
from ipllvm_spec.cli_options import page
from ipllvm_spec.errors import DataError, LockError, UnknownNameError, UsageError
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.lock import LockFile

COMMIT = "c" * 40
SUITE = load_suite()


@pytest.fixture
def ipllvm(tmp_path, monkeypatch):
    """Runs a command with a lock file of its own, in a terminal of 80 columns."""
    monkeypatch.setenv("IPLLVM_LOCK", str(tmp_path / "ipllvm.lock"))
    monkeypatch.setattr(page, "width", 80)

    def run(*arguments, code=0, error=None):
        done = CliRunner().invoke(app, list(arguments))
        if error is None:
            assert done.exit_code == code, (done.output, done.exception)
        else:
            assert isinstance(done.exception, error), (done.output, done.exception)
        return done

    return run


@pytest.fixture
def cached(tmp_path, make_rows, write_parquet, monkeypatch):
    """Puts a data set on this machine as if it had been fetched at ``COMMIT``, and locks it."""
    folders = {}

    def snapshot(hub_id, *, repo_type, revision, local_files_only=False, **_):
        assert local_files_only, "a command that only looks must not download"
        if (hub_id, revision) not in folders:
            raise snapshots.errors.LocalEntryNotFoundError("not here")
        return str(folders[hub_id, revision])

    monkeypatch.setattr(snapshots, "snapshot_download", snapshot)
    monkeypatch.setattr(snapshots, "HfApi", None)
    monkeypatch.setattr(sources, "published_rows", lambda _: 8)

    def put(name, *, here=True, rows=None):
        hub_id = SUITE.benchmarks[name].hub[0]
        lock = LockFile.load(tmp_path / "ipllvm.lock")
        lock.record("dataset", hub_id, COMMIT)
        lock.save()
        folder = write_parquet(name, rows or make_rows(name, 8), folder=f"snapshot-{name}")
        if here:
            folders[hub_id, COMMIT] = folder
        return folder

    return put


def squeezed(text):
    """The text without line breaks and runs of spaces."""
    return " ".join(text.split())


def test_list_shows_every_data_set(ipllvm, cached):
    """Split, rows, commit, presence, licence and gating of each, within 80 columns."""
    cached("mmvp")
    cached("mme", here=False)
    lines = ipllvm("data", "list").output.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    rows = {line.split()[0]: line.split() for line in lines if line.split()}
    assert SUITE.benchmarks.keys() <= rows.keys()
    assert rows["mmvp"][1:6] == ["train", "300", COMMIT[:12], "yes", "no"]
    assert rows["mme"][3:5] == [COMMIT[:12], "no"]
    assert rows["chartqa"][3:5] == ["-", "no"]


def test_list_as_json(ipllvm, cached):
    """Programs get the same, whole."""
    folder = cached("mmvp")
    found = {one["name"]: one for one in json.loads(ipllvm("data", "list", "--json").output)}
    entry = SUITE.benchmarks["mmvp"]
    assert found.keys() == SUITE.benchmarks.keys()
    assert (found["mmvp"]["commit"], found["mmvp"]["folder"]) == (COMMIT, str(folder))
    assert (found["mmvp"]["hub"], found["mmvp"]["licence"]) == (list(entry.hub), entry.licence)
    assert (found["chartqa"]["commit"], found["chartqa"]["folder"]) == (None, None)


def test_verify_reads_everything(ipllvm, cached):
    """Without names all that is locked is checked, and each says what was found."""
    cached("mmvp")
    cached("mmstar")
    told = ipllvm("data", "verify").output
    hub = SUITE.benchmarks["mmvp"].hub[0]
    where = f"{hub} at {COMMIT[:12]}"
    assert f"ok mmvp: {where}: 8 rows, 8 images, 8 items in 4 units" in told
    assert "ok mmstar: " in told


def test_verify_names_what_is_wrong(ipllvm, cached, make_rows, encode_png, write_parquet):
    """Missing data, a missing row, a lost column and broken images: each named, exit code 1."""
    cached("mme", here=False)
    cached("mmvp", rows=make_rows("mmvp", 6))
    rows = make_rows("mmstar", 8)
    rows[5]["image"] = {"bytes": encode_png(1)[:40], "path": None}
    cached("mmstar", rows=rows)
    folder = cached("chartqa")
    (file,) = folder.rglob("*.parquet")
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(folder.parent / "tables"))
    table.rename_column("answer", "label").to_parquet(str(file))
    told = ipllvm("data", "verify", code=1).output
    place = {name: SUITE.benchmarks[name].hub[0] for name in ("mme", "mmvp", "mmstar", "chartqa")}
    assert f"{place['mme']} at the locked commit {COMMIT} is not, or not whole," in told
    assert f"{place['mmvp']} at {COMMIT[:12]} has 6 rows, mmvp has 8" in told
    assert f"{place['chartqa']} at {COMMIT[:12]} lacks column 'answer'" in told
    assert f"1 of 8 images of mmstar in {place['mmstar']} at {COMMIT[:12]}" in told
    assert told.count("FAILED") == 4


def test_verify_a_folder_with_a_few_broken_images(ipllvm, make_rows, write_parquet, encode_png):
    """Up to one image in a hundred may be broken; it is named with the units that go."""
    rows = make_rows("mmvp", 200)
    rows[11]["image"] = {"bytes": encode_png(1)[:40], "path": None}
    told = ipllvm("data", "verify", f"mmvp={write_parquet('mmvp', rows)}").output
    assert "200 rows, 200 images, 198 items in 99 units" in told
    assert "1 undecodable, 1 units left out: row 11: the image cannot be decoded" in told


def test_verify_without_anything_to_verify(ipllvm):
    """Nothing locked and nothing named is a question, not a success."""
    told = ipllvm("data", "verify", error=UsageError)
    assert "nothing is locked" in told.exception.problem


def test_verify_a_changed_file(ipllvm, cached, tmp_path):
    """A file of the cache that is not what was downloaded is named, whatever it holds."""
    folder = cached("mmvp")
    (file,) = folder.rglob("*.parquet")
    blob = tmp_path / ("0" * 64)
    shutil.move(file, blob)
    file.symlink_to(blob)
    told = ipllvm("data", "verify", "mmvp", code=1).output
    assert f"{COMMIT[:12]}: {file.name} changed after the download" in told


def test_verify_twins(ipllvm):
    """A rendered twin is checked in the same way."""
    told = ipllvm("data", "verify", "mmvp", "--twin").output
    assert "ok mmvp: the twin of mmvp: 300 rows, 300 images, 300 items in 150 units" in told


def test_path_prints_a_folder_and_nothing_else(ipllvm, cached):
    """A script can use what it prints; what is not here is an error, never a download."""
    folder = cached("mmvp")
    cached("mme", here=False)
    assert ipllvm("data", "path", "mmvp").output == f"{folder}\n"
    assert ipllvm("data", "path", "mmvp", "--twin").output == f"{sources.twin_folder('mmvp')}\n"
    told = ipllvm("data", "path", "mme", error=DataError)
    assert "ipllvm data fetch mme" in told.exception.advice
    ipllvm("data", "path", "chartqa", error=LockError)
    told = ipllvm("data", "path", "mmpv", error=UnknownNameError)
    assert "did you mean 'mmvp'" in told.exception.advice


@pytest.mark.parametrize("command", [("data", "fetch"), ("fetch",)])
def test_fetch(ipllvm, cached, command):
    """Both spellings fetch at the locked commit and say where it lies."""
    folder = cached("mmvp")
    told = squeezed(ipllvm(*command, "mmvp").output)
    assert told == f"mmvp: {SUITE.benchmarks['mmvp'].hub[0]} at {COMMIT} in {folder}"


def test_fetch_goes_on_after_a_failure(ipllvm, cached, make_rows):
    """Of several data sets one that fails is reported and the others are fetched."""
    cached("mmvp", rows=make_rows("mmvp", 6))
    cached("mmstar")
    told = ipllvm("data", "fetch", "mmvp", "mmstar", code=2).output
    assert "FAILED mmvp: " in told
    assert "\nmmstar: " in told


@pytest.mark.parametrize("width", [80, 120, 200])
def test_benchmarks_fit_the_terminal(ipllvm, cached, width, monkeypatch):
    """One row each, or two tables below one another; no line is longer than the terminal."""
    monkeypatch.setattr(page, "width", width)
    sources.twin_folder("mmvp")
    cached("chartqa")
    told = ipllvm("benchmarks").output
    assert max(map(len, told.splitlines())) <= width
    rows = [line.split() for line in told.splitlines() if line.strip().startswith("mmvp ")]
    assert len(rows) == (1 if width == 200 else 2)
    assert rows[0][1] == "150"
    assert "25.00" in rows[0]
    assert all(f" {name} " in told for name in SUITE.benchmarks)
    licences = squeezed(told)
    assert all(word in licences for word in SUITE.benchmarks["mmvp"].licence.split())


def test_benchmarks_as_json(ipllvm, cached):
    """Chance comes from published data that are here, else from the rendered twin, else nowhere."""
    sources.twin_folder("mmvp")
    cached("chartqa")
    cached("mmstar", here=False)
    found = json.loads(ipllvm("benchmarks", "--json").output)
    facts = {one["published"]["name"]: one for one in found}
    benchmark = get_benchmark("chartqa")
    assert (facts["chartqa"]["read_from"], facts["mmvp"]["read_from"]) == ("published", "twin")
    assert facts["chartqa"]["scale"] == benchmark.scale
    # Eight answers, 0 to 7; 7 is within 5 % of itself only.
    assert facts["chartqa"]["chance"] == pytest.approx(12.5)
    assert facts["mmvp"]["chance"] == pytest.approx(25.0)
    assert facts["mmvp"]["modes"] == list(get_benchmark("mmvp").modes)


def test_one_benchmark_in_detail(ipllvm):
    """Columns, hub ids and the first prompt as the model gets it, for every mode."""
    sources.twin_folder("mmvp")
    told = ipllvm("benchmarks", "mmvp").output
    for hub_id in SUITE.benchmarks["mmvp"].hub:
        assert hub_id in told
    for column, kind in get_benchmark("mmvp").columns.items():
        assert f"  {column}: {kind}" in told
    for mode in get_benchmark("mmvp").modes:
        assert f"\nmode {mode}\n" in told
    assert "Answer with the option's letter from the given choices directly." in squeezed(told)
    told = ipllvm("benchmarks", "mmpv", error=UnknownNameError)
    assert "did you mean 'mmvp'" in told.exception.advice


def test_data_that_cannot_be_read_are_said(ipllvm, cached, make_rows):
    """Cached data of another size give no chance level, but a line that says why."""
    cached("mmvp", rows=make_rows("mmvp", 6))
    told = squeezed(ipllvm("benchmarks").output)
    assert "mmvp: " in told
    assert "has 6 rows, mmvp has 8" in told
