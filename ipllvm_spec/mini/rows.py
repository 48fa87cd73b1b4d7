"""The rows of the benchmark twins: which scenes are asked what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.mini.questions import KINDS, Fact
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import LETTERS, letters_inline, wrong_options
from ipllvm_spec.mini.scenes import Scene

Row = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """A source of questions: a kind of scene and some of its topics."""

    kind: str
    topics: tuple[str, ...]
    n: int


_PAIRS = (
    Ask("quad", ("color", "shape", "place", "neighbor"), 34),
    Ask("board", ("color", "shape", "extreme"), 20),
    Ask("bars", ("value", "extreme"), 20),
    Ask("table", ("value", "extreme"), 12),
    Ask("number", ("number", "digit"), 8),
    Ask("poster", ("title",), 6),
    Ask("program", ("program", "value"), 8),
    Ask("chain", ("after", "before", "end"), 8),
    Ask("view", ("view", "above"), 7),
    Ask("landmark", ("landmark",), 8),
    Ask("face", ("emotion",), 7),
    Ask("person", ("person", "hat"), 6),
    Ask("light", ("rule", "lamp"), 6),
)
_SUBTASKS = (
    ("existence", (Ask("quad", ("existence",), 11), Ask("board", ("existence",), 11))),
    ("count", (Ask("board", ("count",), 22),)),
    ("position", (Ask("quad", ("place", "relation"), 22),)),
    ("color", (Ask("quad", ("color",), 11), Ask("board", ("color",), 11))),
    ("posters", (Ask("poster", ("title",), 22),)),
    ("celebrity", (Ask("person", ("person",), 22),)),
    ("scene", (Ask("view", ("view",), 21),)),
    ("landmark", (Ask("landmark", ("landmark",), 21),)),
    ("artwork", (Ask("artwork", ("pattern",), 21),)),
    ("OCR", (Ask("number", ("number",), 21),)),
    ("commonsense_reasoning", (Ask("light", ("rule",), 21),)),
    ("numerical_calculation", (Ask("calculation", ("calculation",), 21),)),
    ("text_translation", (Ask("word", ("translation",), 21),)),
    ("code_reasoning", (Ask("program", ("program",), 21),)),
)
_ABILITIES = (
    ("coarse perception", "image scene and topic", (Ask("view", ("view",), 17),)),
    ("coarse perception", "image style & quality", (Ask("artwork", ("pattern",), 17),)),
    ("coarse perception", "image emotion", (Ask("face", ("emotion",), 16),)),
    (
        "fine-grained perception",
        "attribute & celebrity recognition",
        (Ask("quad", ("color", "shape"), 10), Ask("person", ("person",), 7)),
    ),
    ("fine-grained perception", "object counting", (Ask("board", ("count",), 17),)),
    ("fine-grained perception", "localization", (Ask("quad", ("place",), 16),)),
    (
        "instance reasoning",
        "single-instance attribute reasoning",
        (Ask("board", ("color", "shape"), 17),),
    ),
    (
        "instance reasoning",
        "cross-instance attribute comparison",
        (Ask("board", ("extreme",), 17),),
    ),
    ("instance reasoning", "cross-instance relation reasoning", (Ask("quad", ("neighbor",), 16),)),
    (
        "logical reasoning",
        "code & sequence reasoning",
        (Ask("program", ("program",), 9), Ask("sequence", ("sequence",), 8)),
    ),
    ("logical reasoning", "diagram reasoning", (Ask("chain", ("after", "before"), 17),)),
    ("logical reasoning", "common reasoning", (Ask("light", ("rule",), 16),)),
    ("math", "geometry", (Ask("quad", ("geometry",), 16),)),
    ("math", "numeric commonsense and calculation", (Ask("calculation", ("calculation",), 17),)),
    ("math", "statistical reasoning", (Ask("bars", ("value", "extreme"), 17),)),
    (
        "science & technology",
        "biology & chemistry & physics",
        (Ask("chain", ("after", "before"), 17),),
    ),
    (
        "science & technology",
        "electronics & energy & mechanical eng.",
        (Ask("light", ("lamp",), 17),),
    ),
    (
        "science & technology",
        "geography & earth science & agriculture",
        (Ask("landmark", ("landmark",), 16),),
    ),
)
_ORDER_ONLY = 0.7
"""Share of MMVP pairs whose two scenes hold the same patches in another order."""
_MOST_SAID = 34
"""Rows of ChartQA with one answer, at most: a model that always says it must stay below chance."""


def _held_out(kind: str, rng: Random) -> tuple[Any, Scene]:
    while True:
        spec = KINDS[kind].sample(rng)
        scene = KINDS[kind].draw(spec)
        if scene.held_out:
            return spec, scene


def _facts(kind: str, spec: Any, topics: tuple[str, ...]) -> list[Fact]:
    return [f for f in KINDS[kind].facts(spec) if f.topic in topics]


def _content(scene: Scene) -> list[tuple[int, int, int]]:
    """What the patches show, without their order."""
    maps = (scene.colors, scene.things, scene.sizes)
    return sorted(zip(*(m.flatten().tolist() for m in maps), strict=True))


def _pair(ask: Ask, rng: Random, *, order_only: bool) -> tuple[str, tuple[str, str], list[Scene]]:
    """Two held-out scenes with one difference, and a question they answer differently."""
    kind = KINDS[ask.kind]
    while True:
        spec = kind.sample(rng)
        other = kind.mutate(spec, rng)
        answers = {f.ask: f.answer for f in _facts(ask.kind, spec, ask.topics) if f.ask}
        changed = [
            (f.ask, answers[f.ask], f.answer)
            for f in _facts(ask.kind, other, ask.topics)
            if answers.get(f.ask, f.answer) != f.answer
        ]
        same = _content(kind.draw(spec)) == _content(kind.draw(other))
        if not changed or (order_only and not same):
            continue
        question, one, two = rng.choice(changed)
        # the style decides the side of the split, so another style may bring both scenes over
        for _ in range(400):
            style = rng.randrange(1 << 24)
            first = kind.draw(replace(spec, style=style))
            if not first.held_out:
                continue
            second = kind.draw(replace(other, style=style))
            if second.held_out:
                return question, (one, two), [first, second]


def mmvp_rows() -> list[Row]:
    """150 pairs: the same question and options, two scenes, opposite answers."""
    rng = seeded("twin:mmvp")
    rows: list[Row] = []
    plan = [ask for ask in _PAIRS for _ in range(ask.n)]
    rng.shuffle(plan)
    for ask in plan:
        order_only = rng.random() < _ORDER_ONLY
        question, answers, scenes = _pair(ask, rng, order_only=order_only)
        options = list(answers)
        rng.shuffle(options)
        for answer, scene in zip(answers, scenes, strict=True):
            rows.append(
                {
                    "Index": len(rows) + 1,
                    "Question": question,
                    "Options": f"(a) {options[0]} (b) {options[1]}",
                    "Correct Answer": f"({'ab'[options.index(answer)]})",
                    "image": scene.pixels,
                }
            )
    return rows


def mme_rows() -> list[Row]:
    """300 images in 14 subtasks, two questions an image, one of them true."""
    rng = seeded("twin:mme")
    rows: list[Row] = []
    for category, asks in _SUBTASKS:
        for number, ask in enumerate([a for a in asks for _ in range(a.n)]):
            spec, scene = _held_out(ask.kind, rng)
            claims = [f for f in _facts(ask.kind, spec, ask.topics) if f.claim]
            while not claims:
                spec, scene = _held_out(ask.kind, rng)
                claims = [f for f in _facts(ask.kind, spec, ask.topics) if f.claim]
            fact = rng.choice(claims)
            said = [(fact.answer, "Yes"), (wrong_options(fact, rng, 1)[0], "No")]
            rng.shuffle(said)
            for words, answer in said:
                rows.append(
                    {
                        "question_id": f"{category}/{number:04d}.png",
                        "image": scene.pixels,
                        "question": f"{fact.claim.format(words)} Please answer yes or no.",
                        "answer": answer,
                        "category": category,
                    }
                )
    return rows


def mmstar_rows() -> list[Row]:
    """300 questions with four options in 6 abilities and 18 axes."""
    rng = seeded("twin:mmstar")
    plan = [(c, axis, ask) for c, axis, asks in _ABILITIES for ask in asks for _ in range(ask.n)]
    letters = list(LETTERS) * (len(plan) // len(LETTERS))
    rng.shuffle(letters)
    rows: list[Row] = []
    for (category, axis, ask), letter in zip(plan, letters, strict=True):
        facts: list[Fact] = []
        while not facts:
            spec, scene = _held_out(ask.kind, rng)
            facts = [f for f in _facts(ask.kind, spec, ask.topics) if f.ask and len(f.wrong) >= 3]
        fact = rng.choice(facts)
        options = list(wrong_options(fact, rng, 3))
        rng.shuffle(options)
        options.insert(LETTERS.index(letter), fact.answer)
        rows.append(
            {
                "index": len(rows),
                "question": letters_inline(fact.ask, tuple(options)),
                "image": scene.pixels,
                "answer": letter,
                "category": category,
                "l2_category": axis,
                "meta_info": {
                    "source": "mini",
                    "split": "val",
                    "image_path": f"images/{len(rows)}.png",
                },
            }
        )
    return rows


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
                spec, scene = _held_out(kind, rng)
                found = [f for f in _facts(kind, spec, topics) if said[f.answer] < _MOST_SAID]
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


ROWS: Mapping[str, Callable[[], list[Row]]] = MappingProxyType(
    {"mmvp": mmvp_rows, "mme": mme_rows, "mmstar": mmstar_rows, "chartqa": chartqa_rows}
)
"""Name of the twin to its rows; "image" holds uint8 (64, 64, 3)."""
