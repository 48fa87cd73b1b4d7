"""Preprocessing ahead of compute: prompt lengths for the plan, batches made ready."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

from ipllvm_spec.engine.backend import Ask, Backend, Prompt, Visual
from ipllvm_spec.engine.caches import ByteLRU
from ipllvm_spec.engine.library import Context, Library
from ipllvm_spec.engine.plan import Window
from ipllvm_spec.engine.store import Store
from ipllvm_spec.engine.synthesis import SyntheticImages
from ipllvm_spec.errors import DataError
from ipllvm_spec.spec.interventions import Identity, Intervention
from ipllvm_spec.spec.token_interventions import Layout, layout_after

#: Key of a batch's projector output.
VisualKey = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Ready:
    """Items whose images are encoded at once: a batch, or what memory allows of it.

    Attributes:
        item_ids: Its items.
        prompts: Encoded prompts; empty when ``visual`` is there.
        visual: Projector output of an earlier cell that had the same input up to there.
        key: Under which its projector output may be kept; None when it may not.
    """

    item_ids: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    visual: Visual | None
    key: VisualKey | None


@dataclass(frozen=True)
class Lengths:
    """What preprocessing found out about a window.

    Attributes:
        tokens: Intact prompt length by item id.
        left: Length of the prompts that reach the language model, without removed visual tokens.
        failures: Why an item could not be made ready, by item id.
    """

    tokens: dict[str, int]
    left: dict[str, int]
    failures: dict[str, str]


class _Size(NamedTuple):
    """What is remembered of an intact prompt."""

    length: int
    layout: Layout

    def left(self, intervention: Intervention) -> int:
        """Returns the length of the prompt under an intervention."""
        # A prompt without an image has nothing that could be removed.
        if not self.layout.tokens:
            return self.length
        return self.length - self.layout.tokens + layout_after(intervention, self.layout).tokens


class Prompts:
    """Makes prompts on the CPU, in threads of its own, and keeps the recent ones.

    Attributes:
        visuals: Projector outputs of recent batches of intact images.
        pool: Threads for preprocessing.

    Args:
        backend: For what an intervention changes.
        library: Data and encoders.
        store: Captions, and the images made of them; None where there are none.
        workers: Threads for preprocessing.
        prompt_bytes: Most bytes of encoded prompts kept.
        visual_bytes: Most bytes of projector outputs kept.
    """

    def __init__(
        self,
        backend: Backend,
        library: Library,
        *,
        workers: int,
        prompt_bytes: int,
        visual_bytes: int,
        store: Store | None = None,
    ) -> None:
        self.pool = ThreadPoolExecutor(workers, "ipllvm-prepare")
        self.visuals: ByteLRU[VisualKey, Visual] = ByteLRU(visual_bytes)
        self._backend = backend
        self._library = library
        self._synthetic = SyntheticImages(store)
        self._encoded: ByteLRU[tuple[tuple[str, ...], str], Prompt] = ByteLRU(prompt_bytes)
        self._sizes: dict[tuple[str, ...], dict[str, _Size]] = {}

    def lengths(self, context: Context, window: Window) -> Lengths:
        """Returns the lengths of a window's prompts, intact and after removal of visual tokens.

        The intact ones also for interventions on pixels: all interventions share one plan. A
        failure is not remembered, so the next request tries again.

        Raises:
            SpecError: When an intervention keeps a group that the visual tokens do not have.
        """
        known = self._sizes.setdefault(context.prompts_key, {})
        new = [item_id for item_id in window.item_ids if item_id not in known]
        failures: dict[str, str] = {}
        for item_id, prompt in zip(
            new, self.pool.map(lambda item: self._intact(context, item), new), strict=True
        ):
            if isinstance(prompt, Prompt):
                known[item_id] = _Size(prompt.length, prompt.layout)
            else:
                failures[item_id] = prompt
        sizes = {item: known[item] for item in window.item_ids if item in known}
        tokens = {item: size.length for item, size in sizes.items()}
        left = {item: size.left(context.ask.intervention) for item, size in sizes.items()}
        return Lengths(tokens, left, failures)

    def ready(self, context: Context, item_ids: tuple[str, ...]) -> Ready:
        """Makes items that are encoded together ready, or finds their projector output."""
        if context.pixels:
            encoded = tuple(self._encode(context, item_id, context.ask) for item_id in item_ids)
            return Ready(item_ids, encoded, visual=None, key=None)
        # All its items belong to the key: the same item in another batch may differ in the
        # last bits, and a reused output must equal the computed one.
        key = (context.model.weights, context.prompts_key, item_ids)
        visual = self.visuals.get(key)
        if visual is not None:
            return Ready(item_ids, (), visual, key)
        prompts = [self._intact(context, item_id) for item_id in item_ids]
        broken = [prompt for prompt in prompts if isinstance(prompt, str)]
        if broken:
            raise DataError(f"an image was readable before and is not any more: {broken[0]}")
        return Ready(item_ids, tuple(p for p in prompts if isinstance(p, Prompt)), None, key)

    def mean_length(self, context: Context, item_ids: Sequence[str]) -> float:
        """Returns the mean length of the prompts of some items in a cell, for estimates."""
        made = [self._intact(context, item_id) for item_id in item_ids]
        sizes = [_Size(each.length, each.layout) for each in made if isinstance(each, Prompt)]
        lengths = [size.left(context.ask.intervention) for size in sizes]
        return sum(lengths) / len(lengths) if lengths else 0.0

    def _intact(self, context: Context, item_id: str) -> Prompt | str:
        """Returns the intact prompt of an item, or why its image cannot be decoded."""
        key = (context.prompts_key, item_id)
        prompt = self._encoded.get(key)
        if prompt is None:
            ask = replace(context.ask, intervention=Identity(), repeat=0)
            try:
                prompt = self._encode(context, item_id, ask)
            except DataError as error:
                return error.problem
            self._encoded.put(key, prompt, size=prompt.nbytes)
        return prompt

    def _encode(self, context: Context, item_id: str, ask: Ask) -> Prompt:
        item = context.course.items[item_id]
        data = context.course.data
        image = data.image(item_id) if item.image_digest else None
        encoder = self._library.encoder(context.model)
        synthetic = None
        if ask.intervention.needs_synthetic and context.synthesis is not None:
            synthetic = self._synthetic.images(context.synthesis)
        # An intact prompt of a cell that looks for salient patches needs no look.
        looked = context.saliency if ask.intervention.needs_saliency else None
        saliency = self._library.saliency(looked)
        return encoder.encode(
            item, image, ask, other=data.other_image, saliency=saliency, synthetic=synthetic
        )
