"""Twins: published columns and types, balanced answers, content verified against the lock."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ipllvm_spec.errors import DataError, UnknownNameError
from ipllvm_spec.mini import twins
from ipllvm_spec.mini.classes import CLASSES, SCENE_CLASSES
from ipllvm_spec.mini.columns import COLUMNS, SPLITS
from ipllvm_spec.mini.problems import HELD_OUT_SHARE
from ipllvm_spec.mini.rows import ROWS, Row
from ipllvm_spec.mini.rows.classes import LABELS
from ipllvm_spec.mini.scenes import Scene
from ipllvm_spec.mini.twins import build_twin, rows_digest, twin_digest, twin_names

#: Rows of each twin: 300 units, or as many as the published set has where that is fewer.
SIZES = {name: {"mme": 600, "mmvet": 218, "llava_w": 60}.get(name, 300) for name in ROWS}


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


@pytest.mark.parametrize("name", ROWS)
def test_files_have_the_published_columns(
    name: str, root: Path, rows: dict[str, list[Row]]
) -> None:
    """One parquet file, the published columns, images decoded without loss."""
    import datasets

    path = root / name / f"{SPLITS[name]}.parquet"
    found = datasets.Dataset.from_parquet(str(path), cache_dir=str(root / "cache"))
    assert set(found.column_names) == set(COLUMNS[name])
    assert len(found) == SIZES[name]
    assert [p.name for p in (root / name).iterdir()] == [path.name]
    for column, feature in found.features.items():
        if isinstance(feature, datasets.Image):
            assert (np.asarray(found[0][column]) == rows[name][0][column]).all()
        elif not isinstance(rows[name][0][column], dict):
            assert found[-1][column] == rows[name][-1][column]


def images(table: list[Row]) -> list[np.ndarray]:
    """The images of a twin, whatever their column is called."""
    return [value for row in table for value in row.values() if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("name", ROWS)
def test_every_scene_is_held_out(name: str, rows: dict[str, list[Row]]) -> None:
    """Training draws from the other side of the split, so no twin scene was trained on."""
    blank = np.zeros((8, 8), dtype=np.int64)
    shown = images(rows[name])
    assert len(shown) == (0 if name == "gsm8k" else SIZES[name])
    assert all(Scene(pixels, blank, blank, blank).held_out for pixels in shown)


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


def test_qbench_answers_are_balanced(rows: dict[str, list[Row]]) -> None:
    """Within each question text no answer covers much more than its share of the options."""
    asked: dict[str, Counter[str]] = {}
    for row in rows["qbench"]:
        gold = row[f"option{'ABCD'.index(row['correct_choice'])}"]
        asked.setdefault(row["question"], Counter())[gold] += 1
        options = [row[f"option{i}"] for i in range(4) if row[f"option{i}"] != "N/A"]
        assert len(set(options)) == len(options) >= 2
    for question, golds in asked.items():
        if golds.total() >= 12:
            assert max(golds.values()) <= 1.4 * golds.total() / len(golds), question


def test_sqa_hints_are_needed_and_hold_the_answer(rows: dict[str, list[Row]]) -> None:
    """Two to five choices; where a hint tells a meaning, it tells the right one and wrong ones."""
    table = rows["sqa"]
    assert {len(row["choices"]) for row in table} == {2, 3, 4, 5}
    told = [row for row in table if row["skill"] in ("job", "city", "meaning")]
    assert len(told) == 120
    for row in told:
        assert row["choices"][row["answer"]] in row["hint"]
        assert any(c in row["hint"] for i, c in enumerate(row["choices"]) if i != row["answer"])


def test_ai2d_options_differ(rows: dict[str, list[Row]]) -> None:
    """Four different options, and the gold index is among them."""
    for row in rows["ai2d"]:
        assert len(set(row["options"])) == 4
        assert row["answer"] in ("0", "1", "2", "3")


def test_mathvista_queries_are_as_published(rows: dict[str, list[Row]]) -> None:
    """Choice and free-form rows, with a hint, the question, and the choices in the query."""
    table = rows["mathvista"]
    sorts = Counter((row["question_type"], row["answer_type"]) for row in table)
    assert sorts == {
        ("multi_choice", "text"): 160,
        ("free_form", "integer"): 105,
        ("free_form", "float"): 15,
        ("free_form", "list"): 20,
    }
    for row in table:
        assert row["query"].startswith("Hint: Please answer the question")
        assert f"\nQuestion: {row['question']}" in row["query"]
        assert ("\nChoices:\n(A) " in row["query"]) == (row["question_type"] == "multi_choice")
        assert row["choices"] is None or row["answer"] in row["choices"]


def test_llava_w_has_all_three_sorts_of_question(rows: dict[str, list[Row]]) -> None:
    """60 questions about 24 images."""
    table = rows["llava_w"]
    assert Counter(row["category"] for row in table) == {"conv": 20, "detail": 16, "complex": 24}
    assert len({row["image_id"] for row in table}) == 24


def test_word_problems_are_solved_and_none_is_trained_on(rows: dict[str, list[Row]]) -> None:
    """The working of every problem is right, and its side of the split is a hash of its text."""
    for row in rows["gsm8k"]:
        *steps, gold = row["answer"].split("\n")
        for step in steps:
            left, _, right = step.partition(" = ")
            one, sign, two = left.split()
            assert int(right) == int(one) + (int(two) if sign == "+" else -int(two))
        assert gold == f"#### {steps[-1].rpartition(' ')[2]}"
        assert hashlib.sha256(row["question"].encode()).digest()[0] % HELD_OUT_SHARE == 0


@pytest.mark.parametrize("name", [*CLASSES, "imagenet"])
def test_classes_are_balanced_and_look_different(name: str, rows: dict[str, list[Row]]) -> None:
    """Every class has its share, and no two images are the same."""
    names = CLASSES.get(name, SCENE_CLASSES)
    column = LABELS.get(name, "label")
    counts = Counter(row[column] for row in rows[name])
    assert set(counts) == set(range(len(names)))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len({pixels.tobytes() for pixels in images(rows[name])}) == len(rows[name])


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
