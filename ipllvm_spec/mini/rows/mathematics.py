"""Twins of MathVista and GSM8K: figures to calculate with, and word problems."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ipllvm_spec.mini.problems import Problem, draw_problem
from ipllvm_spec.mini.questions import Fact
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import math_query, wrong_options
from ipllvm_spec.mini.rows.base import Ask, Row, asked, mixed
from ipllvm_spec.mini.scenes import SIZE

#: (task, skill, context, source) as MathVista names them; choices first, then free-form answers.
CHOICES: tuple[tuple[str, str, str, Ask], ...] = (
    ("figure question answering", "statistical reasoning", "bar chart",
     Ask("bars", ("extreme", "value"), 50)),
    ("figure question answering", "statistical reasoning", "table",
     Ask("table", ("extreme", "value"), 30)),
    ("geometry problem solving", "geometry reasoning", "geometry diagram",
     Ask("quad", ("geometry",), 40)),
    ("textbook question answering", "scientific reasoning", "scientific figure",
     Ask("chain", ("after", "before"), 40)),
)  # fmt: skip
VALUES: tuple[tuple[str, str, str, Ask], ...] = (
    ("math word problem", "arithmetic reasoning", "synthetic scene",
     Ask("calculation", ("calculation",), 30)),
    ("figure question answering", "statistical reasoning", "bar chart",
     Ask("bars", ("value",), 30)),
    ("figure question answering", "statistical reasoning", "table",
     Ask("table", ("value",), 20)),
    ("visual question answering", "numeric commonsense", "synthetic scene",
     Ask("board", ("count",), 10)),
    ("figure question answering", "arithmetic reasoning", "bar chart",
     Ask("bars", ("difference",), 15)),
    ("figure question answering", "arithmetic reasoning", "bar chart",
     Ask("bars", ("average",), 15)),
    ("figure question answering", "statistical reasoning", "table",
     Ask("table", ("list",), 20)),
)  # fmt: skip


def mathvista_rows() -> list[Row]:
    """300 questions: 160 with choices, 140 with an integer, a float or a list as their answer."""
    rng = seeded("twin:mathvista")
    said: Counter[str] = Counter()
    rows: list[Row] = []
    for plan, choice in ((CHOICES, True), (VALUES, False)):
        for task, skill, context, ask in plan:
            for _ in range(ask.n):
                fact, scene = asked(ask, rng, said=said, least_wrong=3 if choice else 1)
                options = mixed(fact, rng, 4, wrong_options(fact, rng, 3)) if choice else ()
                rows.append(
                    {
                        "pid": str(len(rows) + 1),
                        "image": f"images/{len(rows) + 1}.png",
                        "decoded_image": scene.pixels,
                        "metadata": _metadata(task, skill, context),
                        **_answer(fact, options),
                    }
                )
    return rows


def _answer(fact: Fact, options: tuple[str, ...]) -> Row:
    sort = "list" if fact.answer.startswith("[") else "float" if "." in fact.answer else "integer"
    return {
        "question": fact.ask,
        "choices": list(options) or None,
        "unit": None,
        "precision": 1.0 if sort == "float" and not options else None,
        "answer": fact.answer,
        "question_type": "multi_choice" if options else "free_form",
        "answer_type": "text" if options else sort,
        "query": math_query(fact.ask, answer=fact.answer, options=options),
    }


def _metadata(task: str, skill: str, context: str) -> dict[str, Any]:
    return {
        "category": "math-targeted-vqa",
        "context": context,
        "grade": "elementary school",
        "img_height": SIZE,
        "img_width": SIZE,
        "language": "english",
        "skills": [skill],
        "source": "mini",
        "split": "testmini",
        "task": task,
    }


def gsm8k_rows() -> list[Row]:
    """300 word problems, none twice."""
    rng = seeded("twin:gsm8k")
    problems: dict[str, Problem] = {}
    while len(problems) < 300:
        problem = draw_problem(rng)
        if problem.held_out:
            problems[problem.question] = problem
    return [{"question": p.question, "answer": p.published} for p in problems.values()]
