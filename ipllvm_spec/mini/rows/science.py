"""Twins of SQA-IMG and AI2D: questions of school science, and about labelled diagrams."""

from __future__ import annotations

from collections import Counter

from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import wrong_options
from ipllvm_spec.mini.rows.base import Ask, Row, asked, mixed

#: (subject, topic, source) as ScienceQA names them.
LESSONS: tuple[tuple[str, str, Ask], ...] = (
    ("social science", "economics", Ask("person", ("job",), 40)),
    ("social science", "geography", Ask("landmark", ("city",), 40)),
    ("natural science", "physics", Ask("single", ("meaning",), 40)),
    ("natural science", "biology", Ask("chain", ("eats",), 50)),
    ("natural science", "biology", Ask("chain", ("after", "before"), 40)),
    ("natural science", "earth-science", Ask("view", ("above", "below"), 40)),
    ("social science", "civics", Ask("light", ("rule", "lamp"), 50)),
)
DIAGRAMS: tuple[Ask, ...] = (
    Ask("diagram", ("labelled",), 90),
    Ask("diagram", ("label",), 90),
    Ask("diagram", ("parts",), 30),
    Ask("chain", ("after", "before"), 60),
    Ask("chain", ("end",), 30),
)


def sqa_rows() -> list[Row]:
    """300 questions with two to five choices, more than half of them with a hint they need."""
    rng = seeded("twin:sqa")
    said: Counter[str] = Counter()
    rows: list[Row] = []
    for subject, topic, ask in LESSONS:
        for number in range(ask.n):
            fact, scene = asked(ask, rng, said=said)
            n = min(2 + number % 4, 1 + len(fact.wrong))
            # the first wrong one is told of by the hint too, so reading the hint is not enough
            wrong = (fact.wrong[0], *rng.sample(fact.wrong[1:], n - 2))
            choices = mixed(fact, rng, n, wrong)
            rows.append(
                {
                    "image": scene.pixels,
                    "question": fact.ask,
                    "choices": list(choices),
                    "answer": choices.index(fact.answer),
                    "hint": fact.hint,
                    "task": "closed choice",
                    "grade": f"grade{2 + number % 4}",
                    "subject": subject,
                    "topic": topic,
                    "category": topic,
                    "skill": fact.topic,
                    "lecture": "",
                    "solution": "",
                }
            )
    return rows


def ai2d_rows() -> list[Row]:
    """300 questions with four options about diagrams with letters in them."""
    rng = seeded("twin:ai2d")
    said: Counter[str] = Counter()
    rows: list[Row] = []
    for ask in DIAGRAMS:
        for _ in range(ask.n):
            fact, scene = asked(ask, rng, said=said, least_wrong=3)
            options = mixed(fact, rng, 4, wrong_options(fact, rng, 3))
            rows.append(
                {
                    "question": fact.ask,
                    "options": list(options),
                    "answer": str(options.index(fact.answer)),
                    "image": scene.pixels,
                }
            )
    return rows
