"""MMVP: pairs of images that look alike to CLIP, one question, opposite answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import fsum, prod
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, Unit, grouped, values
from ipllvm_spec.benchmarks.parsing import parse_letter

LETTER_SUFFIX = "Answer with the option's letter from the given choices directly."

_OPTIONS = re.compile(r"\s*\(a\)\s*(.*?)\s*\(b\)\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)


class Mmvp:
    """Scored as published: a pair counts when both of its answers are right (150 pairs)."""

    name = "mmvp"
    title = "MMVP"
    scale = 100.0
    decoding = Decoding(max_new_tokens=16)
    columns: Mapping[str, str] = {
        "Index": fields.INTEGER,
        "Question": fields.TEXT,
        "Options": fields.TEXT,
        "Correct Answer": fields.TEXT,
        "image": fields.IMAGE,
    }

    def __init__(self, mode: str = "standard") -> None:
        self.mode = mode

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes items; rows 2i-1 and 2i by ``Index`` form pair i."""
        items = tuple(self._item(row, index) for index, row in enumerate(rows))
        sizes = Counter(item.unit_id for item in items)
        for index, item in enumerate(items):
            if sizes[item.unit_id] != 2:
                raise fields.row_error(
                    self.name,
                    index,
                    f"Index {item.item_id} has no partner: pairs are Index 2i-1 and 2i, once each",
                )
        return items

    def _item(self, row: Mapping[str, Any], index: int) -> Item:
        number = fields.integer(row, "Index", benchmark=self.name, index=index)
        question = fields.text(row, "Question", benchmark=self.name, index=index)
        listed = fields.text(row, "Options", benchmark=self.name, index=index)
        gold = fields.one_of(
            row, "Correct Answer", ("(a)", "(b)"), benchmark=self.name, index=index
        )
        match = _OPTIONS.fullmatch(listed)
        if match is None:
            raise fields.row_error(
                self.name, index, f"column 'Options' holds {listed!r}, not '(a) ... (b) ...'"
            )
        pair = f"pair-{(number + 1) // 2}"
        return Item(
            item_id=str(number),
            unit_id=pair,
            cluster_id=pair,
            stratum="",
            prompt=f"{question.strip()}\nA. {match[1]}\nB. {match[2]}\n{LETTER_SUFFIX}",
            gold=gold[1].upper(),
            choices=(match[1], match[2]),
            image_digest=fields.image_digest(row),
        )

    def units(self, items: Sequence[Item]) -> tuple[Unit, ...]:
        """Groups items into pairs of equal weight."""
        pairs = grouped(items)
        return tuple(
            Unit(pair, members[0].cluster_id, members, "", 1 / len(pairs))
            for pair, members in pairs.items()
        )

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for the right letter."""
        parsed = parse_letter(text, letters="AB", choices=item.choices)
        return ItemScore(float(parsed.value == item.gold), parsed)

    def score_unit(self, unit: Unit, scores: Sequence[ItemScore]) -> float:
        """Scores 1 when both answers of the pair are right."""
        return prod(values(unit, scores))

    def chance(self, units: Sequence[Unit]) -> float:
        """Independent guesses: 25. A constant letter gets 0, since the answers are opposite."""
        return self.scale * fsum(
            unit.weight * prod(1 / len(item.choices) for item in unit.items) for unit in units
        )
