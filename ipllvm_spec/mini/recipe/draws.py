"""What a step of training asks: scenes with questions of one family, or drills in text.

A drill states a fact and asks for it in a benchmark's format: "What color is the square? blue" and
then which option that is, or whether it is red. Nothing has to be looked up, so the comparison
itself is learned in minutes; on scenes alone it stays at chance for hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import NamedTuple

from ipllvm_spec.benchmarks.captions import CAPTION_PROMPT
from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.problems import Problem, draw_problem
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import Fact
from ipllvm_spec.mini.questions.formats import (
    DETAIL_PROMPT,
    Question,
    draw_question,
    draw_questions,
    forms_of,
)
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.rows import ASKS, LESSON_ASKS, MATH_ASKS, Ask

CAPTION_ROWS = 20
_DETAIL = 0.3
SHAPES: Mapping[str, tuple[int, int]] = {
    "terse rich": (8, 28),
    "open rich": (8, 14),
    "short rich": (8, 8),
    "letters rich": (8, 5),
    "terse lean": (24, 4),
    "open lean": (20, 3),
    "short lean": (20, 3),
    "letters lean": (16, 2),
    "hinted rich": (8, 4),
    "hinted lean": (16, 2),
    "math rich": (8, 4),
    "math lean": (12, 2),
}
"""Rows and questions a row, by family and sort of kind: few scenes where there is much to ask."""
ASKED_ROWS = 12
ASKED_QUESTIONS = {"open": 14, "short": 8, "letters": 6, "hinted": 4, "math": 4, "class": 3}
DRILL_ROWS = 64
DRILLS = {"letters": 0.5, "short": 0.2, "problems": 0.12, "hinted": 0.18}
"""Shares of the families of drills. Letters are harder than yes and no; a hint takes two steps:
from what is shown to what the hint says of it, and then to its letter."""


class Drill(NamedTuple):
    """A batch of drills: what each text says and what it is asked."""

    texts: list[str]
    rows: list[list[Question]]


def _topics(asks: Iterable[Ask]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for ask in asks:
        found.setdefault(ask.kind, set()).update(ask.topics)
    return {kind: frozenset(topics) for kind, topics in found.items()}


ASKED, MATH, LESSONS = _topics(ASKS), _topics(MATH_ASKS), _topics(LESSON_ASKS)
"""Topics by kind of scene that some twin asks about, that MathVista's does, that SQA-IMG's does."""
_TOPICS = {
    "math": MATH,
    "hinted": LESSONS,
    "class": {kind: topics for kind, topics in ASKED.items() if kind in CLASSES},
}


def facts_asked(world: World, i: int, *, family: str) -> list[Fact]:
    """Facts of a scene that a twin could ask for in a family of formats."""
    kind = world.kinds[i]
    topics = _TOPICS.get(family, ASKED).get(kind)
    if not topics:
        return []
    facts = KINDS[kind].facts(world.specs[i])
    return [fact for fact in facts if fact.topic in topics and forms_of(fact, family=family)]


Drawn = tuple[list[int], list[list[Question]]]
"""Scene indices, and as many rows of questions."""


def pick(shares: Mapping[str, float], rng: Random) -> str:
    """Draws a name by its share."""
    return rng.choices(list(shares), list(shares.values()))[0]


def draw_drill(world: World, rng: Random) -> tuple[str, Drill]:
    """Draws stated facts with a question about each.

    Args:
        world: Scenes whose facts are stated; their pictures are not used.
        rng: Source of all choices.

    Returns:
        The family ("letters", "short" for yes/no, "problems", "hinted") and the drill.
    """
    family = pick(DRILLS, rng)
    if family == "problems":
        return family, draw_problems(rng)
    texts: list[str] = []
    rows: list[list[Question]] = []
    while len(rows) < DRILL_ROWS:
        i = rng.randrange(len(world))
        facts = facts_asked(world, i, family=family)
        facts = [f for f in facts if _drilled(f, family=family)]
        if not facts:
            continue
        fact = rng.choice(facts)
        said = f"{fact.ask or fact.claim.format(fact.answer)} {fact.answer}"
        if family == "hinted":
            said = world.caption(i)
        if family == "short":
            fact = Fact(fact.topic, "", fact.claim, fact.answer, fact.wrong)
        texts.append(said)
        rows.append([draw_question(KINDS[world.kinds[i]], fact, rng, family=family)])
    return family, Drill(texts, rows)


def _drilled(fact: Fact, *, family: str) -> bool:
    """Whether a family of drills asks for a fact."""
    return bool({"short": fact.claim, "hinted": fact.hint}.get(family, True))


def draw_problems(rng: Random) -> Drill:
    """Draws word problems of the training side, to be solved step by step."""
    drawn: list[Problem] = []
    while len(drawn) < DRILL_ROWS:
        problem = draw_problem(rng)
        if not problem.held_out:
            drawn.append(problem)
    rows = [[Question("A:", problem.solution, "problem")] for problem in drawn]
    return Drill([f"Q: {problem.question}" for problem in drawn], rows)


def draw_captions(world: World, rng: Random) -> Drawn:
    """Draws scenes to describe."""
    index = [rng.randrange(len(world)) for _ in range(CAPTION_ROWS)]
    asked = [DETAIL_PROMPT if rng.random() < _DETAIL else CAPTION_PROMPT for _ in index]
    rows = [[Question(a, world.caption(i), "caption")] for a, i in zip(asked, index, strict=True)]
    return index, rows


def draw_scenes(world: World, rng: Random, *, family: str) -> Drawn:
    """Draws scenes and any questions of one family, so that rows are equally long."""
    if family == "captions":
        return draw_captions(world, rng)
    sort = rng.choice(("rich", "lean"))
    rows, n = SHAPES[f"{family} {sort}"]
    places = world.rich if sort == "rich" else world.lean
    index = [places[rng.randrange(len(places))] for _ in range(rows)]
    asked = [
        draw_questions(KINDS[world.kinds[i]], world.specs[i], rng, n=n, captions=0, family=family)
        for i in index
    ]
    return index, asked


def draw_asked(world: World, rng: Random, *, family: str) -> Drawn:
    """Draws scenes and questions about them as the twins ask them."""
    if family == "captions":
        return draw_captions(world, rng)
    index: list[int] = []
    drawn: list[list[Question]] = []
    while len(index) < ASKED_ROWS:
        i = rng.randrange(len(world))
        topics: dict[str, list[Fact]] = {}
        for fact in facts_asked(world, i, family=family):
            topics.setdefault(fact.topic, []).append(fact)
        if not topics:
            continue
        names = sorted(topics)
        kind = KINDS[world.kinds[i]]
        index.append(i)
        drawn.append(
            [
                draw_question(kind, rng.choice(topics[rng.choice(names)]), rng, family=family)
                for _ in range(ASKED_QUESTIONS[family])
            ]
        )
    return index, drawn
