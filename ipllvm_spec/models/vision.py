"""What all vision encoders share: batches of images, pooled embeddings, CLS attention."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.base import PLAIN_TEMPLATES
from ipllvm_spec.models.encoder_kinds import EncoderKind
from ipllvm_spec.models.identity import Identity
from ipllvm_spec.models.prompts import load_image_processor

IMAGES = 64
"""Images in memory at a time."""

_Part = TypeVar("_Part")


class VisionEncoder:
    """One loaded encoder; subclasses say how it pools and classifies. Thread-safe.

    Attributes:
        model: The class of transformers that ``architecture`` names.
        kind: What is known of its architecture.
        family: ``model_type`` of its config.
        identity: Weights, processor, dtype.
        capabilities: What of ``encode``, ``classify`` and ``attention`` it can do.
    """

    def __init__(self, model: Any, *, kind: EncoderKind, folder: Path, identity: Identity) -> None:
        self.model = model
        self.kind = kind
        self.family = kind.family
        self.identity = identity
        self.capabilities = kind.capabilities
        self._processor = load_image_processor(folder)
        # Attention is switched for one call, and no other call may see it switched.
        self._lock = threading.RLock()

    @property
    def width(self) -> int:
        """Dimension of the embeddings."""
        raise NotImplementedError

    def encode(self, images: Iterable[Image]) -> torch.Tensor:
        """Returns (n, width) float32 embeddings on the CPU, pooled as ``kind.pooling`` says.

        Args:
            images: Images in any mode; of an iterator only a batch is held at a time.
        """
        return self._run(images, self._pooled, self.width)

    def classify(
        self,
        images: Iterable[Image],
        names: Sequence[str],
        *,
        templates: Sequence[str] = PLAIN_TEMPLATES,
    ) -> torch.Tensor:
        """See ``models.base.Encoder.classify``; an encoder without a classifier raises.

        Raises:
            ModelError: Always.
        """
        del images, names, templates
        raise self._lacks(
            "classify", "it has no classifier", "fit a linear probe with `ipllvm probe`"
        )

    def attention(
        self, image: Image, *, head: int | Literal["mean"] = "mean"
    ) -> NDArray[np.float32]:
        """Returns how much the class token attends to each patch in the last block.

        Args:
            image: An image in any mode.
            head: ``mean`` over the heads, or the number of one.

        Returns:
            (h, w) float32: one of ``attention_heads``, or their mean.

        Raises:
            ModelError: When the model has no class token, or no such head.
        """
        heads = self.attention_heads(image)
        if head != "mean" and not 0 <= head < len(heads):
            raise ModelError(
                f"'{self.identity.ref}' has {len(heads)} attention heads, none of number {head}",
                f"give 'mean' or a number from 0 to {len(heads) - 1}",
            )
        grid: NDArray[np.float32] = heads.mean(axis=0) if head == "mean" else heads[head]
        return grid

    @torch.inference_mode()
    def attention_heads(self, image: Image) -> NDArray[np.float32]:
        """Returns how much the class token attends to each patch in the last block, by head.

        The image is shown whole, resized to the input size without a crop, so that the cells of
        the map are equal parts of the image whatever its shape.

        Args:
            image: An image in any mode.

        Returns:
            (heads, h, w) float32, each at least 0. The sum of a head is below 1 by what the class
            token gives to itself and other special tokens.

        Raises:
            ModelError: When the model has no class token.
        """
        if "attention" not in self.capabilities:
            raise self._lacks("attention", "it has no class token", "use a ViT, DeiT or CLIP")
        tower = self.tower()
        pixels = self._pixels([image], whole=True)
        # Fused kernels never form the matrix of weights; only the eager implementation returns it.
        with self._lock, _eager(tower):
            found = tower(pixel_values=pixels, output_attentions=True).attentions
        rows = found[-1][0, :, 0, self.kind.special :].float().cpu()
        down, across = _pair(tower.config.patch_size)
        shape = pixels.shape[-2] // down, pixels.shape[-1] // across
        grids: NDArray[np.float32] = rows.reshape(-1, *shape).numpy()
        return grids

    def tower(self) -> Any:
        """The module whose last block has a class token."""
        return self.model.base_model

    def _pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    @torch.inference_mode()
    def _run(
        self, images: Iterable[Image], forward: Callable[[torch.Tensor], torch.Tensor], width: int
    ) -> torch.Tensor:
        made = []
        for part in batches(images, IMAGES):
            pixels = self._pixels(part)
            with self._lock:
                made.append(forward(pixels).float().cpu())
        return torch.cat(made) if made else torch.empty(0, width)

    def _pixels(self, images: Sequence[Image], *, whole: bool = False) -> torch.Tensor:
        options: dict[str, Any] = {}
        if whole:
            height, width = _pair(self.tower().config.image_size)
            options = {"size": {"height": height, "width": width}, "do_center_crop": False}
        made = self._processor(
            images=[image.convert("RGB") for image in images], return_tensors="pt", **options
        )
        pixels: torch.Tensor = made["pixel_values"].to(self.model.device, self.model.dtype)
        return pixels

    def _lacks(self, capability: str, why: str, advice: str) -> ModelError:
        return ModelError(
            f"'{self.identity.ref}' ({self.kind.architecture}) lacks the capability "
            f"'{capability}': {why}",
            f"{advice}; this one can: {', '.join(sorted(self.capabilities))}",
        )


def batches(parts: Iterable[_Part], size: int) -> Iterator[list[_Part]]:
    """Cuts an iterable into lists of at most ``size``, without reading ahead."""
    source = iter(parts)
    while part := list(islice(source, size)):
        yield part


@contextmanager
def _eager(tower: Any) -> Iterator[None]:
    before = tower.config._attn_implementation
    if before == "eager":
        yield
        return
    tower.set_attn_implementation("eager")
    try:
        yield
    finally:
        tower.set_attn_implementation(before)


def _pair(size: Any) -> tuple[int, int]:
    """Height and width, which a config gives as one number where they are equal."""
    if isinstance(size, int):
        return size, size
    height, width = size
    return int(height), int(width)
