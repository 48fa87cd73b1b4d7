"""Q-Bench's twin: what is wrong with a photograph."""

from __future__ import annotations

from collections import Counter

from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import wrong_options
from ipllvm_spec.mini.rows.base import OPTIONS, Ask, Row, asked, mixed

#: (question type, concern) as published, where the flaw is of the whole picture; its source.
QUALITY: tuple[tuple[int, int, Ask], ...] = (
    (0, 0, Ask("photo", ("is_blur",), 25)),
    (0, 0, Ask("photo", ("is_noise",), 25)),
    (0, 1, Ask("photo", ("is_darkness",), 17)),
    (0, 1, Ask("photo", ("is_glare",), 17)),
    (0, 1, Ask("photo", ("is_cast",), 16)),
    (1, 1, Ask("photo", ("light",), 50)),
    (1, 0, Ask("photo", ("clarity",), 50)),
    (2, 0, Ask("photo", ("flaw",), 50)),
    (2, 1, Ask("photo", ("tint",), 25)),
    (2, 2, Ask("photo", ("area",), 25)),
)


def qbench_rows() -> list[Row]:
    """300 questions: yes or no, how, what; two to four options."""
    rng = seeded("twin:qbench")
    said: Counter[str] = Counter()
    rows: list[Row] = []
    for kind, concern, ask in QUALITY:
        for _ in range(ask.n):
            fact, scene = asked(ask, rng, said=said)
            n = min(len(OPTIONS), 1 + len(fact.wrong))
            options = mixed(fact, rng, n, wrong_options(fact, rng, n - 1))
            filled = (*options, *["N/A"] * (len(OPTIONS) - n))
            rows.append(
                {
                    "id": f"mini_{len(rows):04d}",
                    "image": scene.pixels,
                    "question": fact.ask,
                    **{f"option{i}": option for i, option in enumerate(filled)},
                    "question_type": kind,
                    "question_concern": concern,
                    "correct_choice": OPTIONS[options.index(fact.answer)],
                }
            )
    return rows
