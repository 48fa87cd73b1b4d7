"""Which vision encoders there are, by architecture. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from ipllvm_spec.errors import ModelError, nearest

Pooling = Literal["projection", "head", "cls", "mean"]


@dataclass(frozen=True)
class EncoderKind:
    """What is known of an architecture before its weights are loaded.

    Attributes:
        architecture: Class in transformers, as ``architectures`` of config.json names it.
        family: ``model_type`` of config.json.
        adapter: ``module:class``.
        capabilities: ``pixels``, where an intervention can enter, and what of ``encode``,
            ``classify`` and ``attention`` it can do. Never ``answers``.
        pooling: What ``encode`` returns: ``projection`` (CLIP's projected class token), ``head``
            (SigLIP's attention pooling), ``cls`` (the class token after the last norm) or
            ``mean`` (over all places of the last feature map).
        special: Tokens before the patch tokens, the class token first; 0 without a class token.
    """

    architecture: str
    family: str
    adapter: str
    capabilities: frozenset[str]
    pooling: Pooling
    special: int

    @property
    def zero_shot(self) -> bool:
        """Whether it names any classes, by comparing images with texts, and not those of a head."""
        return self.adapter == _ZERO_SHOT


_ZERO_SHOT = "ipllvm_spec.models.zero_shot:ZeroShotEncoder"
_HEAD = "ipllvm_spec.models.classifiers:HeadEncoder"
_BACKBONE = "ipllvm_spec.models.classifiers:BackboneEncoder"
_ALL = frozenset({"pixels", "encode", "classify", "attention"})

#: By architecture, never by the name of a checkpoint: ``facebook/deit-small-patch16-224`` is a
#: plain ViTForImageClassification, its distilled sibling is not.
ENCODERS: Mapping[str, EncoderKind] = MappingProxyType(
    {
        kind.architecture: kind
        for kind in (
            EncoderKind("CLIPModel", "clip", _ZERO_SHOT, _ALL, "projection", 1),
            EncoderKind("SiglipModel", "siglip", _ZERO_SHOT, _ALL - {"attention"}, "head", 0),
            EncoderKind("ViTForImageClassification", "vit", _HEAD, _ALL, "cls", 1),
            EncoderKind("ViTModel", "vit", _BACKBONE, _ALL - {"classify"}, "cls", 1),
            EncoderKind("DeiTForImageClassification", "deit", _HEAD, _ALL, "cls", 2),
            EncoderKind("DeiTForImageClassificationWithTeacher", "deit", _HEAD, _ALL, "cls", 2),
            EncoderKind(
                "ResNetForImageClassification", "resnet", _HEAD, _ALL - {"attention"}, "mean", 0
            ),
        )
    }
)

#: Values of ``model_type`` that belong to encoders.
ENCODER_FAMILIES = frozenset(kind.family for kind in ENCODERS.values())


def encoder_kind(folder: Path, config: Mapping[str, Any]) -> EncoderKind:
    """Finds the kind of a checkpoint from its config.

    Args:
        folder: For the error.
        config: Content of config.json.

    Raises:
        ModelError: When the config is of no known encoder.
    """
    family = str(config.get("model_type", ""))
    named = [str(name) for name in config.get("architectures") or ()]
    for name in named:
        if name in ENCODERS and ENCODERS[name].family == family:
            return ENCODERS[name]
    own = [kind for kind in ENCODERS.values() if kind.family == family]
    if len(own) == 1 and not named:
        return own[0]
    told = ", ".join(named) or "none named"
    known = tuple(kind.architecture for kind in own) or tuple(ENCODERS)
    hint = f"; {nearest(named[0], known)}" if named else ""
    raise ModelError(
        f"'{folder}' is of the type '{family}' (architectures: {told}), no known vision encoder",
        f"known encoders: {', '.join(known)}{hint}",
    )
