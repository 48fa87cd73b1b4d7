"""What a benchmark is: items that are asked, units that are scored, one published metric.

Nothing here holds an image or imports a heavy package: pytest workers score with these classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

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
        row: 0-based row of the data set; -1 where items and rows correspond one to one.
        groups: Parts of the benchmark that this item counts for beside its stratum, for example
            the capabilities of an MM-Vet question.
        details: What else the scorer needs, as (name, value) pairs of text.
    """

    item_id: str
    unit_id: str
    cluster_id: str
    stratum: str
    prompt: str
    gold: str
    choices: tuple[str, ...] = ()
    image_digest: str = ""
    row: int = -1
    groups: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()

    def detail(self, name: str) -> str:
        """Returns a detail, "" when there is none of that name."""
        return dict(self.details).get(name, "")

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the item."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Item:
        """Rebuilds an item from ``to_json``."""
        lists = {
            "choices": tuple(data["choices"]),
            "groups": tuple(data["groups"]),
            "details": tuple((name, value) for name, value in data["details"]),
        }
        return cls(**{**data, **lists})


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
    """Score of one answer, with how it was read.

    Attributes:
        value: In [0, 1]; 0 when ``excluded``.
        parsed: What the parser, or the reader of the judge's reply, made of it.
        source: ``rule``, ``judge``, or ``proxy``: a rule in place of the judge that the
            published metric demands, never comparable with it.
        excluded: The judge's reply could not be read: neither right nor wrong, counted apart.
        details: Numbers that a published aggregate needs beside the value, as (name, value)
            pairs; LLaVA-W's rating of the reference answer.
    """

    value: float
    parsed: Parsed
    source: Literal["rule", "judge", "proxy"] = "rule"
    excluded: bool = False
    details: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Decoding:
    """Generation settings, part of the cell's key. Greedy always.

    Attributes:
        max_new_tokens: Most new tokens.
        stop: Texts at which an answer ends; they are cut off.
        options: When not empty nothing is generated: the answer is the option of the largest
            mean log-probability per token (closed-set likelihood).
        chat: Whether the prompt is wrapped in the checkpoint's chat template; False feeds it as
            it is, after the beginning-of-sequence token.
    """

    max_new_tokens: int
    stop: tuple[str, ...] = field(default=())
    options: tuple[str, ...] = field(default=())
    chat: bool = True


@dataclass(frozen=True)
class Classes:
    """What a vision encoder may take an image for.

    Attributes:
        names: Class names in the order of the labels; some sets name two classes alike.
        templates: Texts with one ``{}`` for the name, for encoders that compare images with text.
    """

    names: tuple[str, ...]
    templates: tuple[str, ...]


@dataclass(frozen=True)
class JudgeCall:
    """A question to a judge model.

    Attributes:
        rubric: Name and version of the rules that the judge follows, for example ``mmvet-1``.
        messages: Chat messages as (role, content) pairs.
        question: Identifies the item for the cache: everything in the messages but the answer.
        answer: The model's answer, normalised (NFKC, stripped).
        max_tokens: Most tokens of the reply.
        reads: Whether a reply can be used, as a name in ``judging.READERS``; a reply that cannot
            is asked for again.
    """

    rubric: str
    messages: tuple[tuple[str, str], ...]
    question: str
    answer: str
    max_tokens: int
    reads: str = "any"


#: Whether scoring needs a judge model: never, where a rule gives up, or for every answer.
JudgeUse = Literal["no", "optional", "required"]


class DataSet(Protocol):
    """Rows of a known layout, made into items."""

    name: str
    title: str
    #: Required columns of the data set and what each must hold, for error messages.
    columns: Mapping[str, str]
    #: The column that holds the image; None for text alone.
    image_column: str | None

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes items of the rows, in the same order; rows that are not asked about are left out.

        Args:
            rows: The columns of the data set without the image; the loader adds the digest of the
                image under ``IMAGE_DIGEST``.

        Raises:
            DataError: For a row whose fields contradict the published schema, or rows that do not
                form whole units.
        """
        ...


class Benchmark(DataSet, Protocol):
    """One benchmark in one protocol mode. Stateless; knows columns, prompt, parser, metric."""

    mode: str
    #: Protocol modes on offer; the first is the community's, ``standard``.
    modes: tuple[str, ...]
    #: The published metric is ``scale * sum_u weight_u * score_u``; 100 or 2800.
    scale: float
    decoding: Decoding
    #: Whether a judge model scores the answers, in this mode.
    judge: JudgeUse

    def units(self, items: Sequence[Item]) -> tuple[Unit, ...]:
        """Groups items into units with weights that sum to 1, in the benchmark's own order."""
        ...

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores one raw answer by rule. Pure; never raises for any text.

        Where ``judge`` is ``required`` this is the proxy, and its source says so.
        """
        ...

    def judge_call(self, item: Item, text: str) -> JudgeCall | None:
        """What to ask the judge about an answer; None when a rule decides it."""
        ...

    def score_reply(self, item: Item, text: str, reply: str) -> ItemScore:
        """Scores an answer by the judge's reply. Pure; never raises for any reply."""
        ...

    def score_unit(self, unit: Unit, scores: Sequence[ItemScore]) -> float:
        """Combines the item scores of a unit into its score in [0, 1]."""
        ...

    def chance(self, units: Sequence[Unit]) -> float:
        """Expected published metric (on ``scale``) of guessing independently of the image."""
        ...

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Published aggregates beside the metric, by name, each on its own published scale.

        Args:
            units: The units that were measured.
            scores: The item scores of each of them.
        """
        ...


@runtime_checkable
class Classifying(Protocol):
    """A benchmark that asks nothing but which of some classes an image shows."""

    def classes(self, items: Sequence[Item]) -> Classes:
        """Returns the classes of all items; the name of the right one is each item's ``gold``."""
        ...
