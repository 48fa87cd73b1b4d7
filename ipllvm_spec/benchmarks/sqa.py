"""SQA-IMG: the questions of ScienceQA that have an image."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.benchmarks.choices import LETTER_SUFFIX, MultipleChoice, lettered
from ipllvm_spec.benchmarks.parsing import trol


class ScienceQa(MultipleChoice):
    """Scored as the mean over the questions of the test split that have an image (2017).

    A hint comes before the question, in standard mode after the word "Context:". TroL leaves an
    empty line where there is no hint; here there is none.
    """

    name = "sqa"
    title = "SQA-IMG"
    paper_rule = staticmethod(trol.option_letter)
    columns: Mapping[str, str] = {
        "image": fields.IMAGE,
        "question": fields.TEXT,
        "choices": fields.LIST,
        "answer": fields.INTEGER,
        "hint": fields.TEXT,
        "subject": fields.TEXT,
    }

    def item(self, row: Mapping[str, Any], index: int) -> Item | None:
        """Makes an item; None for a row without an image. The row number is the id."""
        digest = fields.image_digest(row)
        if not digest:
            return None
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        choices = fields.list_of_text(row, "choices", benchmark=self.name, index=index)
        gold = fields.integer(row, "answer", benchmark=self.name, index=index)
        if not 0 <= gold < len(choices) <= len(ascii_uppercase):
            raise fields.row_error(
                self.name,
                index,
                f"column 'answer' holds {gold}, but there are {len(choices)} choices",
            )
        hint = fields.optional_text(row, "hint", benchmark=self.name, index=index).strip()
        if hint:
            hint = f"{hint}\n" if self.mode == "paper" else f"Context: {hint}\n"
        number = f"row-{index:05d}"
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest,
            stratum=fields.text(row, "subject", benchmark=self.name, index=index),
            prompt=f"{hint}{question}\n{lettered(choices)}\n{LETTER_SUFFIX}",
            gold=ascii_uppercase[gold],
            choices=choices,
            image_digest=digest,
        )
