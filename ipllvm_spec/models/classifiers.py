"""Encoders that see images alone: classifiers with a head of their own, and bare backbones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from PIL.Image import Image

from ipllvm_spec.models.base import PLAIN_TEMPLATES
from ipllvm_spec.models.class_names import head_columns
from ipllvm_spec.models.vision import VisionEncoder


class BackboneEncoder(VisionEncoder):
    """A ViT, DeiT or ResNet; on its own one without a head, for example DINO's.

    Embeddings are the class token after the last norm, or the mean over the last feature map.
    """

    @property
    def width(self) -> int:
        """Dimension of the embeddings."""
        config = self.model.config
        return int(config.hidden_sizes[-1] if self.family == "resnet" else config.hidden_size)

    def _pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        found = self.model.base_model(pixel_values=pixels)
        if self.kind.pooling == "mean":
            pooled: torch.Tensor = found.pooler_output.flatten(1)
            return pooled
        token: torch.Tensor = found.last_hidden_state[:, 0]
        return token


class HeadEncoder(BackboneEncoder):
    """A classifier with a head of its own.

    Attributes:
        labels: Label texts by output; ImageNet's hold synonyms with commas between them.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """Label texts by output."""
        named = self.model.config.id2label
        return tuple(str(named[number]) for number in range(len(named)))

    def classify(
        self,
        images: Iterable[Image],
        names: Sequence[str],
        *,
        templates: Sequence[str] = PLAIN_TEMPLATES,  # noqa: ARG002
    ) -> torch.Tensor:
        """Returns the head's logits, one column per name.

        Args:
            images: Images in any mode.
            names: Classes of the head, in any order, or some of them.
            templates: Unused, there is no text side.

        Returns:
            (n, classes) float32 on the CPU.

        Raises:
            ModelError: For a name that is no class of the head.
        """
        columns = head_columns(self.labels, names, where=f"'{self.identity.ref}'")
        logits = self._run(images, self._logits, len(self.labels))
        return logits[:, list(columns)]

    def _logits(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(pixel_values=pixels).logits
        return logits
