"""MMStar: multiple-choice questions that cannot be answered without the image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, PerQuestion, Unit
from ipllvm_spec.benchmarks.mmvp import LETTER_SUFFIX
from ipllvm_spec.benchmarks.parsing import parse_letter

LETTERS = "ABCD"

_OPTION = re.compile(r"(?:^|[,\s]\s*)([A-D]):\s*")


def inline_choices(question: str) -> tuple[str, ...]:
    """Returns the option texts that follow "Options:" in a question, or () when unreadable.

    An option text may itself contain a comma or "X:", so only the letters in order A, B, C, ...
    count as option marks.
    """
    _, found, listed = question.rpartition("Options:")
    if not found:
        return ()
    marks: list[re.Match[str]] = []
    for mark in _OPTION.finditer(listed):
        if len(marks) < len(LETTERS) and mark[1] == LETTERS[len(marks)]:
            marks.append(mark)
    if len(marks) < 2:
        return ()
    ends = [mark.start() for mark in marks[1:]] + [len(listed)]
    return tuple(
        listed[mark.end() : end].strip().rstrip(",.") for mark, end in zip(marks, ends, strict=True)
    )


class MmStar(PerQuestion):
    """Scored as the micro mean over all questions (1500), not averaged over the 18 axes."""

    name = "mmstar"
    title = "MMStar"
    scale = 100.0
    decoding = Decoding(max_new_tokens=16)
    columns: Mapping[str, str] = {
        "index": fields.INTEGER,
        "question": fields.TEXT,
        "image": fields.IMAGE,
        "answer": fields.TEXT,
        "category": fields.TEXT,
    }

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item; the question text already lists its options."""
        number = str(fields.integer(row, "index", benchmark=self.name, index=index))
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        digest = fields.image_digest(row)
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum=fields.text(row, "category", benchmark=self.name, index=index),
            prompt=f"{question}\n{LETTER_SUFFIX}",
            gold=fields.one_of(row, "answer", LETTERS, benchmark=self.name, index=index),
            choices=inline_choices(question),
            image_digest=digest,
        )

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for the right letter."""
        parsed = parse_letter(text, letters=LETTERS, choices=item.choices)
        return ItemScore(float(parsed.value == item.gold), parsed)

    def chance(self, units: Sequence[Unit]) -> float:
        """Mean of 1 / number of options; 4 where the options could not be read."""
        return self.scale * fsum(
            unit.weight / (len(unit.items[0].choices) or len(LETTERS)) for unit in units
        )
