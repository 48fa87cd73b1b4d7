"""MMStar: multiple-choice questions that cannot be answered without the image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Item, ItemScore, Unit
from ipllvm_spec.benchmarks.choices import LETTER_SUFFIX, MultipleChoice
from ipllvm_spec.benchmarks.parsing import trol

LETTERS = "ABCD"

_AXIS = "axis: "
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


class MmStar(MultipleChoice):
    """Scored as the micro mean over all questions (1500), not averaged over the 18 axes."""

    name = "mmstar"
    title = "MMStar"
    paper_rule = staticmethod(trol.letter_by_position)
    columns: Mapping[str, str] = {
        "index": fields.INTEGER,
        "question": fields.TEXT,
        "image": fields.IMAGE,
        "answer": fields.TEXT,
        "category": fields.TEXT,
        "l2_category": fields.TEXT,
    }

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item; the question text already lists its options."""
        number = str(fields.integer(row, "index", benchmark=self.name, index=index))
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        axis = fields.text(row, "l2_category", benchmark=self.name, index=index)
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
            groups=(_AXIS + axis,),
        )

    def letters(self, item: Item) -> str:  # noqa: ARG002
        """Returns A to D, whatever could be read of the options."""
        return LETTERS

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns the mean of every ability and axis, and the mean of the axes, on 0-100."""
        parts = super().parts(units, scores)
        axes = [value for name, value in parts.items() if name.startswith(_AXIS)]
        if axes:
            parts[f"mean of {len(axes)} axes"] = fsum(axes) / len(axes)
        return parts
