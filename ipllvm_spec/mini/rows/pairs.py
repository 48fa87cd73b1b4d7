"""MMVP's twin: pairs of scenes with one difference."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.rows.base import Ask, Row, facts_of
from ipllvm_spec.mini.scenes import Scene

PAIRS = (
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
_ORDER_ONLY = 0.7
"""Share of MMVP pairs whose two scenes hold the same patches in another order."""


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
        answers = {f.ask: f.answer for f in facts_of(ask.kind, spec, ask.topics) if f.ask}
        changed = [
            (f.ask, answers[f.ask], f.answer)
            for f in facts_of(ask.kind, other, ask.topics)
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
    plan = [ask for ask in PAIRS for _ in range(ask.n)]
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
