"""ChartQA: short answers read off a chart, numbers within 5 %."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, Unit
from ipllvm_spec.benchmarks.mme import SHORT_SUFFIX
from ipllvm_spec.benchmarks.parsing import parse_short_answer, relaxed_match, trol
from ipllvm_spec.benchmarks.scoring import PerQuestion

HUMAN, AUGMENTED = "human_test", "augmented_test"


class ChartQa(PerQuestion):
    """Scored as relaxed accuracy over all questions (1250 human and 1250 augmented).

    Paper mode asks the first question about each chart of the augmented half (987), cuts answers
    and takes the tolerance as TroL's evaluator does: the only set that all printed numbers fit.
    """

    name = "chartqa"
    title = "ChartQA"
    scale = 100.0
    modes = ("standard", "paper")
    decoding = Decoding(max_new_tokens=16)
    columns: Mapping[str, str] = {
        "type": fields.TEXT,
        "question": fields.TEXT,
        "answer": fields.TEXT,
        "image": fields.IMAGE,
    }

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes an item of each row; in paper mode of the first row about each augmented chart."""
        items = super().items(rows)
        if self.mode != "paper":
            return items
        # The data do not name their charts, so equal pixels tell; rows without any stay apart.
        firsts: dict[str, Item] = {}
        for item in items:
            firsts.setdefault(item.cluster_id, item)
        return tuple(firsts.values())

    def item(self, row: Mapping[str, Any], index: int) -> Item | None:
        """Makes an item. The data name neither question nor chart: the row number is the id."""
        half = fields.one_of(row, "type", (HUMAN, AUGMENTED), benchmark=self.name, index=index)
        if self.mode == "paper" and half != AUGMENTED:
            return None
        number = f"row-{index:05d}"
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        digest = fields.image_digest(row)
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum=half,
            prompt=f"{question}\n{SHORT_SUFFIX}",
            gold=fields.text(row, "answer", benchmark=self.name, index=index).strip(),
            image_digest=digest,
        )

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for an answer that is right by relaxed accuracy."""
        parsed = trol.short_answer(text) if self.mode == "paper" else parse_short_answer(text)
        right = parsed.value is not None and self._match(parsed.value, item.gold)
        return ItemScore(float(right), parsed)

    def _match(self, predicted: str, gold: str) -> bool:
        matches = trol.relaxed_match if self.mode == "paper" else relaxed_match
        return matches(predicted, gold)

    def chance(self, units: Sequence[Unit]) -> float:
        """The best that one constant answer reaches, tried over all reference answers."""
        weights: defaultdict[str, float] = defaultdict(float)
        for unit in units:
            weights[unit.items[0].gold] += unit.weight
        guesses = dict.fromkeys(weights)
        if self.mode == "paper":
            guesses = dict.fromkeys(trol.short_answer(gold).value or "" for gold in weights)
        return self.scale * max(
            (
                fsum(weight for gold, weight in weights.items() if self._match(guess, gold))
                for guess in guesses
            ),
            default=0.0,
        )

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns relaxed accuracy of the human and the augmented half, on 0-100."""
        found = super().parts(units, scores)
        return {half.removesuffix("_test"): value for half, value in found.items()}
