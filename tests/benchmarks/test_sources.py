"""Rows from twins and paths: validated, lazily decoded, identified by content."""

import os
import shutil
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import datasets
import pytest

from ipllvm_spec.benchmarks import images, sources
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.images import decode, pixel_digest
from ipllvm_spec.benchmarks.registry import DATA_SETS, get_benchmark, get_data_set
from ipllvm_spec.errors import DataError
from ipllvm_spec.spec.loader import load_suite

NAMES = sorted(DATA_SETS)


@pytest.mark.parametrize("name", NAMES)
def test_twins_load(name):
    """Each twin loads with the same code as published data: items, images and digests agree."""
    data_set = get_data_set(name)
    loaded = load_items(data_set, "twin")
    assert loaded.revision == "twin"
    assert loaded.content_digest.startswith("sha256:")
    assert len(loaded.items) == load_suite().benchmarks[name].twin_items
    assert loaded.undecodable == ()
    for item in loaded.items[::50] if data_set.image_column else ():
        image = loaded.image(item.item_id)
        assert image.mode == "RGB"
        assert pixel_digest(image) == item.image_digest
    again = load_items(get_data_set(name), "twin")
    assert again.items == loaded.items
    assert again.content_digest == loaded.content_digest


@pytest.mark.parametrize("name", NAMES)
def test_published_layout(name, make_rows, write_parquet):
    """A folder, its only file, and a folder of save_to_disk hold the same items."""
    folder = write_parquet(name, make_rows(name, 8))
    loaded = load_items(get_data_set(name), str(folder))
    assert loaded.revision == "local"
    (file,) = folder.glob("*.parquet")
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(folder / "cache"))
    table.save_to_disk(str(folder / "disk"))
    split = file.stem
    datasets.DatasetDict({"other": table.select([0]), split: table}).save_to_disk(
        str(folder / "dict")
    )
    for source in (file, folder / "disk", folder / "dict"):
        other = load_items(get_data_set(name), str(source))
        assert other.items == loaded.items
        assert other.content_digest == loaded.content_digest
        if get_data_set(name).image_column:
            last = loaded.items[-1]
            assert pixel_digest(other.image(last.item_id)) == last.image_digest


def test_files_of_other_tools(make_rows, write_parquet, features, encode_png):
    """A parquet file with images as structs or bare bytes and texts as large strings loads."""
    rows = make_rows("chartqa", 4)
    loaded = load_items(get_benchmark("chartqa"), str(write_parquet("chartqa", rows)))
    text = datasets.Value("large_string")
    struct = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    for number, image in enumerate((struct, datasets.Value("binary"))):
        schema = features["chartqa"] | {"image": image, "question": text}
        cells = rows
        if number == 1:
            cells = [row | {"image": row["image"]["bytes"]} for row in rows]
        folder = write_parquet("chartqa", cells, features=schema, folder=f"other{number}")
        assert load_items(get_benchmark("chartqa"), str(folder)).items == loaded.items


def test_shards_and_splits(make_rows, write_parquet):
    """Of several files those of the benchmark's split are read, in order and all of them."""
    rows = make_rows("mme", 8)
    write_parquet("mme", rows[:4], file="data/test-00000-of-00002-abc.parquet")
    write_parquet("mme", rows[:2], file="data/train-00000-of-00001-abc.parquet")
    second = "data/test-00001-of-00002-def.parquet"
    folder = write_parquet("mme", rows[4:], file=second)
    benchmark = get_benchmark("mme")
    whole = load_items(benchmark, str(write_parquet("mme", rows, folder="whole")))
    assert load_items(benchmark, str(folder)).items == whole.items
    (folder / second).unlink()
    with pytest.raises(DataError, match=r"lacks 1 of 2 parquet files.*-00001-of-00002"):
        load_items(benchmark, str(folder))


def test_a_split_whose_name_ends_like_another(make_rows, write_parquet):
    """Files of qual_test are not those of test, and mme_test is."""
    rows = make_rows("mme", 8)
    write_parquet("mme", rows[:2], file="data/qual_test-00000-of-00001.parquet")
    folder = write_parquet("mme", rows, file="data/mme_test-00000-of-00001.parquet")
    assert len(load_items(get_benchmark("mme"), str(folder)).items) == 8


def test_val_is_also_called_validation(make_rows, write_parquet):
    """MMStar's val split is found under the name that the Hub's converter gives it."""
    write_parquet("mmstar", make_rows("mmstar", 2), file="train/0000.parquet")
    rows = make_rows("mmstar", 4)
    folder = write_parquet("mmstar", rows, file="validation/0000.parquet")
    assert len(load_items(get_benchmark("mmstar"), str(folder)).items) == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_with_a_missing_column(name, tmp_path):
    """A twin that lost a column is refused with the data set, the column and what is there."""
    folder = shutil.copytree(sources.twin_folder(name), tmp_path / name)
    (file,) = folder.glob("*.parquet")
    table = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    for column in get_data_set(name).columns:
        renamed = table.rename_column(column, f"{column}_old")
        renamed.to_parquet(str(file))
        with pytest.raises(DataError) as caught:
            load_items(get_data_set(name), str(folder))
        message = str(caught.value)
        assert f"lacks column '{column}'" in message
        assert str(folder) in message
        assert f"{column}_old" in message.partition("found: ")[2].partition("\n")[0]
        assert "did you mean '" in message


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("Index", (datasets.Value("string"), "1")),
        ("Index", (datasets.Value("float64"), 1.0)),
        ("Index", (datasets.Value("bool"), True)),
        ("Question", (datasets.Value("int64"), 1)),
        ("Options", (datasets.List(datasets.Value("string")), ["a", "b"])),
        ("image", (datasets.Value("string"), "a.png")),
        ("image", ({"url": datasets.Value("string")}, {"url": "a"})),
    ],
)
def test_columns_of_another_type(make_rows, write_parquet, features, column, kind):
    """A column of another type is refused with the type that was found."""
    feature, value = kind
    rows = [row | {column: value} for row in make_rows("mmvp", 2)]
    folder = write_parquet("mmvp", rows, features=features["mmvp"] | {column: feature})
    with pytest.raises(DataError, match=f"column '{column}' of mmvp must hold .*, but holds"):
        load_items(get_benchmark("mmvp"), str(folder))


def test_an_image_that_is_lost_after_loading(make_rows, write_parquet, encode_png):
    """Who asks for it is told benchmark, row, item and place; the other items stay usable."""
    rows = make_rows("mmstar", 6)
    benchmark = get_benchmark("mmstar")
    loaded = load_items(benchmark, str(write_parquet("mmstar", rows)))
    rows[3]["image"] = {"bytes": encode_png(9)[:50], "path": None}
    folder = write_parquet("mmstar", rows, folder="lost")
    damaged = sources.open_rows(folder, benchmark, where="the copy", revision="local")
    loaded = replace(loaded, rows=damaged)
    with pytest.raises(DataError, match=r"mmstar, row 3, item '3' of the copy: .* be decoded"):
        loaded.image("3")
    assert loaded.image("5").size == (12, 8)


@pytest.mark.parametrize("name", ["mmvp", "mmstar"])
def test_repeated_ids(name, make_rows, write_parquet):
    """Two rows with one id are refused, both named."""
    rows = make_rows(name, 4)
    key = "Index" if name == "mmvp" else "index"
    rows[1] = rows[1] | {key: rows[0][key]}
    with pytest.raises(DataError, match=r"rows 0 and 1 of .* are both item"):
        load_items(get_benchmark(name), str(write_parquet(name, rows)))


def test_half_a_pair_and_half_an_image(make_rows, write_parquet):
    """An odd number of rows does not form pairs, or images with two questions."""
    for name, message in (("mmvp", "Index 3 has no partner"), ("mme", "has 1 questions, not 2")):
        folder = write_parquet(name, make_rows(name, 4)[:3], folder=name)
        with pytest.raises(DataError, match=message):
            load_items(get_benchmark(name), str(folder))


def test_changed_data_are_noticed(make_rows, write_parquet):
    """A file replaced at the same path gives its new items, not those of a cached table."""
    rows = make_rows("chartqa", 4)
    folder = write_parquet("chartqa", rows)
    (file,) = folder.glob("*.parquet")
    before, stat = load_items(get_benchmark("chartqa"), str(folder)), file.stat()
    rows[2] = rows[2] | {"answer": "7"}
    write_parquet("chartqa", rows, folder="new")
    (folder.parent / "new" / file.name).replace(file)
    # Even with the old time stamp, as after a copy that preserves it.
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = load_items(get_benchmark("chartqa"), str(folder))
    assert after.items[2].gold == "7"
    assert after.content_digest != before.content_digest


def test_sources_that_are_not_there(tmp_path, make_rows, write_parquet):
    """A wrong path, an empty folder, a missing split, no rows and a damaged file are errors."""
    benchmark = get_benchmark("mmvp")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "train.parquet").write_bytes(b"PAR1 no parquet PAR1")
    split = write_parquet("mmvp", make_rows("mmvp", 2), file="test-0.parquet", folder="split")
    write_parquet("mmvp", make_rows("mmvp", 2), file="val-0.parquet", folder="split")
    none = write_parquet("mmvp", [], folder="none")
    disk = tmp_path / "disk"
    table = datasets.Dataset.from_parquet(str(split / "val-0.parquet"), cache_dir=str(tmp_path))
    table.select([]).save_to_disk(str(disk / "none"))
    table.select([]).save_to_disk(str(disk / "empty"), num_shards=1)
    for source, message in (
        (tmp_path / "gone", "does not exist"),
        (tmp_path / "empty", "no parquet file"),
        (tmp_path / "bad", "cannot be read"),
        (split, "has no split 'train' of mmvp, only: test, val"),
        (none, "have no row"),
        (disk / "none", "cannot be read: IndexError"),
        (disk / "empty", "has no row for mmvp"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            load_items(benchmark, str(source))
        assert caught.value.advice
        assert str(source) in str(caught.value)


def test_a_twin_of_another_version_is_not_read(monkeypatch):
    """A rendering left in the cache by another version is not taken for this one."""
    monkeypatch.setattr("ipllvm_spec.mini.twins.build_twin", lambda name, *, root: root / name)
    old = sources.twin_folder("mmvp")
    monkeypatch.setattr("ipllvm_spec.mini.twins.twin_digest", lambda _: "f" * 64)
    new = sources.twin_folder("mmvp")
    assert new != old
    assert new.name == old.name == "mmvp"


def test_images_from_several_threads(make_rows, write_parquet):
    """Threads that prepare prompts ahead of compute each get the image they asked for."""
    loaded = load_items(
        get_benchmark("chartqa"), str(write_parquet("chartqa", make_rows("chartqa", 60)))
    )
    asked = [item for item in loaded.items for _ in range(5)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda item: pixel_digest(loaded.image(item.item_id)), asked))
    assert found == [item.image_digest for item in asked]


def test_progress_bars_are_given_back(make_rows, write_parquet):
    """Loading prints no bars of its own and leaves the user's setting as it was."""
    folder = write_parquet("mmvp", make_rows("mmvp", 2))
    for disabled in (True, False):
        (datasets.disable_progress_bars if disabled else datasets.enable_progress_bars)()
        try:
            load_items(get_benchmark("mmvp"), str(folder))
            assert datasets.utils.are_progress_bars_disabled() is disabled
        finally:
            datasets.enable_progress_bars()


def test_memory_stays_flat(make_rows, write_parquet, encode_png, monkeypatch):
    """Of 40 images one is decoded at a time, and a few lie encoded in memory."""
    rows = make_rows("chartqa", 40)
    for number, row in enumerate(rows):
        row["image"] = {"bytes": encode_png(number, size=(200, 200)), "path": None}
    folder = write_parquet("chartqa", rows)
    total = sum(len(row["image"]["bytes"]) for row in rows)
    rows.clear()
    made, most = [], []

    def decoded(content):
        image = decode(content)
        made.append(weakref.ref(image))
        most.append(sum(ref() is not None for ref in made))
        return image

    monkeypatch.setattr(images, "decode", decoded)
    load_items(get_benchmark("chartqa"), str(folder))
    assert (len(most), max(most)) == (40, 1)
    tracemalloc.start()
    try:
        load_items(get_benchmark("chartqa"), str(folder))
        assert tracemalloc.get_traced_memory()[1] < total / 2
    finally:
        tracemalloc.stop()
