"""Rows become items with the community's prompts; rows that contradict the schema are errors."""

import pytest

from ipllvm_spec.benchmarks.base import IMAGE_DIGEST, Item
from ipllvm_spec.benchmarks.mmstar import inline_choices
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.errors import DataError

LETTER = "\nAnswer with the option's letter from the given choices directly."
SHORT = "\nAnswer the question using a single word or phrase."


def items_of(name, rows):
    """Items of rows whose images have the digests d0, d1, ... by content."""
    numbers = {}
    digested = [
        {k: v for k, v in row.items() if k != "image"}
        | {IMAGE_DIGEST: f"d{numbers.setdefault(row['image']['bytes'], len(numbers))}"}
        for row in rows
    ]
    return get_benchmark(name).items(digested)


def test_mmvp_items(make_rows):
    """Options become lettered lines; rows 2i-1 and 2i are one unit and one cluster."""
    items = items_of("mmvp", make_rows("mmvp", 4))
    assert items[0].prompt == "Is the door open?\nA. Open\nB. Closed" + LETTER
    assert [item.gold for item in items] == ["A", "B", "A", "B"]
    assert [item.unit_id for item in items] == ["pair-1", "pair-1", "pair-2", "pair-2"]
    assert [item.cluster_id for item in items] == [item.unit_id for item in items]
    assert [item.image_digest for item in items] == ["d0", "d1", "d2", "d3"]


def test_mme_items(make_rows):
    """The published suffix is replaced; the two questions of an image are one unit."""
    items = items_of("mme", make_rows("mme", 4))
    assert items[0].prompt == "Is there a dog?" + SHORT
    assert [item.gold for item in items] == ["yes", "no", "yes", "no"]
    assert [item.item_id for item in items[:2]] == ["count/0000.jpg:1", "count/0000.jpg:2"]
    assert [item.stratum for item in items] == ["count", "count", "OCR", "OCR"]
    assert items[0].cluster_id == items[1].cluster_id == items[0].unit_id


def test_mme_ids_without_subtask_stay_apart(make_rows):
    """Equal file names in two subtasks are two images."""
    rows = [row | {"question_id": "0001.jpg"} for row in make_rows("mme", 4)]
    assert {item.unit_id for item in items_of("mme", rows)} == {"count/0001.jpg", "OCR/0001.jpg"}


def test_mmstar_items(make_rows):
    """The question lists its options already; questions about one image are a cluster."""
    items = items_of("mmstar", make_rows("mmstar", 4))
    assert items[0].prompt.endswith("D: 4" + LETTER)
    assert items[0].choices == ("red", "blue", "a cat", "4")
    assert [item.cluster_id for item in items] == ["d0", "d0", "d1", "d1"]
    assert [item.unit_id for item in items] == ["0", "1", "2", "3"]


def test_chartqa_items(make_rows):
    """Every question is a unit; the charts, told apart by pixels, are the clusters."""
    items = items_of("chartqa", make_rows("chartqa", 4))
    assert items[0].prompt == "How many?" + SHORT
    assert [item.cluster_id for item in items] == ["d0", "d0", "d1", "d1"]
    assert [item.stratum for item in items] == ["human_test", "augmented_test"] * 2
    assert len({item.unit_id for item in items}) == 4


@pytest.mark.parametrize(
    ("question", "choices"),
    [
        ("Q?\nOptions: A: x, B: y, C: z, D: w.", ("x", "y", "z", "w")),
        (
            "Q?\nOptions: A: one, two, B: B: sharp, C: 3:4, D: d",
            ("one, two", "B: sharp", "3:4", "d"),
        ),
        ("Q?\nOptions: A: Yes, B: No", ("Yes", "No")),
        ("Options: A: old, B: no\nOptions:\nA: x\nB: y\nC: z\nD: w", ("x", "y", "z", "w")),
        ("Q? A: x, B: y", ()),
        ("Q?\nOptions: see image", ()),
        ("Q?\nOptions: A: only", ()),
    ],
)
def test_inline_choices(question, choices):
    """Option texts are read off the question; unreadable lists give none."""
    assert inline_choices(question) == choices


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("mmvp", {"Correct Answer": "A"}, "row 1: column 'Correct Answer' holds 'A'"),
        ("mmvp", {"Options": "Open or closed"}, "row 1: column 'Options' holds 'Open or closed'"),
        ("mmvp", {"Question": None}, "row 1: column 'Question' holds None, not a text"),
        ("mmvp", {"Index": 9}, "row 0: Index 1 has no partner"),
        ("mmvp", {"Index": None}, "row 1: column 'Index' holds None, not an integer"),
        ("mme", {"answer": "maybe"}, "row 1: column 'answer' holds 'maybe', not one of Yes, No"),
        ("mme", {"category": "cooking"}, "row 1: column 'category' holds 'cooking'"),
        ("mme", {"question_id": "x"}, "row 0: question_id 'count/0000.jpg' has 1 questions"),
        ("mmstar", {"answer": "E"}, "row 1: column 'answer' holds 'E', not one of A, B, C, D"),
        ("mmstar", {"index": "1"}, "row 1: column 'index' holds '1', not an integer"),
        ("chartqa", {"type": "val"}, "row 1: column 'type' holds 'val'"),
        ("chartqa", {"answer": 4}, "row 1: column 'answer' holds 4, not a text"),
    ],
)
def test_bad_rows(make_rows, name, change, message):
    """A row that contradicts the published schema is named with what it holds."""
    rows = make_rows(name, 4)
    rows[1] = rows[1] | change
    with pytest.raises(DataError) as caught:
        items_of(name, rows)
    assert f"{name}, {message}" in str(caught.value)
    assert caught.value.advice


@pytest.mark.parametrize("name", ["mmvp", "mme", "mmstar", "chartqa"])
def test_items_survive_json(make_rows, name):
    """Items go through JSON to the workers and come back equal."""
    for item in items_of(name, make_rows(name, 4)):
        assert Item.from_json(item.to_json()) == item
