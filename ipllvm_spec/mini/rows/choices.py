"""Twins of MME and MMStar: claims to affirm or deny, and questions with four options."""

from __future__ import annotations

from ipllvm_spec.mini.questions import Fact
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import letters_inline, wrong_options
from ipllvm_spec.mini.rows.base import OPTIONS, Ask, Row, facts_of, held_out

SUBTASKS = (
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
ABILITIES = (
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


def mme_rows() -> list[Row]:
    """300 images in 14 subtasks, two questions an image, one of them true."""
    rng = seeded("twin:mme")
    rows: list[Row] = []
    for category, asks in SUBTASKS:
        for number, ask in enumerate([a for a in asks for _ in range(a.n)]):
            spec, scene = held_out(ask.kind, rng)
            claims = [f for f in facts_of(ask.kind, spec, ask.topics) if f.claim]
            while not claims:
                spec, scene = held_out(ask.kind, rng)
                claims = [f for f in facts_of(ask.kind, spec, ask.topics) if f.claim]
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
    plan = [(c, axis, ask) for c, axis, asks in ABILITIES for ask in asks for _ in range(ask.n)]
    letters = list(OPTIONS) * (len(plan) // len(OPTIONS))
    rng.shuffle(letters)
    rows: list[Row] = []
    for (category, axis, ask), letter in zip(plan, letters, strict=True):
        facts: list[Fact] = []
        while not facts:
            spec, scene = held_out(ask.kind, rng)
            facts = [f for f in facts_of(ask.kind, spec, ask.topics) if f.ask and len(f.wrong) >= 3]
        fact = rng.choice(facts)
        options = list(wrong_options(fact, rng, 3))
        rng.shuffle(options)
        options.insert(OPTIONS.index(letter), fact.answer)
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
