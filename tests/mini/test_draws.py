"""What training asks: formats by family, hints where they are needed, drills in text."""

from __future__ import annotations

from random import Random

import pytest

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.problems import LARGEST, draw_problem
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import told_of
from ipllvm_spec.mini.questions.formats import LETTERS, draw_question, forms_of
from ipllvm_spec.mini.recipe.draws import (
    ASKED_QUESTIONS,
    draw_asked,
    draw_drill,
    draw_problems,
    draw_scenes,
)
from ipllvm_spec.mini.recipe.packing import option_ends
from ipllvm_spec.mini.recipe.world import World, make_world

FAMILIES = ("open", "short", "letters", "hinted", "math", "class")


@pytest.fixture(scope="module")
def world() -> World:
    """Training scenes of every kind."""
    return make_world(600, seed=6, held_out=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_drawn_as_the_twins_ask(world: World, family: str) -> None:
    """Rows are full, and every question has the end of what it asks within its prompt."""
    index, rows = draw_asked(world, Random(1), family=family)
    assert len(index) == len(rows)
    for questions in rows:
        assert len(questions) == ASKED_QUESTIONS[family]
        for question in questions:
            assert question.answer
            assert 0 < question.asked_at < len(question.prompt)
            if question.ask:
                assert question.prompt[: question.asked_at + 1].endswith(question.ask)


@pytest.mark.parametrize("family", ["letters", "hinted", "math"])
def test_the_options_of_a_question_are_found_in_its_prompt(world: World, family: str) -> None:
    """Every option ends where the helper losses look for it, and the gold letter is the answer."""
    seen = 0
    for seed in range(5):
        for questions in draw_asked(world, Random(seed), family=family)[1]:
            for question in questions:
                if not question.options:
                    continue
                seen += 1
                ends = option_ends(question)
                assert len(ends) == len(question.options)
                for end, option in zip(ends, question.options, strict=True):
                    assert question.prompt[: end + 1].endswith(option)
                if question.told:
                    assert question.options[LETTERS.index(question.answer)] == question.told
    assert seen > 20


@pytest.mark.parametrize("family", ["", "open", "short", "letters", "terse", "math"])
def test_what_only_a_hint_tells_is_asked_with_it(family: str) -> None:
    """A fact with a hint has no format that leaves the hint out."""
    rng = Random(2)
    hinted = [
        fact
        for kind in KINDS.values()
        for _ in range(10)
        for fact in kind.facts(kind.sample(rng))
        if fact.hint
    ]
    assert {fact.topic for fact in hinted} == {"job", "city", "meaning", "eats"}
    for fact in hinted:
        assert forms_of(fact, family=family) == []
        question = draw_question(KINDS["person"], fact, rng, family="hinted")
        assert fact.hint in question.prompt


def test_hints_tell_the_right_meaning_among_wrong_ones() -> None:
    """The hint says what the shown name means; no two names mean the same."""
    names, meanings = ("a", "b", "c", "d"), ("one", "two", "three", "four", "five")
    for turn in range(200):
        hint, right, wrong = told_of(names, meanings, "b", turn=turn, form="{} is {}.")
        told = dict(part.rstrip(".").split(" is ") for part in hint.split(". "))
        assert len(told) == 3
        assert told["b"] == right
        assert len(set(told.values())) == 3
        assert set(wrong) == set(meanings) - {right}
        assert wrong[0] in told.values()


def test_class_prompts_name_the_answer(world: World) -> None:
    """The list in the prompt holds the answer, be it the whole list or a part."""
    for questions in draw_asked(world, Random(3), family="class")[1]:
        for question in questions:
            assert question.answer in question.prompt
    assert set(CLASSES) <= set(world.kinds)


def test_problems_are_right_and_small() -> None:
    """The last number of the working is the answer, and none is larger than a step may be."""
    rng = Random(4)
    for _ in range(300):
        problem = draw_problem(rng)
        assert 0 <= problem.answer <= LARGEST
        assert problem.working[-1].endswith(f"= {problem.answer}")
        assert problem.solution.endswith(f"The answer is {problem.answer}.")


def test_training_problems_are_on_their_side_of_the_split() -> None:
    """No drill states a problem that the twin of GSM8K may ask."""
    drill = draw_problems(Random(5))
    stated = {text.removeprefix("Q: ") for text in drill.texts}
    rng = Random(6)
    asked = [problem for problem in (draw_problem(rng) for _ in range(2000)) if problem.held_out]
    assert asked
    assert not stated & {problem.question for problem in asked}


def test_drills_and_scenes_come_in_equal_rows(world: World) -> None:
    """A packed batch needs as many questions in every row."""
    rng = Random(7)
    for _ in range(12):
        _, drill = draw_drill(world, rng)
        assert len(drill.texts) == len(drill.rows)
        assert {len(row) for row in drill.rows} == {1}
    for family in ("captions", "terse", "open", "short", "letters", "hinted", "math"):
        _, rows = draw_scenes(world, rng, family=family)
        assert len({len(row) for row in rows}) == 1
