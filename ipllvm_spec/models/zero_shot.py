"""Zero-shot classification by image-text encoders: CLIP and SigLIP checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image

from ipllvm_spec.models.base import PLAIN_TEMPLATES
from ipllvm_spec.models.encoder_kinds import EncoderKind
from ipllvm_spec.models.identity import Identity
from ipllvm_spec.models.prompts import load_tokenizer
from ipllvm_spec.models.vision import VisionEncoder, batches

_TEXTS = 256


class ZeroShotEncoder(VisionEncoder):
    """One loaded CLIP or SigLIP checkpoint; its embeddings have length 1."""

    def __init__(self, model: Any, *, kind: EncoderKind, folder: Path, identity: Identity) -> None:
        super().__init__(model, kind=kind, folder=folder, identity=identity)
        self._tokenizer = load_tokenizer(folder)
        # Both families were trained on texts padded on the right, and CLIP pools at the end token.
        self._tokenizer.padding_side = "right"
        self._classes: tuple[tuple[tuple[str, ...], tuple[str, ...]], torch.Tensor] | None = None

    @property
    def width(self) -> int:
        """Dimension of the embeddings of images and texts."""
        text = self.model.config.text_config
        return int(
            self.model.config.projection_dim if self.family == "clip" else text.projection_size
        )

    @torch.inference_mode()
    def text_embeddings(self, texts: Sequence[str]) -> torch.Tensor:
        """Returns (n, width) float32 embeddings of length 1, on the CPU.

        Texts longer than the encoder's context are cut.
        """
        with self._lock:
            made = [self._texts(part) for part in batches(texts, _TEXTS)]
        return torch.cat(made) if made else torch.empty(0, self.width)

    def class_embeddings(self, names: Sequence[str], templates: Sequence[str]) -> torch.Tensor:
        """Returns (classes, width) float32 embeddings of length 1, on the CPU.

        Each class is the mean over templates of their embeddings of length 1, scaled to length 1
        again (section 3.1.4 of Radford et al.).

        Args:
            names: Class names.
            templates: Texts with one ``{}`` for the class name, at least one.

        Raises:
            ValueError: Without a template, or for one that has no place for the name.
        """
        if not templates or any("{}" not in template for template in templates):
            raise ValueError(f"templates need a place {{}} for the class name: {templates}")
        texts = [template.replace("{}", name) for name in names for template in templates]
        each = self.text_embeddings(texts).view(len(names), len(templates), self.width)
        return _unit(each.mean(dim=1))

    def classify(
        self,
        images: Iterable[Image],
        names: Sequence[str],
        *,
        templates: Sequence[str] = PLAIN_TEMPLATES,
    ) -> torch.Tensor:
        """Returns the cosines between images and classes.

        Args:
            images: Images in any mode.
            names: Class names, any.
            templates: Texts with one ``{}`` for the class name.

        Returns:
            (n, classes) float32 in [-1, 1] on the CPU.

        Raises:
            ValueError: As ``class_embeddings``.
        """
        return self.encode(images) @ self._class_embeddings(names, templates).T

    def _class_embeddings(self, names: Sequence[str], templates: Sequence[str]) -> torch.Tensor:
        """The last ones asked for: 1,000 classes with 80 templates take longer than the images."""
        key = tuple(names), tuple(templates)
        known = self._classes
        if known is None or known[0] != key:
            known = self._classes = key, self.class_embeddings(names, templates)
        return known[1]

    def tower(self) -> Any:
        """The vision tower, without the text side."""
        return self.model.vision_model

    def _pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        return _unit(self.model.get_image_features(pixel_values=pixels).pooler_output)

    def _texts(self, texts: Sequence[str]) -> torch.Tensor:
        siglip = self.family == "siglip"
        words = self._tokenizer(
            list(texts),
            # SigLIP was trained on padding of full length that it attends to.
            padding="max_length" if siglip else True,
            truncation=True,
            max_length=self.model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )
        names = ("input_ids",) if siglip else ("input_ids", "attention_mask")
        inputs = {name: words[name].to(self.model.device) for name in names}
        return _unit(self.model.get_text_features(**inputs).pooler_output)


def _unit(embeddings: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(embeddings.float(), dim=-1).cpu()
