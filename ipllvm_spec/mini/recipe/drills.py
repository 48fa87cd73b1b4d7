"""Drills: text rows that teach the two comparisons which letters and yes/no need.

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
from ipllvm_spec.mini.questions.formats import Question, draw_question, forms_of
from ipllvm_spec.mini.recipe.world import World

ROWS = 64
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


def draw_drill(world: World, rng: Random, *, family: str) -> Drill:
    """Draws stated facts with a question about each.

    Args:
        world: scenes whose facts are stated; their pictures are not used.
        rng: source of all choices.
        family: "letters", or "short" for yes/no.
    """
    texts: list[str] = []
    rows: list[list[Question]] = []
    while len(rows) < ROWS:
        i = rng.randrange(len(world))
        facts = facts_asked(world, i, family=family)
        facts = [f for f in facts if family == "letters" or f.claim]
        if not facts:
            continue
        fact = rng.choice(facts)
        if family == "short":
            fact = Fact(fact.topic, "", fact.claim, fact.answer, fact.wrong)
        question = draw_question(KINDS[world.kinds[i]], fact, rng, family=family)
        texts.append(f"{fact.ask or fact.claim.format(fact.answer)} {fact.answer}")
        rows.append([question])
    return Drill(texts, rows)


def draw_asked(
    world: World, rng: Random, *, family: str, rows: int, questions: int
) -> tuple[list[int], list[list[Question]]]:
    """Draws scenes and questions about them as the twins ask them.

    Returns:
        Scene indices, and as many rows of questions.
    """
    index: list[int] = []
    drawn: list[list[Question]] = []
    while len(index) < rows:
        i = rng.randrange(len(world))
        facts = facts_asked(world, i, family=family)
        topics: dict[str, list[Fact]] = {}
        for fact in facts:
            topics.setdefault(fact.topic, []).append(fact)
        if not topics:
            continue
        names = sorted(topics)
        kind = KINDS[world.kinds[i]]
        index.append(i)
        drawn.append(
            [
                draw_question(kind, rng.choice(topics[rng.choice(names)]), rng, family=family)
                for _ in range(questions)
            ]
        )
    return index, drawn
