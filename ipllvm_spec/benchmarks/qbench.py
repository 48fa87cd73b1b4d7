"""Q-Bench (LLVisionQA): questions about the quality of an image, two to four options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.benchmarks.choices import LETTER_SUFFIX, MultipleChoice, lettered
from ipllvm_spec.benchmarks.parsing import trol

#: By the numbers that the data use.
TYPES = ("yes or no", "how", "what")
CONCERNS = ("global distortion", "global other", "local distortion", "local other")

#: Fills the columns of options that a question does not have.
_NO_OPTION = "N/A"
_LETTERS = "ABCD"


class QBench(MultipleChoice):
    """Scored as the mean over the questions of the dev half (1495)."""

    name = "qbench"
    title = "Q-Bench"
    paper_rule = staticmethod(trol.option_letter)
    columns: Mapping[str, str] = {
        # A number or a text, depending on the upload; read as its text.
        "id": fields.ANY,
        "image": fields.IMAGE,
        "question": fields.TEXT,
        **{f"option{i}": fields.TEXT for i in range(len(_LETTERS))},
        "question_type": fields.INTEGER,
        "question_concern": fields.INTEGER,
        "correct_choice": fields.TEXT,
    }

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item; options that are "N/A" are left out."""
        if row.get("id") is None:
            raise fields.row_error(self.name, index, "column 'id' is empty")
        number = str(row["id"])
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        texts = [
            fields.optional_text(row, f"option{i}", benchmark=self.name, index=index).strip()
            for i in range(len(_LETTERS))
        ]
        choices = tuple(text for text in texts if text not in ("", _NO_OPTION))
        gold = fields.one_of(
            row, "correct_choice", _LETTERS[: len(choices)], benchmark=self.name, index=index
        )
        digest = fields.image_digest(row)
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum=f"type: {self._named(row, 'question_type', TYPES, index)}",
            prompt=f"{question}\n{lettered(choices)}\n{LETTER_SUFFIX}",
            gold=gold,
            choices=choices,
            image_digest=digest,
            groups=(f"concern: {self._named(row, 'question_concern', CONCERNS, index)}",),
        )

    def _named(self, row: Mapping[str, Any], column: str, names: Sequence[str], index: int) -> str:
        number = fields.integer(row, column, benchmark=self.name, index=index)
        if not 0 <= number < len(names):
            raise fields.row_error(
                self.name, index, f"column '{column}' holds {number}, not 0 to {len(names) - 1}"
            )
        return names[number]
