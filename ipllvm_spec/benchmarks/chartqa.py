"""ChartQA: short answers read off a chart, numbers within 5 %."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, PerQuestion, Unit
from ipllvm_spec.benchmarks.mme import SHORT_SUFFIX
from ipllvm_spec.benchmarks.parsing import parse_short_answer, relaxed_match

TYPES = ("human_test", "augmented_test")


class ChartQa(PerQuestion):
    """Scored as relaxed accuracy over all questions (1250 human and 1250 augmented)."""

    name = "chartqa"
    title = "ChartQA"
    scale = 100.0
    decoding = Decoding(max_new_tokens=16)
    columns: Mapping[str, str] = {
        "type": fields.TEXT,
        "question": fields.TEXT,
        "answer": fields.TEXT,
        "image": fields.IMAGE,
    }

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item. The data name neither question nor chart: the row number is the id."""
        number = f"row-{index:05d}"
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        digest = fields.image_digest(row)
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum=fields.one_of(row, "type", TYPES, benchmark=self.name, index=index),
            prompt=f"{question}\n{SHORT_SUFFIX}",
            gold=fields.text(row, "answer", benchmark=self.name, index=index).strip(),
            image_digest=digest,
        )

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for an answer that is right by relaxed accuracy."""
        parsed = parse_short_answer(text)
        right = parsed.value is not None and relaxed_match(parsed.value, item.gold)
        return ItemScore(float(right), parsed)

    def chance(self, units: Sequence[Unit]) -> float:
        """The best that one constant answer reaches, tried over all reference answers."""
        weights: defaultdict[str, float] = defaultdict(float)
        for unit in units:
            weights[unit.items[0].gold] += unit.weight
        return self.scale * max(
            (
                fsum(weight for gold, weight in weights.items() if relaxed_match(guess, gold))
                for guess in weights
            ),
            default=0.0,
        )
