"""Twins: published columns and types, balanced answers, content verified against the lock."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ipllvm_spec.errors import DataError, UnknownNameError
from ipllvm_spec.mini import twins
from ipllvm_spec.mini.rows import ROWS, Row
from ipllvm_spec.mini.scenes import Scene
from ipllvm_spec.mini.twins import SPLITS, build_twin, rows_digest, twin_digest, twin_names


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Row]]:
    """The rows of every twin."""
    return {name: make() for name, make in ROWS.items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all twins."""
    folder = tmp_path_factory.mktemp("twins")
    for name in twin_names():
        build_twin(name, root=folder)
    return folder


@pytest.mark.parametrize("name", ROWS)
def test_rows_match_the_committed_digest(name: str, rows: dict[str, list[Row]]) -> None:
    """Pixels and texts are the committed ones."""
    assert rows_digest(rows[name]) == twin_digest(name)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("mmvp", ["Index", "Question", "Options", "Correct Answer", "image"]),
        ("mme", ["question_id", "image", "question", "answer", "category"]),
        (
            "mmstar",
            ["index", "question", "image", "answer", "category", "l2_category", "meta_info"],
        ),
        ("chartqa", ["type", "question", "answer", "image"]),
    ],
)
def test_files_have_the_published_columns(
    name: str, columns: list[str], root: Path, rows: dict[str, list[Row]]
) -> None:
    """One parquet file, the published columns in order, images decoded without loss."""
    import datasets

    path = root / name / f"{SPLITS[name]}.parquet"
    found = datasets.Dataset.from_parquet(str(path), cache_dir=str(root / "cache"))
    assert found.column_names == columns
    assert isinstance(found.features["image"], datasets.Image)
    assert [p.name for p in (root / name).iterdir()] == [path.name]
    assert (np.asarray(found[0]["image"]) == rows[name][0]["image"]).all()


@pytest.mark.parametrize("name", ROWS)
def test_every_scene_is_held_out(name: str, rows: dict[str, list[Row]]) -> None:
    """Training draws from the other side of the split, so no twin scene was trained on."""
    blank = np.zeros((8, 8), dtype=np.int64)
    assert all(Scene(row["image"], blank, blank, blank).held_out for row in rows[name])


def test_mmvp_is_made_of_pairs(rows: dict[str, list[Row]]) -> None:
    """Rows 2i-1 and 2i share question and options, differ in picture and in gold."""
    table = rows["mmvp"]
    assert [row["Index"] for row in table] == list(range(1, 301))
    for one, two in zip(table[::2], table[1::2], strict=True):
        assert (one["Question"], one["Options"]) == (two["Question"], two["Options"])
        assert {one["Correct Answer"], two["Correct Answer"]} == {"(a)", "(b)"}
        assert (one["image"] != two["image"]).any()


def test_mme_has_a_yes_and_a_no_for_every_image(rows: dict[str, list[Row]]) -> None:
    """14 subtasks, 300 images, two questions each: a constant answer scores 50 %."""
    table = rows["mme"]
    assert len({row["category"] for row in table}) == 14
    golds: dict[str, list[str]] = {}
    for row in table:
        golds.setdefault(row["question_id"], []).append(row["answer"])
        assert row["question"].endswith(" Please answer yes or no.")
    assert len(golds) == 300
    assert all(sorted(pair) == ["No", "Yes"] for pair in golds.values())


def test_mmstar_letters_and_abilities_are_balanced(rows: dict[str, list[Row]]) -> None:
    """75 golds a letter, 50 questions an ability, four different options."""
    table = rows["mmstar"]
    assert set(Counter(row["answer"] for row in table).values()) == {75}
    assert set(Counter(row["category"] for row in table).values()) == {50}
    assert len({row["l2_category"] for row in table}) == 18
    for row in table:
        options = [part[3:] for part in row["question"].split("\nOptions: ")[1].split(", ")]
        assert len(set(options)) == 4


def test_chartqa_has_no_common_answer(rows: dict[str, list[Row]]) -> None:
    """Human questions first, several a chart, and no answer covers more than an eighth."""
    table = rows["chartqa"]
    assert [row["type"] for row in table] == ["human_test"] * 150 + ["augmented_test"] * 150
    charts = {row["image"].tobytes() for row in table}
    assert len(charts) == 100
    assert max(Counter(row["answer"] for row in table).values()) <= 300 / 8


def test_the_question_alone_does_not_give_the_answer(rows: dict[str, list[Row]]) -> None:
    """The best answer to each question text, known without the picture, stays near chance."""
    for name, key, gold, chance in (
        ("mmstar", "question", "answer", 0.25),
        ("mme", "question", "answer", 0.5),
    ):
        asked: dict[str, Counter[str]] = {}
        for row in rows[name]:
            asked.setdefault(row[key].split("\n")[0], Counter())[row[gold]] += 1
        repeated = [c for c in asked.values() if c.total() >= 12]
        best = sum(max(c.values()) for c in repeated) / sum(c.total() for c in repeated)
        assert best < chance + 0.2


def test_a_second_build_leaves_the_file_alone(root: Path) -> None:
    """What is there is not rendered again."""
    path = root / "mmstar" / "val.parquet"
    before = path.stat().st_mtime_ns
    build_twin("mmstar", root=root)
    assert path.stat().st_mtime_ns == before


def test_changed_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer that no longer gives the committed content is an error, and no file appears."""
    monkeypatch.setattr(twins, "ROWS", {"mmstar": lambda: ROWS["mmstar"]()[:-1]})
    with pytest.raises(DataError, match="twin of mmstar"):
        build_twin("mmstar", root=tmp_path)
    assert not list(tmp_path.rglob("*.parquet"))


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    """A root that is a file gives a message that says where and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the twin"):
        build_twin("chartqa", root=tmp_path / "file")


def test_unknown_twins_are_named() -> None:
    """A wrong name gets the nearest right one."""
    with pytest.raises(UnknownNameError, match="mmstar"):
        twin_digest("mmstarr")
