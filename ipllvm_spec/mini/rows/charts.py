"""ChartQA's twin: several questions a chart, by hand and by machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.mini.questions import Fact
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import wrong_options
from ipllvm_spec.mini.rows.base import Ask, Row, facts_of, held_out

CHARTS = (
    Ask("bars", ("extreme", "compare", "difference", "count", "value"), 100),
    Ask("table", ("extreme", "compare", "difference", "count", "value"), 50),
)
"""What is asked of charts."""
_MOST_SAID = 34
"""Rows of ChartQA with one answer, at most: a model that always says it must stay below chance."""


def _chart_row(source: str, question: str, answer: str, pixels: NDArray[np.uint8]) -> Row:
    return {"type": source, "question": question, "answer": answer, "image": pixels}


def chartqa_rows() -> list[Row]:
    """300 questions: 50 charts by hand, then 50 by machine, three questions a chart."""
    rng = seeded("twin:chartqa")
    human = ("extreme", "compare", "difference", "count")
    rows: list[Row] = []
    said: Counter[str] = Counter()
    for source, topics in (("human_test", human), ("augmented_test", ("value", "extreme"))):
        for i in range(50):
            kind = ("bars", "bars", "table")[i % 3]
            facts: dict[str, Fact] = {}
            while len(facts) < 3:
                spec, scene = held_out(kind, rng)
                found = [f for f in facts_of(kind, spec, topics) if said[f.answer] < _MOST_SAID]
                rng.shuffle(found)
                by_topic = found if source == "augmented_test" else _first_of_each(found, topics)
                facts = {f.ask or f.claim: f for f in by_topic}
            for fact in list(facts.values())[:3]:
                if fact.ask:
                    said[fact.answer] += 1
                    rows.append(_chart_row(source, fact.ask, fact.answer, scene.pixels))
                    continue
                true = rng.random() < 0.5
                claimed = fact.answer if true else wrong_options(fact, rng, 1)[0]
                asked = fact.claim.format(claimed)
                rows.append(_chart_row(source, asked, "Yes" if true else "No", scene.pixels))
    return rows


def _first_of_each(facts: Iterable[Fact], topics: tuple[str, ...]) -> list[Fact]:
    firsts = {f.topic: f for f in facts}
    # topics in the order of the shuffled facts, so that none is always cut off
    return [f for t, f in firsts.items() if t in topics]
