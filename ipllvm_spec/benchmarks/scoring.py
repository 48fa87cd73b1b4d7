"""What benchmarks share: units of one question, means, parts, and scoring without a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Any

from ipllvm_spec.benchmarks.base import Item, ItemScore, JudgeCall, JudgeUse, Unit


def values(unit: Unit, scores: Sequence[ItemScore]) -> tuple[float, ...]:
    """Returns the item scores of a unit.

    Raises:
        ValueError: When there is not exactly one score for each item.
    """
    return tuple(score.value for _, score in zip(unit.items, scores, strict=True))


class RuleScored:
    """What benchmarks share that no judge scores."""

    name: str
    scale: float
    modes: tuple[str, ...] = ("standard",)
    judge: JudgeUse = "no"
    image_column: str | None = "image"

    def __init__(self, mode: str = "standard") -> None:
        self.mode = mode

    def judge_call(self, item: Item, text: str) -> JudgeCall | None:  # noqa: ARG002
        """Returns None: a rule decides every answer."""
        return None

    def score_reply(self, item: Item, text: str, reply: str) -> ItemScore:
        """Never called, since nothing is asked."""
        raise NotImplementedError(f"{self.name} asks no judge about {item.item_id}: {text}{reply}")

    def score_unit(self, unit: Unit, scores: Sequence[ItemScore]) -> float:
        """Combines the item scores of a unit into its score in [0, 1]."""
        raise NotImplementedError

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns the mean score of every stratum and group that has a name, on 0-100."""
        return mean_by_part(
            units, [self.score_unit(unit, found) for unit, found in zip(units, scores, strict=True)]
        )


class PerQuestion(RuleScored):
    """What benchmarks share whose metric is the plain mean over their questions.

    Every question is a unit of equal weight; the questions about one image are a cluster.
    """

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes one item from each row that the benchmark asks about."""
        made = ((index, self.item(row, index)) for index, row in enumerate(rows))
        return tuple(replace(item, row=index) for index, item in made if item is not None)

    def item(self, row: Mapping[str, Any], index: int) -> Item | None:
        """Makes the item of one row; None for a row that is not part of the benchmark."""
        raise NotImplementedError

    def units(self, items: Sequence[Item]) -> tuple[Unit, ...]:
        """Makes every item a unit."""
        share = 1 / max(1, len(items))
        return tuple(Unit(i.unit_id, i.cluster_id, (i,), i.stratum, share) for i in items)

    def score_unit(self, unit: Unit, scores: Sequence[ItemScore]) -> float:
        """Returns the score of the unit's only answer."""
        return values(unit, scores)[0]


def grouped(items: Sequence[Item]) -> dict[str, tuple[Item, ...]]:
    """Groups items by ``unit_id``; groups in order of first appearance, items in given order."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.unit_id, []).append(item)
    return {unit_id: tuple(members) for unit_id, members in groups.items()}


def mean_by_part(units: Sequence[Unit], scores: Sequence[float]) -> dict[str, float]:
    """Returns 100 times the plain mean score of each stratum and group, in order of appearance."""
    found: dict[str, list[float]] = {}
    for unit, score in zip(units, scores, strict=True):
        groups = (group for item in unit.items for group in item.groups)
        for name in dict.fromkeys((unit.stratum, *groups)):
            if name:
                found.setdefault(name, []).append(score)
    return {name: 100.0 * fsum(values) / len(values) for name, values in found.items()}
