"""The adapter protocol: one way into every architecture family.

encode -> X_V with a kind per token -> intervene -> splice into the prompt -> generate. This is the
only route by which an intervention enters a model, so what is measured is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.models.identity import Identity

if TYPE_CHECKING:
    from ipllvm_spec.models.splice import PromptBatch

__all__ = ["PLAIN_TEMPLATES", "Adapter", "Answer", "Encoded", "Encoder", "Identity"]

#: What a class is called when nothing else is declared (section 3.1.4 of Radford et al.).
PLAIN_TEMPLATES = ("a photo of a {}.",)


@dataclass(frozen=True)
class Encoded:
    """A prompt after preprocessing, before the model: made on the CPU, ahead of compute.

    Attributes:
        input_ids: (length,) int64, image placeholder tokens expanded to one per visual token.
        pixels: Model inputs of the image (pixel_values, image_sizes, ...), batch dimension first;
            empty for a text-only prompt.
        n_visual: Number of placeholder tokens.
        grid: ``VisualTokens.grid`` of the image.
        second_ids: (m,) int64 prompt of a family's second branch, its placeholder not expanded;
            None where there is no second branch or it is not asked.
    """

    input_ids: torch.Tensor
    pixels: dict[str, torch.Tensor]
    n_visual: int
    grid: tuple[int, int] | None = None
    second_ids: torch.Tensor | None = None


@dataclass(frozen=True)
class Answer:
    """One generated answer.

    Attributes:
        text: Decoded new tokens, special tokens removed, cut at the first stop string; or the
            best of ``Decoding.options``.
        n_tokens: New tokens up to and including EOS; 0 where an option was chosen.
        margin: Difference of the two largest logits at the first new token; with options, of the
            two largest mean log-probabilities per token.
    """

    text: str
    n_tokens: int
    margin: float


class Adapter(Protocol):
    """One loaded checkpoint of one family.

    Attributes:
        family: Key in ``models.registry.FAMILIES``, for example ``llava``.
        capabilities: Sites at which interventions can enter: ``pixels``, ``visual_tokens``,
            ``hidden``; ``second_entrance`` where a second branch reads the image; and ``answers``.
        identity: Weights, processor, dtype.
        attention: Attention implementation, part of the engine class in every key.
        n_layers: Number of decoder layers.
    """

    family: str
    capabilities: frozenset[str]
    identity: Identity
    attention: str
    n_layers: int

    def encode_prompt(self, prompt: str, image: Image | None, *, chat: bool = True) -> Encoded:
        """Applies the chat template and the image processor. Thread-safe; no model compute.

        Args:
            prompt: The question, without image token or chat wrapper.
            image: The image, or None for a text-only prompt.
            chat: ``Decoding.chat``.
        """
        ...

    def visual_tokens(self, prompts: Sequence[Encoded]) -> list[VisualTokens]:
        """Runs tower and projector for prompts that all have an image; one entry per prompt."""
        ...

    def generate(
        self,
        prompts: Sequence[Encoded],
        visual: Sequence[VisualTokens | None],
        decoding: Decoding,
    ) -> list[Answer]:
        """Splices the visual tokens in, pads left, and decodes greedily or chooses an option.

        Raises:
            ModelError: When a prompt has placeholders and its visual tokens do not fit them.
        """
        ...

    def logits(
        self, prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None]
    ) -> torch.Tensor:
        """Returns the (batch, vocabulary) float32 logits of the first new token."""
        ...

    def layer_input_hook(
        self, layer: int, change: Callable[[torch.Tensor, PromptBatch], torch.Tensor]
    ) -> AbstractContextManager[None]:
        """Changes the (batch, length, d) input of a decoder layer while a prompt is read.

        Args:
            layer: 0-based; 0 sees the spliced embeddings.
            change: Returns the new input; gets the prompt batch for its masks.

        Raises:
            ModelError: When there is no such layer.
        """
        ...


class Encoder(Protocol):
    """One loaded vision encoder.

    Attributes:
        family: ``model_type`` of its config.
        capabilities: What of ``encode``, ``classify`` and ``attention`` it can do; the others
            raise a ``ModelError`` that names the capability.
        identity: Weights, processor, dtype.
    """

    family: str
    capabilities: frozenset[str]
    identity: Identity

    @property
    def width(self) -> int:
        """Dimension of the embeddings."""
        ...

    def encode(self, images: Iterable[Image]) -> torch.Tensor:
        """Returns (n, width) float32 pooled embeddings on the CPU.

        Args:
            images: Images in any mode.
        """
        ...

    def classify(
        self,
        images: Iterable[Image],
        names: Sequence[str],
        *,
        templates: Sequence[str] = PLAIN_TEMPLATES,
    ) -> torch.Tensor:
        """Returns (n, classes) float32 scores on the CPU; the largest of a row is the class.

        Args:
            images: Images in any mode.
            names: Class names, one per column.
            templates: Texts with one ``{}`` for the class name; only encoders with a text side
                read them.

        Raises:
            ModelError: When the encoder has no classifier, or not one of these classes.
        """
        ...

    def attention(
        self, image: Image, *, head: int | Literal["mean"] = "mean"
    ) -> NDArray[np.float32]:
        """Returns the (h, w) attention of the class token to the patches in the last block.

        Args:
            image: An image in any mode.
            head: ``mean`` over the heads, or the number of one.

        Raises:
            ModelError: When the encoder has no class token, or no such head.
        """
        ...

    def attention_heads(self, image: Image) -> NDArray[np.float32]:
        """Returns the (heads, h, w) attention of the class token to the patches in the last block.

        Args:
            image: An image in any mode.

        Raises:
            ModelError: When the encoder has no class token.
        """
        ...
