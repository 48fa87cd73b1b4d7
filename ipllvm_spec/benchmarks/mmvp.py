"""MMVP: pairs of images that look alike to CLIP, one question, opposite answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import fsum, prod
from types import MappingProxyType
from typing import Any, NamedTuple

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Item, ItemScore, Unit
from ipllvm_spec.benchmarks.choices import LETTER_SUFFIX, LetterScored, lettered
from ipllvm_spec.benchmarks.scoring import grouped, values

_OPTIONS = re.compile(r"\s*\(a\)\s*(.*?)\s*\(b\)\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)
#: Name of the detail that holds a row's other label, where two are in circulation.
_OTHER = "other label"


class Relabelled(NamedTuple):
    """A row whose published label was wrong.

    Attributes:
        subject: A word of its question, by which the row is known.
        original: Its first label, as the text of an option.
        corrected: The label after the correction.
    """

    subject: str
    original: str
    corrected: str


#: By ``Index``. The authors' table has the first labels, lmms-eval's repack the corrected ones.
RELABELLED: Mapping[int, Relabelled] = MappingProxyType(
    {
        99: Relabelled("tusks", "long", "short"),
        100: Relabelled("tusks", "short", "long"),
        279: Relabelled("elderly", "standing", "sitting"),
        280: Relabelled("elderly", "sitting", "standing"),
    }
)


class Mmvp(LetterScored):
    """Scored as published: a pair counts when both of its answers are right (150 pairs).

    Two pairs were relabelled after publication. Their labels do not depend on which of the two
    tables is read: they are the corrected ones in standard mode and the original ones in paper
    mode, and the metric with the others is among the parts.
    """

    name = "mmvp"
    title = "MMVP"
    columns: Mapping[str, str] = {
        "Index": fields.INTEGER,
        "Question": fields.TEXT,
        "Options": fields.TEXT,
        "Correct Answer": fields.TEXT,
        "image": fields.IMAGE,
    }

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
        question = fields.text(row, "Question", benchmark=self.name, index=index).strip()
        listed = fields.text(row, "Options", benchmark=self.name, index=index)
        gold = fields.one_of(
            row, "Correct Answer", ("(a)", "(b)"), benchmark=self.name, index=index
        )
        match = _OPTIONS.fullmatch(listed)
        if match is None:
            raise fields.row_error(
                self.name, index, f"column 'Options' holds {listed!r}, not '(a) ... (b) ...'"
            )
        choices = (match[1], match[2])
        label, other = self._labels(number, question, choices) or (gold[1].upper(), "")
        pair = f"pair-{(number + 1) // 2}"
        return Item(
            item_id=str(number),
            unit_id=pair,
            cluster_id=pair,
            stratum="",
            prompt=f"{question}\n{lettered(choices)}\n{LETTER_SUFFIX}",
            gold=label,
            choices=choices,
            image_digest=fields.image_digest(row),
            details=((_OTHER, other),) if other else (),
        )

    def _labels(
        self, number: int, question: str, choices: tuple[str, str]
    ) -> tuple[str, str] | None:
        """Returns this mode's letter and the other mode's; None for a row that has one label."""
        known = RELABELLED.get(number)
        texts = [choice.strip(" .").casefold() for choice in choices]
        # Twins and other tables count their rows too, so the number alone does not tell.
        if known is None or known.subject not in question.casefold():
            return None
        if set(texts) != {known.original, known.corrected}:
            return None
        original, corrected = ("AB"[texts.index(text)] for text in known[1:])
        return (original, corrected) if self.mode == "paper" else (corrected, original)

    def units(self, items: Sequence[Item]) -> tuple[Unit, ...]:
        """Groups items into pairs of equal weight."""
        pairs = grouped(items)
        return tuple(
            Unit(pair, members[0].cluster_id, members, "", 1 / len(pairs))
            for pair, members in pairs.items()
        )

    def score_unit(self, unit: Unit, scores: Sequence[ItemScore]) -> float:
        """Scores 1 when both answers of the pair are right."""
        return prod(values(unit, scores))

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns accuracy per question, and pair accuracy with the other labels, on 0-100."""
        if not units:
            return {}
        asked = [
            value
            for unit, found in zip(units, scores, strict=True)
            for value in values(unit, found)
        ]
        parts = {"per question": self.scale * fsum(asked) / len(asked)}
        if any(item.detail(_OTHER) for unit in units for item in unit.items):
            right = [
                all(
                    score.parsed.value == (item.detail(_OTHER) or item.gold)
                    for item, score in zip(unit.items, found, strict=True)
                )
                for unit, found in zip(units, scores, strict=True)
            ]
            labels = "corrected" if self.mode == "paper" else "original"
            parts[f"pairs, {labels} labels"] = self.scale * sum(right) / len(right)
        return parts
