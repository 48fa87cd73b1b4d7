"""Zero-shot classification by image-text encoders: CLIP and SigLIP checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
import transformers
from PIL.Image import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.files import check_weights, read_config
from ipllvm_spec.models.identity import Identity, processor_digest, weights_digest
from ipllvm_spec.models.loading import load_model
from ipllvm_spec.models.placement import Placement
from ipllvm_spec.models.prompts import load_image_processor, load_tokenizer
from ipllvm_spec.models.registry import PACKAGED, Checkpoint

#: Class in transformers by ``model_type`` of config.json.
ENCODERS: Mapping[str, str] = MappingProxyType({"clip": "CLIPModel", "siglip": "SiglipModel"})

_DTYPES = ("float32", "bfloat16")
_TEXTS = 256
_IMAGES = 64

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Classified:
    """What an encoder makes of images.

    Attributes:
        best: (n,) int64, the class of the largest cosine; the first of equals.
        cosines: (n, classes) float32 in [-1, 1].
    """

    best: torch.Tensor
    cosines: torch.Tensor


class ZeroShotEncoder:
    """One loaded CLIP or SigLIP checkpoint.

    Attributes:
        model: ``CLIPModel`` or ``SiglipModel``.
        family: ``clip`` or ``siglip``.
        identity: Weights, processor, dtype.
        width: Dimension of the embeddings.
    """

    def __init__(self, model: Any, *, folder: Path, identity: Identity) -> None:
        self.model = model
        self.family: str = model.config.model_type
        self.identity = identity
        self._processor = load_image_processor(folder)
        self._tokenizer = load_tokenizer(folder)
        # Both families were trained on texts padded on the right, and CLIP pools at the end token.
        self._tokenizer.padding_side = "right"

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
        made = [self._texts(part) for part in _batches(texts, _TEXTS)]
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

    @torch.inference_mode()
    def image_embeddings(self, images: Iterable[Image]) -> torch.Tensor:
        """Returns (n, width) float32 embeddings of length 1, on the CPU.

        Args:
            images: Images in any mode; of an iterator only a batch is held at a time.
        """
        made = [self._images(part) for part in _batches(images, _IMAGES)]
        return torch.cat(made) if made else torch.empty(0, self.width)

    def classify(self, images: Iterable[Image], classes: torch.Tensor) -> Classified:
        """Returns the class of each image.

        Args:
            images: Images in any mode.
            classes: (classes, width) from ``class_embeddings``.
        """
        cosines = self.image_embeddings(images) @ classes.T
        return Classified(cosines.argmax(dim=1), cosines)

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

    def _images(self, images: Sequence[Image]) -> torch.Tensor:
        made = self._processor(
            images=[image.convert("RGB") for image in images], return_tensors="pt"
        )
        pixels = made["pixel_values"].to(self.model.device, self.model.dtype)
        return _unit(self.model.get_image_features(pixel_values=pixels).pooler_output)


def load_encoder(
    ref: str | Path, *, device: str = "cpu", dtype: str = "float32"
) -> ZeroShotEncoder:
    """Loads a checkpoint folder, or a shipped mini by its key.

    Args:
        ref: For example ``mini-clip`` or a path.
        device: ``cpu``, ``cuda``, ``cuda:0``, ...
        dtype: ``float32`` or ``bfloat16``.

    Raises:
        ModelError: When the folder is no whole checkpoint, or one of another architecture.
    """
    if dtype not in _DTYPES:
        raise ModelError(f"an encoder cannot run in {dtype}", f"use one of {', '.join(_DTYPES)}")
    own = Path(ref).expanduser()
    folder = PACKAGED / ref if not own.is_dir() and (PACKAGED / ref).is_dir() else own
    family = str(read_config(folder).get("model_type", ""))
    if family not in ENCODERS:
        raise ModelError(
            f"'{folder}' is of the type '{family}', no image-text encoder",
            f"zero-shot classification needs one of {', '.join(ENCODERS)}",
        )
    shards = check_weights(folder)
    checkpoint = Checkpoint(
        ref=str(ref),
        folder=folder,
        family=family,
        dtype=dtype,
        variants=(),
        identity=Identity(
            ref=str(ref),
            digest=weights_digest(folder, (shard.path for shard in shards)),
            processor_digest=processor_digest(folder),
            dtype=dtype,
        ),
        parameters=sum(shard.parameters for shard in shards),
    )
    model = load_model(
        checkpoint,
        getattr(transformers, ENCODERS[family]),
        Placement(torch.device(device), None),
        attention="sdpa",
    )
    return ZeroShotEncoder(model, folder=folder, identity=checkpoint.identity)


def _unit(embeddings: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(embeddings.float(), dim=-1).cpu()


def _batches(parts: Iterable[_Part], size: int) -> Iterator[list[_Part]]:
    source = iter(parts)
    while part := list(islice(source, size)):
        yield part
