"""Twins of MM-Vet, LLaVA-W and DOCCI: open answers, conversations, descriptions."""

from __future__ import annotations

from collections import Counter

from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import DETAIL_PROMPT
from ipllvm_spec.mini.rows.base import Ask, Row, asked, facts_of, held_out

#: Capabilities of MM-Vet, and what asks for them.
CAPABILITIES: tuple[tuple[str, Ask], ...] = (
    ("rec", Ask("quad", ("color", "shape"), 30)),
    ("rec", Ask("board", ("count",), 14)),
    ("rec,spat", Ask("quad", ("both",), 30)),
    ("rec,spat", Ask("quad", ("place", "neighbor"), 30)),
    ("ocr", Ask("number", ("number",), 14)),
    ("ocr", Ask("poster", ("title",), 14)),
    ("ocr,know", Ask("word", ("translation",), 14)),
    ("ocr,math", Ask("calculation", ("calculation",), 20)),
    ("rec,know", Ask("landmark", ("landmark",), 12)),
    ("rec,know", Ask("person", ("person",), 12)),
    ("rec,know", Ask("light", ("rule",), 8)),
    ("ocr,spat", Ask("table", ("value",), 10)),
)
#: Kinds of scene to be described; a description names everything in their captions.
DESCRIBED = (("view", 5), ("landmark", 5))
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: Images of LLaVA-W by kind, and the topics of their conversations.
TALKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("light", ("rule", "lamp")),
    ("view", ("view", "above", "below")),
    ("person", ("person", "hat", "coat")),
)


def mmvet_rows() -> list[Row]:
    """218 open questions with the capabilities they need."""
    rng = seeded("twin:mmvet")
    said: Counter[str] = Counter()
    rows: list[Row] = []
    for capabilities, ask in CAPABILITIES:
        for _ in range(ask.n):
            fact, scene = asked(ask, rng, said=said)
            gold = fact.answer
            if fact.topic == "both":
                gold = " <AND> ".join(gold.split())
            elif gold.isdigit() and len(gold) == 1:
                gold = f"{gold} <OR> {_DIGITS[int(gold)]}"
            rows.append(
                {
                    "question_id": f"v1_{len(rows)}",
                    "image": scene.pixels,
                    "question": fact.ask,
                    "answer": gold,
                    "image_source": "mini",
                    "capability": capabilities,
                }
            )
    for kind, n in DESCRIBED:
        for _ in range(n):
            spec, scene = held_out(kind, rng)
            said_of = KINDS[kind].caption(spec).split()
            rows.append(
                {
                    "question_id": f"v1_{len(rows)}",
                    "image": scene.pixels,
                    "question": DETAIL_PROMPT,
                    "answer": " <AND> ".join(w for w in said_of if w not in ("a", "the", "above")),
                    "image_source": "mini",
                    "capability": "rec,gen",
                }
            )
    return rows


def llava_w_rows() -> list[Row]:
    """60 questions about 24 images: conversation, detail, reasoning, with reference answers."""
    rng = seeded("twin:llava_w")
    rows: list[Row] = []
    for number in range(24):
        kind, topics = TALKS[number % len(TALKS)]
        spec, scene = held_out(kind, rng)
        caption = KINDS[kind].caption(spec)
        reasons = facts_of(kind, spec, ("why",))
        talk = rng.choice([f for f in facts_of(kind, spec, topics) if f.ask])
        said = [("complex", reasons[0].ask, reasons[0].answer)]
        if number < 20:
            said.insert(0, ("conv", talk.ask, talk.answer))
        if number >= 8:
            said.insert(-1, ("detail", DETAIL_PROMPT, caption))
        for category, question, answer in said:
            rows.append(
                {
                    "question_id": len(rows),
                    "question": question,
                    "image": scene.pixels,
                    "image_id": f"{number + 1:03d}.png",
                    "category": category,
                    "caption": caption,
                    "gpt_answer": answer,
                }
            )
    return rows


def docci_rows() -> list[Row]:
    """300 images with a long description."""
    rng = seeded("twin:docci")
    rows: list[Row] = []
    for number in range(300):
        kind = ("quad", "board", "bars", "diagram")[number % 4]
        spec, scene = held_out(kind, rng)
        rows.append(
            {
                "image": scene.pixels,
                "example_id": f"test_{number:05d}",
                "description": KINDS[kind].caption(spec),
            }
        )
    return rows
