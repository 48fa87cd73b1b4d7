"""Rows become items with the community's prompts; rows that contradict the schema are errors."""

import pytest

from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.benchmarks.mmstar import inline_choices
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.errors import DataError
from tests.benchmarks.published import letters, records

LETTER = "\nAnswer with the option's letter from the given choices directly."
SHORT = "\nAnswer the question using a single word or phrase."


def items_of(name, rows, mode="standard"):
    """Items of rows whose images have the digests d0, d1, ... by content."""
    return get_benchmark(name, mode).items(records(rows))


def test_mmvp_items(make_rows):
    """Options become lettered lines; rows 2i-1 and 2i are one unit and one cluster."""
    items = items_of("mmvp", make_rows("mmvp", 4))
    assert items[0].prompt == "Is the door open?\nA. Open\nB. Closed" + LETTER
    assert [item.gold for item in items] == ["A", "B", "A", "B"]
    assert [item.unit_id for item in items] == ["pair-1", "pair-1", "pair-2", "pair-2"]
    assert [item.cluster_id for item in items] == [item.unit_id for item in items]
    assert [item.image_digest for item in items] == ["d0", "d1", "d2", "d3"]


def mmvp_table(*, corrected, options=("Long", "Short")):
    """The relabelled elephants (99, 100) and a pair of another question, as one table has them."""
    listed = f"(a) {options[0]} (b) {options[1]}"
    longer = options.index("Long")
    truth = (1 - longer, longer) if corrected else (longer, 1 - longer)
    rows = letters.mmvp(4)
    for number, row, place in zip((99, 100), rows[:2], truth, strict=True):
        row |= {"Index": number, "Options": listed, "Correct Answer": ("(a)", "(b)")[place]}
        row["Question"] = "Does the elephant have long or short tusks?"
    return rows


@pytest.mark.parametrize("options", [("Long", "Short"), ("Short", "Long")])
@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("mode", ["standard", "paper"])
def test_mmvp_labels_do_not_depend_on_the_table(mode, corrected, options):
    """Either table gives the corrected labels in standard mode and the original in paper mode."""
    rows = mmvp_table(corrected=corrected, options=options)
    items = items_of("mmvp", rows, mode)
    golds = [item.choices["AB".index(item.gold)] for item in items[:2]]
    assert golds == (["Short", "Long"] if mode == "standard" else ["Long", "Short"])
    assert [bool(item.details) for item in items] == [True, True, False, False]


@pytest.mark.parametrize(
    ("first", "change"),
    [
        (99, {"Question": "Is the door open?"}),  # a twin counts its rows too
        (99, {"Options": "(a) Long (b) Curved"}),
        (97, {}),
    ],
)
def test_mmvp_keeps_the_labels_of_other_tables(first, change):
    """A row is known by number, question and options; any other keeps the label it has."""
    rows = mmvp_table(corrected=False)[:2]
    for number, row in enumerate(rows, first):
        row.update({"Index": number} | change)
    items = items_of("mmvp", rows)
    assert [item.gold for item in items] == ["A", "B"]
    assert all(item.details == () for item in items)


def test_qbench_items(make_rows):
    """Options that are N/A are dropped; type and concern are the parts."""
    items = items_of("qbench", make_rows("qbench", 6))
    assert items[0].prompt == "What is wrong with this image?\nA. Sharp\nB. Blurry" + LETTER
    assert [len(item.choices) for item in items] == [2, 3, 4, 2, 3, 4]
    assert [item.gold for item in items] == ["A", "B", "C", "B", "B", "B"]
    assert [item.stratum for item in items[:3]] == ["type: yes or no", "type: how", "type: what"]
    assert items[2].groups == ("concern: local distortion",)
    assert [item.item_id for item in items[:2]] == ["dev_0", "dev_1"]


def test_qbench_ids_may_be_numbers(make_rows):
    """One upload counts its rows instead of naming them."""
    rows = [row | {"id": number} for number, row in enumerate(make_rows("qbench", 2))]
    assert [item.item_id for item in items_of("qbench", rows)] == ["0", "1"]


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
    assert (items[0].stratum, items[0].groups) == ("math", ("axis: geometry",))


def test_sqa_items(make_rows):
    """A hint comes first, after "Context:" or, in paper mode, bare; there may be five choices."""
    rows = make_rows("sqa", 4)
    items = items_of("sqa", rows)
    asked = "Which state is this?\nA. Ohio\nB. Iowa"
    assert items[0].prompt == asked + LETTER
    assert items[1].prompt == f"Context: The state lies in the west.\n{asked}\nC. Utah" + LETTER
    paper = items_of("sqa", rows, "paper")
    assert paper[0].prompt == items[0].prompt
    assert paper[1].prompt == f"The state lies in the west.\n{asked}\nC. Utah" + LETTER
    assert [item.gold for item in items] == ["A", "B", "C", "D"]
    assert "\nE. Texas\n" in items[3].prompt
    assert items[0].stratum == "social science"


def test_sqa_rows_without_an_image_are_not_asked(make_rows):
    """They are the other half of ScienceQA; the items keep the numbers of their rows."""
    rows = make_rows("sqa", 4)
    rows[1] = rows[1] | {"image": None, "answer": 9}
    items = items_of("sqa", rows)
    assert [item.row for item in items] == [0, 2, 3]
    assert [item.item_id for item in items] == ["row-00000", "row-00002", "row-00003"]


def test_ai2d_items(make_rows):
    """Options on lines of their own or, in paper mode, on one; the answer is a place from 0."""
    rows = make_rows("ai2d", 4)
    items, paper = items_of("ai2d", rows), items_of("ai2d", rows, "paper")
    asked = "Which letter is the root?\n"
    assert items[0].prompt == asked + "A. a stem\nB. b root\nC. c leaf\nD. d flower" + LETTER
    assert paper[0].prompt == asked + "A. a stem B. b root C. c leaf D. d flower" + LETTER
    assert [item.gold for item in items] == ["A", "B", "C", "D"]
    assert [item.cluster_id for item in items] == ["d0", "d0", "d1", "d1"]


def test_chartqa_items(make_rows):
    """Every question is a unit; the charts, told apart by pixels, are the clusters."""
    items = items_of("chartqa", make_rows("chartqa", 4))
    assert items[0].prompt == "How many?" + SHORT
    assert [item.cluster_id for item in items] == ["d0", "d0", "d1", "d1"]
    assert [item.stratum for item in items] == ["human_test", "augmented_test"] * 2
    assert len({item.unit_id for item in items}) == 4


def test_chartqa_in_paper_mode_asks_once_about_each_augmented_chart():
    """The first augmented question about each chart, in order of the rows; ids do not change."""
    rows = letters.chartqa(8)
    for row, picture in zip(rows, (0, 0, 1, 1, 0, 0, 2, 1), strict=True):
        row["image"] = letters.cell(picture)
    items = items_of("chartqa", rows, "paper")
    assert [item.item_id for item in items] == ["row-00001", "row-00003"]
    assert [item.row for item in items] == [1, 3]
    # an augmented chart that only human questions came before is asked about
    rows[3]["type"] = "human_test"
    assert [item.row for item in items_of("chartqa", rows, "paper")] == [1, 7]


def test_chartqa_rows_without_an_image_are_not_one_chart():
    """The loader leaves such rows out and counts them, so each of them has to be there."""
    rows = [row | {"image": None, "type": "augmented_test"} for row in letters.chartqa(4)]
    assert len(items_of("chartqa", rows, "paper")) == 4


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
        ("qbench", {"id": None}, "row 1: column 'id' is empty"),
        ("qbench", {"question_type": 3}, "row 1: column 'question_type' holds 3, not 0 to 2"),
        ("qbench", {"question_concern": -1}, "row 1: column 'question_concern' holds -1"),
        ("qbench", {"correct_choice": "D"}, "row 1: column 'correct_choice' holds 'D', not one of"),
        ("mme", {"answer": "maybe"}, "row 1: column 'answer' holds 'maybe', not one of Yes, No"),
        ("mme", {"category": "cooking"}, "row 1: column 'category' holds 'cooking'"),
        ("mme", {"question_id": "x"}, "row 0: question_id 'count/0000.jpg' has 1 questions"),
        ("mmstar", {"answer": "E"}, "row 1: column 'answer' holds 'E', not one of A, B, C, D"),
        ("mmstar", {"index": "1"}, "row 1: column 'index' holds '1', not an integer"),
        ("mmstar", {"l2_category": None}, "row 1: column 'l2_category' holds None, not a text"),
        ("sqa", {"answer": 3}, "row 1: column 'answer' holds 3, but there are 3 choices"),
        ("sqa", {"choices": "Ohio"}, "row 1: column 'choices' holds 'Ohio', not a list of text"),
        ("ai2d", {"answer": "4"}, "row 1: column 'answer' holds '4', not one of 0, 1, 2, 3"),
        ("ai2d", {"options": [1, 2]}, "row 1: column 'options' holds [1, 2], not a list of text"),
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


@pytest.mark.parametrize("mode", ["standard", "paper"])
@pytest.mark.parametrize("name", sorted(letters.ROWS))
def test_items_survive_json(make_rows, name, mode):
    """Items go through JSON to the workers and come back equal."""
    items = items_of(name, make_rows(name, 8), mode)
    assert items
    for item in items:
        assert Item.from_json(item.to_json()) == item
