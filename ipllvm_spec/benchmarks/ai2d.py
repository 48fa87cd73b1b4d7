"""AI2D: multiple-choice questions about diagrams, labels replaced by letters."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.benchmarks.choices import LETTER_SUFFIX, MultipleChoice, lettered
from ipllvm_spec.benchmarks.parsing import trol


class Ai2d(MultipleChoice):
    """Scored as the mean over the questions of the test split (3088).

    In paper mode the options stand on one line, and the first capital of an answer is its letter.
    """

    name = "ai2d"
    title = "AI2D"
    paper_rule = staticmethod(trol.first_capital)
    columns: Mapping[str, str] = {
        "question": fields.TEXT,
        "options": fields.LIST,
        "answer": fields.TEXT,
        "image": fields.IMAGE,
    }

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item. The answer is the place of an option, from 0; the row number is the id."""
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        choices = fields.list_of_text(row, "options", benchmark=self.name, index=index)
        places = [str(place) for place in range(min(len(choices), len(ascii_uppercase)))]
        gold = fields.one_of(row, "answer", places, benchmark=self.name, index=index)
        digest = fields.image_digest(row)
        number = f"row-{index:05d}"
        listed = lettered(choices, between=" " if self.mode == "paper" else "\n")
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum="",
            prompt=f"{question}\n{listed}\n{LETTER_SUFFIX}",
            gold=ascii_uppercase[int(gold)],
            choices=choices,
            image_digest=digest,
        )
