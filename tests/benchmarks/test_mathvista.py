"""MathVista: extraction by rule, the published forms, accuracy and its parts."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.mathvista import MathVista
from ipllvm_spec.errors import DataError
from tests.benchmarks.open_scoring import everywhere, item_of, load, metric, scored, unparsed
from tests.benchmarks.published.open_answers import SOLVED


def item(kind, *, mode="standard", **changes):
    """The benchmark with one item."""
    return item_of("mathvista", SOLVED[kind] | changes, mode=mode)


@pytest.mark.parametrize(
    ("kind", "text", "value", "rule"),
    [
        ("choice", "B", "B", "letter_alone"),
        ("choice", "(b)", "B", "letter_alone"),
        ("choice", "8/11", "B", "option_text"),
        ("choice", 'So. The answer is "8/11".', "B", "option_text"),
        ("choice", "(B) 8/11", "B", "letter_leading"),
        ("choice", "The correct answer is (B) 8/11.", "B", "answer_phrase"),
        ("choice", "It must be a red line then", "C", "option_contained"),
        ("choice", "8/12", None, "unparsed"),
        ("choice", "D", None, "unparsed"),
        ("choice", "I cannot answer.", None, "unparsed"),
        ("integer", "14", "14", "as_it_stands"),
        ("integer", "14.0", "14", "as_it_stands"),
        ("integer", "14.7", "14", "as_it_stands"),
        ("integer", "1,000", "1000", "last_number"),
        ("integer", "7%", "7", "last_number"),
        ("integer", "$5", "5", "last_number"),
        ("integer", "Of 20 lamps 14 are lit.", "14", "last_number"),
        ("integer", 'The answer is "14". I like 3.', "14", "as_it_stands"),
        ("integer", 'The answer is "a dozen".', None, "unparsed"),
        ("integer", "fourteen", None, "unparsed"),
        ("integer", "nan", None, "unparsed"),
        ("integer", "inf", None, "unparsed"),
        ("float", "0.9", "0.9", "as_it_stands"),
        ("float", "0.10", "0.1", "as_it_stands"),
        ("float", "0.94", "0.9", "as_it_stands"),
        ("float", "2", "2.0", "as_it_stands"),
        ("float", "It is 90%.", "90.0", "last_number"),
        ("float", "nan", None, "unparsed"),
        ("cents", "Luca needs $1.45 for both.", "1.45", "last_number"),
        ("cents", "1.4", "1.4", "as_it_stands"),
        ("list", "[2007,2008]", "[2007, 2008]", "as_it_stands"),
        ("list", "It was [2007, 2008], not [1].", "[1]", "last_list"),
        ("list", "between 2007 and 2008", "[2007, 2008]", "last_two_numbers"),
        ("list", "2007-2008", "[2007, 2008]", "last_two_numbers"),
        ("list", "in 2007", None, "unparsed"),
        ("list", "[]", None, "unparsed"),
        ("integer", "", None, "unparsed"),
    ],
)
def test_extraction_by_rule(kind, text, value, rule):
    """What stands alone is taken as it is; the rules look for anything else."""
    benchmark, asked = item(kind)
    parsed = benchmark.score_item(asked, text).parsed
    assert (parsed.value, parsed.rule) == (value, rule)


@pytest.mark.parametrize(
    ("kind", "answer", "text", "right"),
    [
        ("integer", "14", "14.0", True),
        ("integer", "14", "14.7", True),  # the published form cuts
        ("integer", "-14", "−14", True),  # noqa: RUF001
        ("float", "0.9", "0.94", True),
        ("float", "0.9", "0.96", False),
        ("float", "0.10", "0.1", True),
        ("float", "2.0", "2", True),
        ("cents", "1.45", "1.4", False),
        ("list", "[2007, 2008]", "2007 to 2008", True),
        ("list", "[2007,2008]", "[2007, 2008]", True),
        ("list", "[2007, 2008]", "[2007.0, 2008]", False),
        ("list", "[2007, 2008]", "[2008, 2007]", False),
    ],
)
def test_comparison(kind, answer, text, right):
    """Answer and gold are equal in the form of the answer type."""
    benchmark, asked = item(kind, answer=answer)
    assert benchmark.score_item(asked, text).value == right


def test_equal_options_are_equally_right():
    """A letter stands for its text, as in the published comparison."""
    benchmark, asked = item("choice", choices=["8", "9", "8"], answer="8")
    assert [benchmark.score_item(asked, letter).value for letter in "ABC"] == [1, 0, 1]
    assert benchmark.chance(benchmark.units([asked])) == pytest.approx(100 * 2 / 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer_type": "text"}, "question_type 'free_form' does not go with answer_type 'text'"),
        ({"question_type": "open"}, "column 'question_type' holds 'open'"),
        ({"question_type": "multi_choice", "answer_type": "text"}, "column 'choices' holds None"),
        (
            {"question_type": "multi_choice", "answer_type": "text", "choices": ["1", "2"]},
            "column 'answer' holds '14', not one of the choices 1, 2",
        ),
        ({"precision": "1"}, "column 'precision' holds '1', not a number"),
        ({"metadata": None}, "column 'metadata' holds None, not a record"),
        ({"metadata": {"skills": []}}, "column 'task' holds None, not a text"),
        ({"query": None}, "column 'query' holds None, not a text"),
    ],
)
def test_bad_rows(change, message):
    """A row that contradicts the published schema is named with what it holds."""
    with pytest.raises(DataError) as caught:
        item("integer", **change)
    assert f"mathvista, row 0: {message}" in str(caught.value)


def test_items():
    """The query is the prompt; task and skills are groups; the scorer's needs are details."""
    _, asked = item("cents")
    assert asked.prompt == "Hint: Please answer.\nQuestion: What?"
    assert asked.stratum == "free_form"
    assert asked.groups == ("task: math word problem", "skill: arithmetic reasoning")
    assert [asked.detail(name) for name in ("answer_type", "precision", "unit")] == [
        "float",
        "2",
        "$",
    ]
    _, choice = item("choice")
    assert (choice.gold, choice.choices) == ("B", ("3/11", "8/11", "a red line"))


@pytest.mark.parametrize("mode", MathVista.modes)
def test_from_folder_to_metric(make_rows, write_parquet, mode):
    """Gold gets 100, constants what they equal, garbage 0 and a count."""
    folder = write_parquet("mathvista", make_rows("mathvista", 12))
    benchmark, items = load("mathvista", folder, mode=mode)
    assert metric(benchmark, items, {i.item_id: i.gold for i in items}) == pytest.approx(100)
    # Both questions with choices have gold B; 14 is one answer of the six.
    assert metric(benchmark, items, everywhere(items, "B")) == pytest.approx(100 * 2 / 6)
    assert metric(benchmark, items, everywhere(items, "14")) == pytest.approx(100 / 6)
    assert metric(benchmark, items, everywhere(items, "qwxz !!")) == 0
    assert unparsed(benchmark, items, "qwxz !!") == 12
    assert benchmark.chance(benchmark.units(items)) == pytest.approx(100 * (1 / 3 + 1 / 2) / 6)
    assert {benchmark.score_item(i, "B").source for i in items} == {"rule"}


@pytest.mark.parametrize("seed", range(3))
def test_weighted_units_are_the_published_accuracy(make_rows, seed):
    """Right answers over questions: in all, and by type, task and skill."""
    draw = random.Random(seed)
    benchmark, rows = MathVista(), make_rows("mathvista", 36)
    items = benchmark.items(rows)
    right = [draw.random() < 0.5 for _ in rows]
    texts = {
        item.item_id: row["answer"] if ok else "qwxz"
        for item, row, ok in zip(items, rows, right, strict=True)
    }
    assert metric(benchmark, items, texts) == pytest.approx(100 * sum(right) / 36)
    expected = {}
    for row, ok in zip(rows, right, strict=True):
        meta = row["metadata"]
        names = [row["question_type"], f"task: {meta['task']}"]
        names += [f"skill: {skill}" for skill in meta["skills"]]
        for name in names:
            expected.setdefault(name, []).append(ok)
    expected = {name: 100 * sum(found) / len(found) for name, found in expected.items()}
    assert benchmark.parts(*scored(benchmark, items, texts)) == pytest.approx(expected)


@given(
    st.sampled_from(sorted(SOLVED)),
    st.sampled_from(MathVista.modes),
    st.one_of(st.text(), st.text(alphabet="0123456789.,-$% []()eABC\"'", max_size=30)),
    st.text(),
    st.sampled_from(["A", "C", "0.5", "[1]", "", "x"]),
)
def test_nothing_raises_and_nothing_is_read_off_the_gold(kind, mode, text, reply, gold):
    """Any answer and any reply is right or wrong; what is read is the same for another gold."""
    benchmark, asked = item(kind, mode=mode)
    other = replace(asked, gold=gold)
    for one, two in (
        (benchmark.score_item(asked, text), benchmark.score_item(other, text)),
        (benchmark.score_reply(asked, text, reply), benchmark.score_reply(other, text, reply)),
    ):
        assert one.value in (0, 1)
        assert one.parsed == two.parsed
    benchmark.judge_call(other, text)


def test_nested_quotations_end():
    """A text that quotes itself a thousand times is read like any other."""
    benchmark, asked = item("integer")
    text = 'The answer is "' * 1000 + "14" + '". ' * 1000
    assert benchmark.score_item(asked, text).parsed.value == "14"
