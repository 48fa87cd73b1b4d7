"""What a benchmark is: items that are asked, units that are scored, one published metric.

Nothing here holds an image or imports a heavy package: pytest workers score with these classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

#: Key under which the loader hands the digest of a row's image to ``Benchmark.items``.
IMAGE_DIGEST = "image_digest"


@dataclass(frozen=True)
class Item:
    """One question about one image.

    Attributes:
        item_id: Unique within the benchmark, stable over revisions.
        unit_id: The unit that this item belongs to (question, MME image, MMVP pair).
        cluster_id: Units that share an image or source; resampled together.
        stratum: Subtask or category, for the aggregate; "" where there is none.
        prompt: The text sent to the model, without the image token or a chat wrapper.
        gold: The right answer as the data give it, a letter for multiple choice.
        choices: Option texts in order of their letters; empty for free-form answers.
        image_digest: sha256 over the decoded pixels and size; "" when the row has no image.
    """

    item_id: str
    unit_id: str
    cluster_id: str
    stratum: str
    prompt: str
    gold: str
    choices: tuple[str, ...] = ()
    image_digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the item."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Item:
        """Rebuilds an item from ``to_json``."""
        return cls(**{**data, "choices": tuple(data["choices"])})


@dataclass(frozen=True)
class Unit:
    """What is scored and resampled: one or more items.

    Attributes:
        unit_id: Unique within the benchmark.
        cluster_id: Units with the same cluster are dependent.
        items: The items in the benchmark's own order.
        stratum: Subtask of the aggregate.
        weight: Share of the published metric; the weights of a benchmark sum to 1.
    """

    unit_id: str
    cluster_id: str
    items: tuple[Item, ...]
    stratum: str
    weight: float


@dataclass(frozen=True)
class Parsed:
    """What the parser made of an answer.

    Attributes:
        value: The extracted answer (letter, "yes"/"no", text), or None when nothing parsed.
        rule: The name of the rule that extracted it; "unparsed" when none did.
    """

    value: str | None
    rule: str


@dataclass(frozen=True)
class ItemScore:
    """Score of one answer: ``value`` in [0, 1], with how it was read."""

    value: float
    parsed: Parsed


@dataclass(frozen=True)
class Decoding:
    """Generation settings, part of the cell's key. Greedy always."""

    max_new_tokens: int
    stop: tuple[str, ...] = field(default=())


class Benchmark(Protocol):
    """One benchmark in one protocol mode. Stateless; knows columns, prompt, parser, metric."""

    name: str
    mode: str
    title: str
    #: The published metric is ``scale * sum_u weight_u * score_u``; 100 or 2800.
    scale: float
    decoding: Decoding
    #: Required columns of the data set and what each must hold, for error messages.
    columns: Mapping[str, str]

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes one item from each row, in the same order.

        Args:
            rows: The columns of the data set without the image; the loader adds the digest of the
                image under ``IMAGE_DIGEST``.

        Raises:
            DataError: For a row whose fields contradict the published schema, or rows that do not
                form whole units.
        """
        ...

    def units(self, items: Sequence[Item]) -> tuple[Unit, ...]:
        """Groups items into units with weights that sum to 1, in the benchmark's own order."""
        ...

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores one raw answer. Pure; never raises for any text."""
        ...

    def score_unit(self, unit: Unit, scores: Sequence[ItemScore]) -> float:
        """Combines the item scores of a unit into its score in [0, 1]."""
        ...

    def chance(self, units: Sequence[Unit]) -> float:
        """Expected published metric (on ``scale``) of guessing independently of the image."""
        ...


def values(unit: Unit, scores: Sequence[ItemScore]) -> tuple[float, ...]:
    """Returns the item scores of a unit.

    Raises:
        ValueError: When there is not exactly one score for each item.
    """
    return tuple(score.value for _, score in zip(unit.items, scores, strict=True))


class PerQuestion:
    """What benchmarks share whose metric is the plain mean over their questions.

    Every question is a unit of equal weight; the questions about one image are a cluster.
    """

    def __init__(self, mode: str = "standard") -> None:
        self.mode = mode

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes one item from each row."""
        return tuple(self.item(row, index) for index, row in enumerate(rows))

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes the item of one row."""
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
