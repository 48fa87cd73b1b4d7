"""MathVista: what a judge is asked to copy out of an answer, and how its reply is read."""

from dataclasses import replace

import pytest

from ipllvm_spec.benchmarks.mathvista import MathVista, edit_distance
from tests.benchmarks.open_scoring import item_of, metric, scored
from tests.benchmarks.published.open_answers import SOLVED


def item(kind, *, mode="standard", **changes):
    """The benchmark with one item."""
    return item_of("mathvista", SOLVED[kind] | changes, mode=mode)


@pytest.mark.parametrize(
    ("kind", "text", "asked"),
    [
        ("choice", "B", False),
        ("choice", "8/11", False),
        ("choice", "(B) 8/11", True),
        ("integer", "14", False),
        ("integer", "It is 14.", True),
        ("float", "0.90", False),
        ("float", "nan", True),
        ("list", "[1, 2]", False),
        ("list", "1 and 2", True),
        ("list", 'The answer is "[1, 2]".', False),
        ("integer", "  ", False),
    ],
)
def test_when_the_judge_is_asked(kind, text, asked):
    """Only about an answer from which something has to be extracted."""
    benchmark, question = item(kind)
    assert (benchmark.judge_call(question, text) is not None) is asked


def test_what_the_judge_is_asked():
    """Five examples, the query, the answer; the gold is not shown."""
    benchmark, question = item("cents", answer="98.76")
    call = benchmark.judge_call(question, " It is $1.45 or so. ")
    ((_, message),) = call.messages
    assert message.count("\nExtracted answer: ") == 6
    assert message.endswith("Question: What?\n\nResponse: It is $1.45 or so.\n\nExtracted answer: ")
    assert "98.76" not in message
    assert (call.answer, call.max_tokens) == ("It is $1.45 or so.", 256)
    other = benchmark.judge_call(replace(question, prompt="Why?"), "It is $1.45 or so.")
    assert other.question != call.question
    assert benchmark.judge_call(question, "another").question == call.question


@pytest.mark.parametrize(
    ("kind", "reply", "standard", "paper"),
    [
        ("choice", "B", "B", "B"),
        ("choice", "Extracted answer: B", "B", "B"),
        ("choice", "(b) 8/11", "B", "B"),
        ("choice", "8/11", "B", "B"),
        ("choice", "b", "B", "A"),  # no letter in range as published: the nearest option
        ("choice", "red line", None, "C"),
        ("choice", "None", None, "A"),
        ("integer", "14", "14", "14"),
        ("integer", "14.9", "14", "14"),
        ("integer", "1,000", "1000", None),
        ("integer", "None", None, None),
        ("float", "0.94", "0.9", "0.9"),
        ("float", "90%", "90.0", None),
        ("list", "[2007,2008]", "[2007, 2008]", "[2007, 2008]"),
        ("list", "2007, 2008", "[2007, 2008]", None),
    ],
)
def test_replies(kind, reply, standard, paper):
    """The rules read the reply in standard mode; paper mode reads it as published."""
    for mode, value in (("standard", standard), ("paper", paper)):
        benchmark, question = item(kind, mode=mode)
        score = benchmark.score_reply(question, "whatever", reply)
        assert score.parsed.value == value
        assert (score.source, score.excluded) == ("judge", False)


def test_an_empty_reply_is_excluded():
    """Nothing was copied out, not even that there is no answer."""
    benchmark, question = item("integer")
    for reply in ("", " \n", "Extracted answer: "):
        score = benchmark.score_reply(question, "It is 14.", reply)
        assert score.excluded
    (unit,) = benchmark.units([question])
    assert benchmark.parts([unit], [[score]]) == {}


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("same", "same", 0)],
)
def test_edit_distance(left, right, distance):
    """Insertions, deletions and replacements, in either direction."""
    assert edit_distance(left, right) == edit_distance(right, left) == distance


def test_a_judge_changes_only_what_it_is_asked(make_rows):
    """Answers that stand alone keep their rule; the others are scored by the reply."""
    benchmark = MathVista()
    items = benchmark.items(make_rows("mathvista", 6))
    texts = {i.item_id: i.gold if i.choices else f"It is {i.gold}, I think" for i in items}
    replies = {i.item_id: i.gold for i in items}
    _, scores = scored(benchmark, items, texts, replies=replies)
    assert [found[0].source for found in scores] == [
        "rule" if i.choices else "judge" for i in items
    ]
    assert metric(benchmark, items, texts, replies=replies) == pytest.approx(100)
