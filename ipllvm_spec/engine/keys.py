"""Content keys: the same question to the same weights has the same key on every machine.

What is keyed decides what is shared and what goes stale. Whatever can change an answer is in the
key; batch size, device name, run and host are recorded beside the answer instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ipllvm_spec.benchmarks.base import Classes, Decoding, Item, JudgeCall
from ipllvm_spec.engine.cells import Cell

#: Raised when the meaning of a stored row changes; old rows then stop being hits.
SCHEMA = 1
#: How prompts of unequal length share a batch.
PADDING = "left"


@dataclass(frozen=True)
class ModelId:
    """What is known of a checkpoint without loading its weights.

    Attributes:
        ref: The name or path the user gave; recorded, never keyed.
        digest: Commit or content digest of the weights.
        processor_digest: Digest over tokenizer, chat template and image processor.
        dtype: The dtype of the computation.
        variant: Broken variants derived at load time, in order.
        attention: Attention implementation.
        weight_bytes: Size in memory.
    """

    ref: str
    digest: str
    processor_digest: str
    dtype: str
    variant: tuple[str, ...] = ()
    attention: str = "sdpa"
    weight_bytes: int = 0

    @property
    def weights(self) -> tuple[str, ...]:
        """What tells two sets of weights in memory apart, whatever they were called."""
        return (self.digest, self.processor_digest, self.dtype, *self.variant)


@dataclass(frozen=True)
class DataId:
    """What is known of a benchmark's data.

    Attributes:
        name: Benchmark name.
        mode: Protocol mode.
        content_digest: Digest over the rows, images included.
        revision: Commit or version of the source.
        split: Split of the data set; "" where there is one only.
    """

    name: str
    mode: str
    content_digest: str
    revision: str
    split: str = ""


def canonical(data: object) -> str:
    """Returns the one JSON text of plain data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(data: object) -> str:
    """Returns the sha256 over the canonical JSON of plain data, as 64 hex digits."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def prompt_digest(items: Iterable[Item]) -> str:
    """Returns a digest over all questions of a benchmark as they are put to the model."""
    return digest(sorted((item.item_id, item.prompt) for item in items))


def describe_cell(
    cell: Cell,
    *,
    model: ModelId,
    data: DataId,
    prompts: str,
    decoding: Decoding,
    engine: str,
    classes: Classes | None = None,
    saliency: ModelId | None = None,
    synthetic: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns everything that decides the answers of a cell, as plain data.

    Args:
        cell: What was asked for.
        model: Identity of the weights.
        data: Identity of the benchmark's data.
        prompts: ``prompt_digest`` of the benchmark; "" where nothing is asked in words.
        decoding: Generation settings.
        engine: Engine and version, for example ``transformers-5.23``.
        classes: What an encoder reads out of an image; None for a model that answers.
        saliency: The model whose attention chooses what is changed; None where none does.
        synthetic: What decides the synthetic images; None where none are shown.
    """
    # Without a step nothing is drawn, so all seeds and repeats share the intact answers.
    drawn = [cell.suite_seed, cell.repeat] if cell.intervention.steps() else None
    described = {
        "schema": SCHEMA,
        "model": {
            "digest": model.digest,
            "processor": model.processor_digest,
            "dtype": model.dtype,
            "variant": list(model.variant),
        },
        "benchmark": {
            "name": data.name,
            "mode": data.mode,
            "content": data.content_digest,
            "revision": data.revision,
            "split": data.split,
        },
        "prompts": prompts,
        "intervention": cell.intervention.keyed(),
        "seed": drawn,
        "generation": _generation(decoding),
        "engine": {"name": engine, "attention": model.attention, "padding": PADDING},
    }
    # Named only where they are used, so that answers stored before they existed stay hits.
    if classes is not None:
        described["classes"] = digest([classes.names, classes.templates])
    if saliency is not None:
        described["saliency"] = list(saliency.weights)
    if synthetic is not None:
        described["synthetic"] = dict(synthetic)
    if cell.asked != "question":
        described["asked"] = cell.asked
    return described


def _generation(decoding: Decoding) -> dict[str, Any]:
    described: dict[str, Any] = {
        "max_new_tokens": decoding.max_new_tokens,
        "stop": list(decoding.stop),
        "greedy": True,
    }
    # Named only where they are used, so that answers stored before they existed stay hits.
    if decoding.options:
        described["options"] = list(decoding.options)
    if not decoding.chat:
        described["chat"] = False
    return described


def cell_key(description: Mapping[str, Any]) -> str:
    """Returns the key of a cell from ``describe_cell``."""
    return digest(description)


def content_digest(item: Item) -> str:
    """Returns a digest over what the model sees of one item."""
    return digest([item.prompt, item.image_digest])


def item_key(cell: str, item_id: str, content: str) -> str:
    """Returns the primary key of one answer.

    Args:
        cell: ``cell_key``.
        item_id: The item.
        content: ``content_digest`` of the item.
    """
    return digest([cell, item_id, content])


def judge_key(judge: str, call: JudgeCall) -> str:
    """Returns the key of a judge's reply: who was asked what, by which rules, about which answer.

    Neither the address nor the run is in it: the same model served elsewhere is the same judge.

    Args:
        judge: Name of the judge model.
        call: What is asked.
    """
    return reply_key(judge, rubric=call.rubric, question=call.question, answer=call.answer)


def reply_key(judge: str, *, rubric: str, question: str, answer: str) -> str:
    """Returns the key of a judge's reply from its parts, as a stored reply has them."""
    return digest(["judge", SCHEMA, judge, rubric, question, answer])
