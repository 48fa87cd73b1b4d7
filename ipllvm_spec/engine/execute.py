"""Real models and data behind the engine. Only this file and what it imports need torch."""

from __future__ import annotations

import gc
import importlib.metadata
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from PIL.Image import Image

from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.backend import (
    Ask,
    BackendOptions,
    Dataset,
    Encoder,
    LoadedModel,
    Prompt,
    Reply,
    Visual,
)
from ipllvm_spec.engine.changes import changed_image, demand_change, draw_of
from ipllvm_spec.engine.classify import Classifier, ImageEncoder
from ipllvm_spec.engine.devices import inspect_device, make_repeatable, out_of_memory
from ipllvm_spec.engine.keys import DataId, ModelId
from ipllvm_spec.errors import InertInterventionError, ModelError
from ipllvm_spec.interventions.aids import Aids, Saliency
from ipllvm_spec.interventions.apply import apply_tokens, split
from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.mini.rendering import Renderer
from ipllvm_spec.models import registry
from ipllvm_spec.models.base import Adapter, Encoded
from ipllvm_spec.models.encoders import load_checkpoint
from ipllvm_spec.models.generators import ImageGenerator
from ipllvm_spec.models.sdxl import SdxlLightning
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.spec.lock import LockFile
from ipllvm_spec.spec.token_interventions import Layout

#: The attention implementation that every model is loaded with; part of every key.
ATTENTION = "sdpa"


class TorchBackend:
    """Models through transformers, on one device; see ``backend.Backend``.

    Raises:
        UsageError: When the device does not exist.
    """

    def __init__(self, options: BackendOptions) -> None:
        version = importlib.metadata.version("transformers").split(".")
        self.name = f"transformers-{version[0]}.{version[1]}"
        self.device = options.device
        self.device_name, self.memory = inspect_device(options.device)
        self._lock_file = LockFile.load(Path(options.lock) if options.lock else None)
        # transformers imports its parts lazily, which is not safe from several threads at once.
        self._importing = threading.Lock()
        self._checkpoints: dict[tuple[str, ...], registry.Checkpoint] = {}
        # A GPU is busy with one batch; on a CPU a batch has one core.
        self.lanes = options.cores if self.device_name == "cpu" else 1
        make_repeatable()

    def resolve(self, ref: str) -> ModelId:
        """Identifies a checkpoint without loading it."""
        kind = "cpu" if self.device_name == "cpu" else "cuda"
        checkpoint = registry.resolve(ref, lock=self._lock_file, device=kind)
        identity = checkpoint.identity
        model = ModelId(
            ref=ref,
            digest=identity.digest,
            processor_digest=identity.processor_digest,
            dtype=identity.dtype,
            variant=identity.variant,
            attention=ATTENTION,
            weight_bytes=checkpoint.bytes,
        )
        self._checkpoints[model.weights] = checkpoint
        return model

    def capabilities(self, model: ModelId) -> frozenset[str]:
        """Returns the sites at which interventions can enter."""
        with self._importing:
            return registry.capabilities(self._checkpoints[model.weights])

    def dataset(self, benchmark: str, *, source: str, mode: str) -> Dataset:
        """Loads a benchmark's items."""
        asked = get_benchmark(benchmark, mode)
        loaded = load_items(asked, source, lock=self._lock_file)
        identity = DataId(benchmark, mode, loaded.content_digest, loaded.revision)
        return Dataset(
            asked,
            identity,
            loaded.items,
            loaded.image,
            undecodable=len(loaded.undecodable),
            excluded_units=len(loaded.excluded_units),
        )

    def changes_pixels(self, intervention: Intervention) -> bool:
        """Whether the projector output differs from the intact one."""
        return bool(split(intervention).pixels)

    def encoder(self, model: ModelId) -> Encoder:
        """Builds the preprocessing of a checkpoint."""
        with self._importing:
            checkpoint = self._checkpoints[model.weights]
            if "answers" not in registry.capabilities(checkpoint):
                return ImageEncoder()
            return TorchEncoder(registry.prompt_encoder(checkpoint))

    def saliency(self, model: ModelId) -> Saliency:
        """Loads a model for its attention alone."""
        with self._importing:
            loaded = load_checkpoint(
                self._checkpoints[model.weights], device=self._place(), attention="eager"
            )
        return loaded.attention_heads

    def generator(self, name: str) -> ImageGenerator:
        """Returns a generator of synthetic images."""
        if name == "renderer":
            return Renderer()
        return SdxlLightning(self._lock_file, device=self._place())

    def load(self, model: ModelId) -> LoadedModel:
        """Loads a checkpoint's weights."""
        with self._importing:
            checkpoint = self._checkpoints[model.weights]
            if "answers" not in registry.capabilities(checkpoint):
                return Classifier(load_checkpoint(checkpoint, device=self._place()))
            adapter = cast("Adapter", registry.load(checkpoint, self.device, attention=ATTENTION))
        if adapter.attention != model.attention:
            raise ModelError(
                f"'{model.ref}' runs with {adapter.attention} attention, not {model.attention}",
                "use a version of transformers whose class of this model supports it",
            )
        return TorchModel(adapter)

    def _place(self) -> str:
        """Where an encoder goes, which is never spread."""
        if self.device_name == "cpu":
            return "cpu"
        return "cuda" if self.device == "auto" else self.device

    def release(self) -> None:
        """Gives memory of dropped models and tensors back to the device."""
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class TorchEncoder:
    """Preprocessing of one checkpoint; see ``backend.Encoder``."""

    def __init__(self, prompts: Any) -> None:
        self._prompts = prompts

    def encode(
        self,
        item: Item,
        image: Image | None,
        ask: Ask,
        *,
        other: Callable[[str, int], Image] | None = None,
        saliency: Saliency | None = None,
        synthetic: Callable[[str], Image] | None = None,
    ) -> Prompt:
        """Applies the interventions on pixels and makes the prompt."""
        shown, inert = changed_image(item.item_id, image, ask, Aids(saliency, other, synthetic))
        encoded: Encoded = self._prompts.encode(item.prompt, shown, chat=ask.decoding.chat)
        tensors = [encoded.input_ids, *encoded.pixels.values()]
        return Prompt(
            item_id=item.item_id,
            encoded=encoded,
            length=encoded.input_ids.numel(),
            nbytes=sum(tensor.nbytes for tensor in tensors),
            layout=Layout(encoded.n_visual, encoded.grid),
            inert=inert,
        )


class TorchModel:
    """One adapter; see ``backend.LoadedModel``."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    def visual(self, prompts: Sequence[Prompt]) -> Visual:
        """Runs tower and projector for the prompts that have an image."""
        seeing = [prompt.encoded for prompt in prompts if prompt.encoded.n_visual]
        with out_of_memory():
            made = iter(self._adapter.visual_tokens(seeing))
        tokens = tuple(next(made) if prompt.encoded.n_visual else None for prompt in prompts)
        light = tuple(replace(p, encoded=replace(p.encoded, pixels={})) for p in prompts)
        size = sum(visual.nbytes for visual in tokens if visual is not None)
        return Visual(light, tokens, nbytes=size)

    def answer(self, visual: Visual, ask: Ask) -> list[Reply]:
        """Applies the interventions on visual tokens and generates."""
        with out_of_memory():
            changed = _change(visual, ask)
            encoded = [prompt.encoded for prompt in visual.prompts]
            answers = self._adapter.generate(encoded, changed, ask.decoding)
        return [Reply(answer.text, answer.n_tokens, answer.margin) for answer in answers]


def _change(visual: Visual, ask: Ask) -> list[VisualTokens | None]:
    """Applies the steps on visual tokens.

    Raises:
        InertInterventionError: When no item was changed.
    """
    parts = split(ask.intervention)
    result: list[VisualTokens | None] = []
    inert = [prompt.inert for prompt in visual.prompts if prompt.inert]
    for prompt, tokens in zip(visual.prompts, visual.tokens, strict=True):
        changed = tokens
        if tokens is not None and parts.tokens and not prompt.inert:
            try:
                changed = apply_tokens(parts.tokens, tokens, draw=draw_of(ask, prompt.item_id))
            except InertInterventionError as error:
                inert.append(error.problem)
        result.append(changed)
    demand_change(ask, inert, seeing=sum(tokens is not None for tokens in visual.tokens))
    return result
