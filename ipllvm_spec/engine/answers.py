"""What an engine tells besides rows: descriptions, statistics, plans. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from ipllvm_spec.benchmarks.base import Item, JudgeCall


@dataclass(frozen=True)
class Description:
    """A benchmark's items and the order in which its units are measured.

    Attributes:
        benchmark: Benchmark name.
        source: ``twin``, ``published`` or a path.
        mode: Protocol mode.
        items: All items in the benchmark's own order.
        order: Unit ids in the seeded order; ``measure`` counts in these.
        content_digest: Digest over the rows.
        revision: Commit or version of the source.
        undecodable: Rows whose image cannot be decoded.
        excluded_units: Units that are left out because of them.
    """

    benchmark: str
    source: str
    mode: str
    items: tuple[Item, ...]
    order: tuple[str, ...]
    content_digest: str
    revision: str
    undecodable: int = 0
    excluded_units: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the description."""
        # Field names are left out on the wire, and a prompt that many items share goes once: a
        # classification asks every image the same question with hundreds of class names.
        prompts = {item.prompt: None for item in self.items}
        places = {prompt: place for place, prompt in enumerate(prompts)}
        fields_of = [{**asdict(item), "prompt": places[item.prompt]} for item in self.items]
        items = [list(values.values()) for values in fields_of]
        return {**vars(self), "prompts": list(prompts), "items": items}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Description:
        """Rebuilds a description from ``to_json``."""
        names = [part.name for part in fields(Item)]
        given = {name: value for name, value in data.items() if name != "prompts"}
        rows = [dict(zip(names, values, strict=True)) for values in data["items"]]
        items = tuple(
            Item.from_json({**row, "prompt": data["prompts"][row["prompt"]]}) for row in rows
        )
        return cls(**{**given, "items": items, "order": tuple(data["order"])})


class Judgement(NamedTuple):
    """A judge's reply to one call.

    Attributes:
        text: What it said last.
        usable: Whether that can be used; a reply that cannot, after all tries, never will.
    """

    text: str
    usable: bool


def pack_call(call: JudgeCall) -> dict[str, Any]:
    """Returns a call as JSON data."""
    return asdict(call)


def unpack_call(data: Mapping[str, Any]) -> JudgeCall:
    """Rebuilds a call from ``pack_call``."""
    messages = tuple((role, content) for role, content in data["messages"])
    return JudgeCall(**{**data, "messages": messages})


#: Counters that an engine takes over from its predecessor when it was restarted.
KEPT_COUNTERS = (
    "model_calls",
    "prompts",
    "generated_tokens",
    "batches",
    "hits",
    "misses",
    "errors",
    "reused",
    "oom_splits",
    "compute_seconds",
    "judge_calls",
    "judge_hits",
    "judge_unreadable",
    "judge_prompt_tokens",
    "judge_reply_tokens",
)


@dataclass
class EngineStats:
    """Counters of one engine since the run began, restarts included.

    After a restart ``hits`` and ``misses`` may lack the last rows before the death.

    Attributes:
        rank: Its place in the group.
        pid: Its process id; another one after a restart.
        device: Full name of its device.
        model_calls: Forward calls of tower and projector, and generations.
        prompts: Prompts that went through the language model.
        generated_tokens: New tokens.
        batches: Batches computed and stored.
        hits: Rows asked for and found in the store, or shared with a simultaneous request.
        misses: Rows asked for and computed.
        errors: Rows that could not be asked (undecodable image).
        reused: Batches whose projector output was reused.
        oom_splits: Times a batch was cut smaller because memory ran out.
        models: Models in memory now.
        loads: Times a model was loaded.
        current: Cell in computation, as ``model | benchmark | intervention``; "" when idle.
        compute_seconds: Time spent in computing batches.
        judge_calls: Answers about which a judge was asked.
        judge_hits: Answers about which its reply was stored, or under way for somebody else.
        judge_unreadable: Replies among the asked ones that could not be used after all tries.
        judge_prompt_tokens: Tokens sent to the judge, as its server counts them.
        judge_reply_tokens: Tokens received from it.
    """

    rank: int = 0
    pid: int = 0
    device: str = ""
    model_calls: int = 0
    prompts: int = 0
    generated_tokens: int = 0
    batches: int = 0
    hits: int = 0
    misses: int = 0
    errors: int = 0
    reused: int = 0
    oom_splits: int = 0
    models: tuple[str, ...] = ()
    loads: int = 0
    current: str = ""
    compute_seconds: float = 0.0
    judge_calls: int = 0
    judge_hits: int = 0
    judge_unreadable: int = 0
    judge_prompt_tokens: int = 0
    judge_reply_tokens: int = 0

    @property
    def done(self) -> int:
        """Rows delivered so far."""
        return self.hits + self.misses + self.errors


@dataclass(frozen=True)
class Stats:
    """Counters of all engines; attributes that are not here are in ``engines``."""

    engines: tuple[EngineStats, ...]

    @property
    def model_calls(self) -> int:
        """Forward calls and generations of all engines."""
        return sum(engine.model_calls for engine in self.engines)

    @property
    def prompts(self) -> int:
        """Prompts that went through a language model."""
        return sum(engine.prompts for engine in self.engines)

    @property
    def generated_tokens(self) -> int:
        """New tokens of all engines."""
        return sum(engine.generated_tokens for engine in self.engines)

    @property
    def hits(self) -> int:
        """Rows that cost nothing."""
        return sum(engine.hits for engine in self.engines)

    @property
    def misses(self) -> int:
        """Rows that were computed."""
        return sum(engine.misses for engine in self.engines)

    def total(self, name: str) -> int:
        """Returns the sum of one counter over all engines."""
        return sum(getattr(engine, name) for engine in self.engines)

    @property
    def done(self) -> int:
        """Rows delivered so far."""
        return sum(engine.done for engine in self.engines)


@dataclass(frozen=True)
class PlanLine:
    """What one cell would cost.

    Attributes:
        cell: The cell as ``Cell.to_json`` gives it.
        units: Units that would be measured.
        prompts: Items in them.
        hits: Items whose answer is stored.
        tokens: Prompt tokens still to process.
        seconds: Estimated compute time on one engine.
        guess: Whether speed or prompt length are guessed for lack of an earlier measurement.
        judge_calls: Answers that a judge would have to score; an upper bound where a rule may
            decide some of them.
        judge_hits: Those of them whose reply is stored.
        judge_prompt_tokens: Estimated tokens still to send to the judge.
        judge_reply_tokens: Most tokens still to receive from it.
    """

    cell: dict[str, Any]
    units: int
    prompts: int
    hits: int
    tokens: int
    seconds: float
    guess: bool
    judge_calls: int = 0
    judge_hits: int = 0
    judge_prompt_tokens: int = 0
    judge_reply_tokens: int = 0


@dataclass(frozen=True)
class PlanReport:
    """What a run would cost, found out without loading a model.

    Attributes:
        lines: One per cell, in the order asked.
        engines: Engines that share the work.
    """

    lines: tuple[PlanLine, ...]
    engines: int

    @property
    def prompts(self) -> int:
        """Items of all cells."""
        return sum(line.prompts for line in self.lines)

    @property
    def hits(self) -> int:
        """Items whose answer is stored."""
        return sum(line.hits for line in self.lines)

    @property
    def tokens(self) -> int:
        """Prompt tokens still to process."""
        return sum(line.tokens for line in self.lines)

    @property
    def seconds(self) -> float:
        """Estimated wall time with all engines at work."""
        return sum(line.seconds for line in self.lines) / max(1, self.engines)

    @property
    def guess(self) -> bool:
        """Whether any line with work left to do is a guess."""
        return any(line.guess for line in self.lines if line.hits < line.prompts)
