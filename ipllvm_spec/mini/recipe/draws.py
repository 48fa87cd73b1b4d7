"""What a step of training asks: scenes with questions of one family, or drills in text.

A drill states a fact and asks for it in a benchmark's format: "What color is the square? blue" and
then which option that is, or whether it is red. Nothing has to be looked up, so the comparison
itself is learned in minutes; on scenes alone it stays at chance for hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from ipllvm_spec.mini import rows as twins
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import Fact
from ipllvm_spec.mini.questions.formats import (
    CAPTION_PROMPT,
    Question,
    draw_question,
    draw_questions,
    forms_of,
)
from ipllvm_spec.mini.recipe.world import World

CAPTION_ROWS = 20
SHAPES: Mapping[str, tuple[int, int]] = {
    "terse rich": (8, 28),
    "open rich": (8, 14),
    "short rich": (8, 8),
    "letters rich": (8, 5),
    "terse lean": (24, 4),
    "open lean": (20, 3),
    "short lean": (20, 3),
    "letters lean": (16, 2),
}
"""Rows and questions a row, by family and sort of kind: few scenes where there is much to ask."""
ASKED_ROWS = 12
ASKED_QUESTIONS = {"open": 14, "short": 8, "letters": 6}
DRILL_ROWS = 64
#: Letters are harder than yes and no, so drills ask for them more often.
DRILLS = {"letters": 0.65, "short": 0.35}
#: Topics of the charts of ChartQA's twin, which are not in the tables of the other three.
_CHARTS = ("extreme", "compare", "sum", "difference", "count", "value")


class Drill(NamedTuple):
    """A batch of drills: what each text says and what it is asked."""

    texts: list[str]
    rows: list[list[Question]]


def asked_topics() -> Mapping[str, frozenset[str]]:
    """Topics by kind of scene that some twin asks about."""
    found: dict[str, set[str]] = {"bars": set(_CHARTS), "table": set(_CHARTS)}
    tables: list[tuple[twins.Ask, ...]] = [
        twins._PAIRS,
        *(asks for _, asks in twins._SUBTASKS),
        *(asks for _, _, asks in twins._ABILITIES),
    ]
    for asks in tables:
        for ask in asks:
            found.setdefault(ask.kind, set()).update(ask.topics)
    return {kind: frozenset(topics) for kind, topics in found.items()}


ASKED = asked_topics()


def facts_asked(world: World, i: int, *, family: str) -> list[Fact]:
    """Facts of a scene that a twin could ask for in a family of formats."""
    kind = world.kinds[i]
    topics = ASKED.get(kind, frozenset())
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
        The family ("letters", or "short" for yes/no) and the drill.
    """
    family = pick(DRILLS, rng)
    texts: list[str] = []
    rows: list[list[Question]] = []
    while len(rows) < DRILL_ROWS:
        i = rng.randrange(len(world))
        facts = facts_asked(world, i, family=family)
        facts = [f for f in facts if family == "letters" or f.claim]
        if not facts:
            continue
        fact = rng.choice(facts)
        said = f"{fact.ask or fact.claim.format(fact.answer)} {fact.answer}"
        if family == "short":
            fact = Fact(fact.topic, "", fact.claim, fact.answer, fact.wrong)
        texts.append(said)
        rows.append([draw_question(KINDS[world.kinds[i]], fact, rng, family=family)])
    return family, Drill(texts, rows)


def draw_captions(world: World, rng: Random) -> Drawn:
    """Draws scenes to describe."""
    index = [rng.randrange(len(world)) for _ in range(CAPTION_ROWS)]
    return index, [[Question(CAPTION_PROMPT, world.caption(i), "caption")] for i in index]


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
