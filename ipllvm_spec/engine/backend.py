"""What the engine needs of models and data, free of torch.

``engine.execute`` is the one implementation with real models; tests put small ones in its place,
and another way of running models (a remote server, for example) would be one more.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ipllvm_spec.benchmarks.base import Benchmark, Classes, Decoding, Item
from ipllvm_spec.engine.keys import DataId, ModelId
from ipllvm_spec.errors import DataError, EngineError
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.spec.token_interventions import Layout

if TYPE_CHECKING:
    from ipllvm_spec.interventions.aids import Saliency
    from ipllvm_spec.models.generators import ImageGenerator

#: The backend of every normal run, as ``module:class``.
DEFAULT_BACKEND = "ipllvm_spec.engine.execute:TorchBackend"


_NO_IMAGE = Layout(0, None)


class OutOfDeviceMemoryError(Exception):
    """A batch did not fit; the engine makes it smaller and tries again."""


@dataclass(frozen=True)
class BackendOptions:
    """How a backend is set up.

    Attributes:
        device: Device as the user wrote it, for example ``cpu`` or ``cuda:1``.
        cores: CPU cores to use. How many batches run at once depends on it, what they give never.
        lock: Path of the user's lock file; "" for none.
    """

    device: str
    cores: int
    lock: str = ""


@dataclass(frozen=True)
class Ask:
    """What is done to prompts and how they are answered.

    Attributes:
        intervention: What is changed.
        repeat: 0-based repeat.
        suite_seed: Root of all seeds.
        decoding: Generation settings.
        classes: What an encoder may take an image for; None for a model that answers in words.
        similarity: Whether an encoder is asked how similar the changed image is to the intact one.
    """

    intervention: Intervention
    repeat: int
    suite_seed: int
    decoding: Decoding
    classes: Classes | None = None
    similarity: bool = False


@dataclass(frozen=True)
class Prompt:
    """One item made ready for a model.

    Attributes:
        item_id: The item.
        encoded: The backend's own form.
        length: Prompt length in tokens, visual tokens included.
        nbytes: Memory that it takes.
        layout: Its visual tokens, of which an intervention may remove some later.
        inert: Why the pixels of this item could not be changed; "" when they were or need not be.
    """

    item_id: str
    encoded: Any
    length: int
    nbytes: int
    layout: Layout = _NO_IMAGE
    inert: str = ""


@dataclass(frozen=True)
class Visual:
    """Projector outputs of a batch.

    Attributes:
        prompts: The prompts without their pixels, which are not needed any more.
        tokens: The backend's own form, one entry per prompt, None for a text-only one.
        nbytes: Memory that it takes.
    """

    prompts: tuple[Prompt, ...]
    tokens: tuple[Any, ...]
    nbytes: int

    @classmethod
    def joined(cls, parts: Sequence[Visual]) -> Visual:
        """Puts batches one after the other, without computing anything anew."""
        return cls(
            tuple(prompt for part in parts for prompt in part.prompts),
            tuple(tokens for part in parts for tokens in part.tokens),
            nbytes=sum(part.nbytes for part in parts),
        )


class Reply(NamedTuple):
    """One answer: text, new tokens, margin of the first token or between the best classes."""

    text: str
    n_tokens: int
    margin: float


@dataclass(frozen=True)
class Dataset:
    """A benchmark with its data.

    Attributes:
        benchmark: How it asks and scores.
        identity: What data these are.
        items: Items in the benchmark's own order.
        image: Gives the image of an item id; raises DataError when it cannot be decoded.
        undecodable: Rows that are left out because their image cannot be decoded.
        excluded_units: Units that are left out because of them.
    """

    benchmark: Benchmark
    identity: DataId
    items: tuple[Item, ...]
    image: Callable[[str], Any]
    undecodable: int = 0
    excluded_units: int = 0

    def other_image(self, item_id: str, seed: int) -> Any:
        """Returns an image that differs from the one of ``item_id``, uniform over the seeds.

        Raises:
            DataError: When all items show the same image.
        """
        own = self._digests[item_id]
        others = [shown for digest, shown in self._shown.items() if digest != own]
        if not others:
            raise DataError(
                f"'{self.identity.name}' has no image but that of item '{item_id}'",
                "an intervention that shows another item's image needs a second one",
            )
        return self.image(others[seed % len(others)])

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {item.item_id: item.image_digest for item in self.items}

    @cached_property
    def _shown(self) -> dict[str, str]:
        """One item of each image by the image's digest. Sorted: file order must not matter."""
        return dict(
            sorted({digest: shown for shown, digest in self._digests.items() if digest}.items())
        )


class Encoder(Protocol):
    """Preprocessing of one checkpoint on the CPU; needs no weights. Thread-safe."""

    def encode(
        self,
        item: Item,
        image: Any | None,
        ask: Ask,
        *,
        other: Callable[[str, int], Any] | None = None,
        saliency: Saliency | None = None,
        synthetic: Callable[[str], Any] | None = None,
    ) -> Prompt:
        """Applies the interventions on pixels and makes the prompt.

        Args:
            item: What is asked.
            image: Its image; None for text alone.
            ask: What is done to it.
            other: ``Dataset.other_image``, for interventions that show another item's image.
            saliency: Where to look, for interventions that choose by it.
            synthetic: Gives an item's synthetic image, for interventions that show it.
        """
        ...


class LoadedModel(Protocol):
    """One checkpoint in memory; used from the compute thread only."""

    def visual(self, prompts: Sequence[Prompt]) -> Visual:
        """Runs tower and projector.

        Raises:
            OutOfDeviceMemoryError: When the batch does not fit.
        """
        ...

    def answer(self, visual: Visual, ask: Ask) -> list[Reply]:
        """Applies the interventions on visual tokens and generates.

        Raises:
            InertInterventionError: When nothing at all was changed.
            OutOfDeviceMemoryError: When the batch does not fit.
        """
        ...


class Backend(Protocol):
    """Models and data of one engine process.

    Attributes:
        name: Engine and version, part of every key.
        device_name: Full name of the device.
        memory: Bytes that models may take on it.
        lanes: Batches that may be computed at once.
    """

    name: str
    device_name: str
    memory: int
    lanes: int

    def resolve(self, ref: str) -> ModelId:
        """Identifies a checkpoint without loading it."""
        ...

    def capabilities(self, model: ModelId) -> frozenset[str]:
        """Returns the sites at which interventions can enter."""
        ...

    def dataset(self, benchmark: str, *, source: str, mode: str) -> Dataset:
        """Loads a benchmark's items."""
        ...

    def changes_pixels(self, intervention: Intervention) -> bool:
        """Whether the projector output differs from the intact one."""
        ...

    def encoder(self, model: ModelId) -> Encoder:
        """Builds the preprocessing of a checkpoint."""
        ...

    def saliency(self, model: ModelId) -> Saliency:
        """Loads a model for its attention alone.

        Raises:
            ModelError: When it has no class token, or cannot be loaded.
        """
        ...

    def generator(self, name: str) -> ImageGenerator:
        """Returns a generator of synthetic images; it loads nothing before it makes the first.

        Raises:
            ModelError: When its weights are not on this machine.
            LockError: When they are not locked.
        """
        ...

    def load(self, model: ModelId) -> LoadedModel:
        """Loads a checkpoint's weights."""
        ...

    def release(self) -> None:
        """Gives memory of dropped models and tensors back to the device."""
        ...


def make_backend(path: str, options: BackendOptions) -> Backend:
    """Imports and sets up a backend.

    Args:
        path: ``module:class``. By name, so that nothing but the engine process imports torch.
        options: Device and threads.

    Raises:
        UsageError: When the device does not exist.
        EngineError: When there is no such class.
    """
    module, _, name = path.partition(":")
    try:
        kind: Callable[[BackendOptions], Backend] = getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise EngineError(f"there is no engine backend '{path}' ({error})") from None
    return kind(options)
