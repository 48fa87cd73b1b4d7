"""MM-Vet: what the judge is asked, how its grade is read, and the proxy in its place."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.judging import usable
from ipllvm_spec.benchmarks.mmvet import MmVet, covered
from ipllvm_spec.benchmarks.rubrics import read_score
from ipllvm_spec.errors import DataError
from tests.benchmarks.open_scoring import (
    demand_blindness,
    everywhere,
    item_of,
    load,
    metric,
    scored,
    unparsed,
)

ROW = {
    "question_id": "v1_7",
    "question": "What is x?",
    "answer": "x = -1<AND>x = 5",
    "capability": "ocr,math",
}


@pytest.mark.parametrize(
    ("gold", "answer", "share"),
    [
        ("red <AND> circle", "a red circle", 1.0),
        ("red <AND> circle", "A CIRCLE, I think", 0.5),
        ("red <AND> circle", "blue", 0.0),
        ("red<AND>circle", "circle; red", 1.0),
        ("14 <OR> fourteen", "There are Fourteen.", 1.0),
        ("14 <OR> fourteen", "14.0", 1.0),
        ("5", "15", 0.0),
        ("cat", "a category", 0.0),
        ("x = -1 <AND> x = 5", "x=5 and x=-1", 1.0),
        ("x = -1", "x = 1", 0.0),
        ("$1,200", "1200 dollars", 1.0),
        ("red circle", "a circle that is red", 0.0),
        ("a <AND> b <OR> c", "c", 1.0),
        ("a <AND> b <OR> c", "b", 0.5),
        ("7%", "7", 1.0),
        ("<AND>", "<AND>", 0.0),
        ("", "anything", 0.0),
    ],
)
def test_proxy(gold, answer, share):
    """The best alternative's share of parts that are there as whole words and numbers."""
    assert covered(gold, answer) == share


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ("0.5", 0.5),
        (" 0.5\n", 0.5),
        ("1", 1.0),
        ("1.0.", 1.0),
        ("0.7 because it is nearly right", 0.7),
        ("| 0.3 |", 0.3),
        ("**0.9**", 0.9),
        ("0", 0.0),
        ("1.1", None),
        ("-0.1", None),
        ("7/10", None),
        ("nan", None),
        ("inf", None),
        ("Grade: 0.5", None),
        ("I cannot grade this.", None),
        ("", None),
        ("||", None),
    ],
)
def test_grades(reply, grade):
    """The first word must be a number from 0 to 1; anything else is asked for again."""
    assert read_score(reply) == grade
    assert usable(MmVet.reads, reply) is (grade is not None)


def test_what_the_judge_is_asked():
    """The row to be completed is the last; connectives are set off; bars and breaks do no harm."""
    benchmark, item = item_of("mmvet", ROW)
    call = benchmark.judge_call(item, "  It is\n5 | not 6  ")
    ((role, message),) = call.messages
    assert role == "user"
    assert message.endswith("\nWhat is x? | x = -1 <AND> x = 5 | It is 5 \\| not 6 |")
    table = message[message.index("Question |") :].splitlines()
    assert len(table) == 2 + 7 + 1  # head and rule, seven examples, the row
    assert all(line.replace("\\|", "").count("|") == 3 for line in table)
    assert call.answer == "It is\n5 | not 6"
    assert call.rubric == "mmvet-1"


def test_the_key_holds_all_but_the_answer():
    """Another question or another ground truth is another key; another answer is not."""
    benchmark, item = item_of("mmvet", ROW)
    key = benchmark.judge_call(item, "5").question
    assert key == benchmark.judge_call(item, "6").question
    for other in (replace(item, gold="7"), replace(item, prompt="?"), replace(item, item_id="x")):
        assert benchmark.judge_call(other, "5").question != key
    full_width = benchmark.judge_call(item, " \uff15 ")
    assert full_width == benchmark.judge_call(item, "5")


def test_an_unreadable_reply_is_excluded():
    """It is neither right nor wrong, and the parts leave it out."""
    benchmark, item = item_of("mmvet", ROW)
    score = benchmark.score_reply(item, "5", "Well done!")
    assert (score.excluded, score.value, score.source) == (True, 0.0, "judge")
    (unit,) = benchmark.units([item])
    assert benchmark.parts([unit], [[score]]) == {}


def test_an_answer_without_text_needs_no_judge():
    """It is worth 0 and is counted as unparsed."""
    benchmark, item = item_of("mmvet", ROW)
    assert benchmark.judge_call(item, " \n") is None
    assert benchmark.score_item(item, " \n").value == 0
    assert benchmark.score_item(item, " \n").parsed.value is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"capability": "rec,swim"}, "column 'capability' holds 'rec,swim'"),
        ({"capability": ""}, "column 'capability' holds ''"),
        ({"capability": None}, "column 'capability' holds None"),
        ({"answer": None}, "column 'answer' holds None, not a text"),
        ({"question_id": 7}, "column 'question_id' holds 7, not a text"),
    ],
)
def test_bad_rows(change, message):
    """A row that contradicts the published schema is named with what it holds."""
    with pytest.raises(DataError) as caught:
        item_of("mmvet", ROW | change)
    assert f"mmvet, row 0: {message}" in str(caught.value)


def test_capabilities_from_text_or_list():
    """Both published layouts give the same groups."""
    for listed in ("ocr,math", "ocr, math", ["ocr", "math"]):
        assert item_of("mmvet", ROW | {"capability": listed})[1].groups == ("ocr", "math")


@pytest.mark.parametrize("mode", MmVet.modes)
def test_from_folder_to_metric(make_rows, write_parquet, mode):
    """By the proxy, gold gets 100, a constant its share, garbage 0, no text 0 and a count."""
    benchmark, items = load("mmvet", write_parquet("mmvet", make_rows("mmvet", 8)), mode=mode)
    assert items[0].prompt == "What do you see?"
    assert items[0].cluster_id == items[1].cluster_id != items[2].cluster_id
    assert metric(benchmark, items, {i.item_id: i.gold for i in items}) == pytest.approx(100)
    # "14" is one ground truth of four; "red" is half of another.
    assert metric(benchmark, items, everywhere(items, "red 14")) == pytest.approx(150 / 4)
    assert metric(benchmark, items, everywhere(items, "qwxz !!")) == 0
    assert metric(benchmark, items, everywhere(items, "")) == 0
    assert unparsed(benchmark, items, "") == 8
    assert benchmark.chance(benchmark.units(items)) == 0
    assert {benchmark.score_item(i, "red").source for i in items} == {"proxy"}


@pytest.mark.parametrize("seed", range(3))
def test_weighted_units_are_the_published_mean(make_rows, seed):
    """100 times the mean grade, over all and over those that carry each capability."""
    draw = random.Random(seed)
    benchmark, rows = MmVet(), make_rows("mmvet", 40)
    items = benchmark.items(rows)
    grades = [draw.randrange(11) / 10 for _ in rows]
    replies = {row["question_id"]: str(grade) for row, grade in zip(rows, grades, strict=True)}
    texts = everywhere(items, "something")
    assert metric(benchmark, items, texts, replies=replies) == pytest.approx(
        100 * sum(grades) / len(grades)
    )
    expected = {}
    for name in ("rec", "ocr", "know", "gen", "spat", "math"):
        carried = [
            grade for row, grade in zip(rows, grades, strict=True) if name in row["capability"]
        ]
        expected[name] = 100 * sum(carried) / len(carried)
    units, scores = scored(benchmark, items, texts, replies=replies)
    assert benchmark.parts(units, scores) == pytest.approx(expected)
    assert {score.source for found in scores for score in found} == {"judge"}


@given(st.text(), st.text(), st.text())
def test_nothing_raises_and_nothing_is_read_off_the_gold(text, reply, gold):
    """Any answer and any reply is scored in [0, 1]; what is read depends on them alone."""
    benchmark, item = item_of("mmvet", ROW)
    demand_blindness(benchmark, item, text=text, reply=reply, gold=gold)
