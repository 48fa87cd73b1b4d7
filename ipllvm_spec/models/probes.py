"""A linear probe: ridge regression from embeddings to classes, in closed form.

It gives a classifier to an encoder without one, as DINO's. There is nothing to tune but the
penalty and nothing random, so the same embeddings give the same probe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.base import PLAIN_TEMPLATES, Encoder
from ipllvm_spec.models.class_names import head_columns
from ipllvm_spec.models.probe_files import ProbeFile, probe_digest, probe_variant

#: Share of a feature's variance: weak where images outnumber features, and enough where not.
PENALTY = 0.01


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe.

    Attributes:
        names: Class names by column.
        mean: (width,) float64, subtracted from embeddings.
        weights: (width, classes) float64.
        prior: (classes,) float64, added at the end: the share of each class.
    """

    names: tuple[str, ...]
    mean: torch.Tensor
    weights: torch.Tensor
    prior: torch.Tensor

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """Returns (n, classes) float32 scores of (n, width) embeddings; 1 stands for the class."""
        return ((features.double() - self.mean) @ self.weights + self.prior).float()

    @property
    def digest(self) -> str:
        """sha256 over names and weights, 64 hex digits."""
        return probe_digest(self.names, self.mean.numpy(), self.weights.numpy(), self.prior.numpy())

    @classmethod
    def of(cls, stored: ProbeFile) -> LinearProbe:
        """Returns a stored probe."""
        parts = (torch.from_numpy(part) for part in (stored.mean, stored.weights, stored.prior))
        return cls(stored.names, *parts)


def fit_probe(
    features: torch.Tensor,
    labels: Sequence[int],
    names: Sequence[str],
    *,
    penalty: float = PENALTY,
) -> LinearProbe:
    """Fits a probe: least squares on one-hot targets with a ridge, features scaled to variance 1.

    Args:
        features: (n, width) embeddings.
        labels: Class of each, an index into ``names``.
        names: Class names.
        penalty: Ridge per image, in units of a scaled feature's variance; above 0.

    Raises:
        ValueError: When the lengths differ, a label is out of range, a class has no image, or the
            penalty is not above 0.
    """
    if features.ndim != 2 or len(features) != len(labels) or not len(labels):
        raise ValueError(f"{tuple(features.shape)} embeddings do not fit {len(labels)} labels")
    if not penalty > 0:
        raise ValueError(f"the penalty must be above 0, not {penalty}")
    if set(labels) != set(range(len(names))):
        raise ValueError(f"labels must show each class of 0 to {len(names) - 1}, and no other")
    scaled = features.double().cpu()
    mean = scaled.mean(dim=0)
    scaled = scaled - mean
    scale = scaled.square().mean(dim=0).sqrt()
    # A feature that never changes says nothing, and must not be divided by zero.
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    scaled /= scale
    n, width = scaled.shape
    classes = torch.tensor(list(labels))
    prior = torch.bincount(classes, minlength=len(names)).double() / n
    # Sums by class rather than a product with one-hot targets, which for the images of ImageNet
    # would take a thousand times the memory of the labels. Scaled features sum to 0, so the prior
    # drops out.
    sums = torch.zeros(len(names), width, dtype=torch.float64).index_add_(0, classes, scaled)
    gram = scaled.T @ scaled / n + penalty * torch.eye(width, dtype=torch.float64)
    weights = torch.linalg.solve(gram, sums.T / n) / scale[:, None]
    return LinearProbe(tuple(names), mean, weights.contiguous(), prior)


class ProbedEncoder:
    """An encoder whose classes are those of a probe on its embeddings.

    Attributes:
        encoder: The encoder.
        probe: The probe.
        identity: The encoder's, with the probe's digest among the variants.

    Raises:
        ModelError: When the probe is for embeddings of another width.
    """

    def __init__(self, encoder: Encoder, probe: LinearProbe) -> None:
        if len(probe.mean) != encoder.width:
            raise ModelError(
                f"the probe on '{encoder.identity.ref}' is for embeddings of width "
                f"{len(probe.mean)}, and this encoder's have {encoder.width}",
                "fit one on this encoder with `ipllvm probe`",
            )
        self.encoder = encoder
        self.probe = probe
        self.family = encoder.family
        self.width = encoder.width
        self.capabilities = encoder.capabilities | {"classify"}
        own = encoder.identity
        self.identity = replace(own, variant=(*own.variant, probe_variant(probe.digest)))

    def encode(self, images: Iterable[Image]) -> torch.Tensor:
        """Returns the encoder's embeddings."""
        return self.encoder.encode(images)

    def classify(
        self,
        images: Iterable[Image],
        names: Sequence[str],
        *,
        templates: Sequence[str] = PLAIN_TEMPLATES,  # noqa: ARG002
    ) -> torch.Tensor:
        """Returns the probe's scores, one column per name; see ``HeadEncoder.classify``."""
        where = f"the probe on '{self.identity.ref}'"
        columns = head_columns(self.probe.names, names, where=where)
        return self.probe.scores(self.encode(images))[:, list(columns)]

    def attention(
        self, image: Image, *, head: int | Literal["mean"] = "mean"
    ) -> NDArray[np.float32]:
        """Returns the encoder's map."""
        return self.encoder.attention(image, head=head)

    def attention_heads(self, image: Image) -> NDArray[np.float32]:
        """Returns the encoder's maps."""
        return self.encoder.attention_heads(image)


def probed(
    encoder: Encoder,
    images: Iterable[Image],
    labels: Sequence[int],
    names: Sequence[str],
    *,
    penalty: float = PENALTY,
) -> ProbedEncoder:
    """Fits a probe on images and puts it on the encoder; see ``fit_probe``."""
    probe = fit_probe(encoder.encode(images), labels, names, penalty=penalty)
    return ProbedEncoder(encoder, probe)
