"""MME: two yes-no questions about each image in 14 subtasks, scored out of 2800."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, Unit
from ipllvm_spec.benchmarks.parsing import parse_yes_no
from ipllvm_spec.benchmarks.scoring import RuleScored, grouped, values

SHORT_SUFFIX = "Answer the question using a single word or phrase."

#: Perception (2000 points) and cognition (800 points).
PERCEPTION = (
    "existence", "count", "position", "color", "posters",
    "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")

_PUBLISHED_SUFFIX = "Please answer yes or no."


class Mme(RuleScored):
    """Scored as published: the sum over subtasks of accuracy and accuracy+, both in percent.

    The unit is the image. Its score is (mean of its two answers + both right) / 2, and its weight
    1 / (subtasks present * images of its subtask), so the weighted sum times 2800 is the total.
    With fewer than 14 subtasks the total is scaled up to 2800. Both modes are the same: the
    evaluators agree but for answers that models do not give ("y" alone, a leading space).
    """

    name = "mme"
    title = "MME"
    scale = 2800.0
    modes = ("standard", "paper")
    decoding = Decoding(max_new_tokens=16)
    columns: Mapping[str, str] = {
        "question_id": fields.TEXT,
        "image": fields.IMAGE,
        "question": fields.TEXT,
        "answer": fields.TEXT,
        "category": fields.TEXT,
    }

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes items; two rows with one ``question_id`` are about one image."""
        seen: Counter[str] = Counter()
        items = []
        for index, row in enumerate(rows):
            item = self._item(row, index)
            seen[item.unit_id] += 1
            items.append(replace(item, item_id=f"{item.unit_id}:{seen[item.unit_id]}"))
        for index, item in enumerate(items):
            if seen[item.unit_id] != 2:
                raise fields.row_error(
                    self.name,
                    index,
                    f"question_id '{item.unit_id}' has {seen[item.unit_id]} questions, not 2",
                )
        return tuple(items)

    def _item(self, row: Mapping[str, Any], index: int) -> Item:
        image = fields.text(row, "question_id", benchmark=self.name, index=index)
        subtask = fields.one_of(
            row, "category", PERCEPTION + COGNITION, benchmark=self.name, index=index
        )
        # Published ids begin with their subtask; ids of other sources may repeat across them.
        unit_id = image if image.startswith(f"{subtask}/") else f"{subtask}/{image}"
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        gold = fields.one_of(row, "answer", ("Yes", "No"), benchmark=self.name, index=index)
        # The published suffix would contradict the one that LLaVA's protocol appends.
        question = question.removesuffix(_PUBLISHED_SUFFIX).rstrip()
        return Item(
            item_id=unit_id,
            unit_id=unit_id,
            cluster_id=unit_id,
            stratum=subtask,
            prompt=f"{question}\n{SHORT_SUFFIX}",
            gold=gold.lower(),
            image_digest=fields.image_digest(row),
        )

    def units(self, items: Sequence[Item]) -> tuple[Unit, ...]:
        """Groups items by image; every subtask weighs the same."""
        images = grouped(items)
        sizes = Counter(members[0].stratum for members in images.values())
        return tuple(
            Unit(
                unit_id,
                members[0].cluster_id,
                members,
                members[0].stratum,
                1 / (len(sizes) * sizes[members[0].stratum]),
            )
            for unit_id, members in images.items()
        )

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for the right one of yes and no; an answer that is neither is wrong."""
        parsed = parse_yes_no(text)
        return ItemScore(float(parsed.value == item.gold), parsed)

    def score_unit(self, unit: Unit, scores: Sequence[ItemScore]) -> float:
        """Returns (share of right answers + all right) / 2."""
        right = values(unit, scores)
        return (sum(right) / len(right) + all(right)) / 2

    def chance(self, units: Sequence[Unit]) -> float:
        """Independent fair guesses: accuracy 50, accuracy+ 25 in each subtask, 1050 in all."""
        return self.scale * fsum(unit.weight * (0.5 + 0.5 ** len(unit.items)) / 2 for unit in units)

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns accuracy + accuracy+ of every subtask (200), perception (2000), cognition (800).

        A sum over some of its subtasks only is scaled up, as the total is.
        """
        # The mean score of an image is (accuracy + accuracy+) / 2 in hundredths.
        parts = {name: 2 * value for name, value in super().parts(units, scores).items()}
        for name, subtasks in (("perception", PERCEPTION), ("cognition", COGNITION)):
            found = [parts[subtask] for subtask in subtasks if subtask in parts]
            if found:
                parts[name] = len(subtasks) * fsum(found) / len(found)
        return parts
