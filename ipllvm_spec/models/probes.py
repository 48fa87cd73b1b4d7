"""A linear probe: ridge regression from embeddings to classes, in closed form.

It gives a classifier to an encoder without one, as DINO's. There is nothing to tune but the
penalty and nothing random, so the same embeddings give the same probe.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from ipllvm_spec.models.base import PLAIN_TEMPLATES, Encoder
from ipllvm_spec.models.class_names import head_columns

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
        total = hashlib.sha256("\n".join(self.names).encode())
        for part in (self.mean, self.weights, self.prior):
            total.update(part.numpy().tobytes())
        return total.hexdigest()


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
    inputs = features.double().cpu()
    mean = inputs.mean(dim=0)
    centred = inputs - mean
    scale = centred.square().mean(dim=0).sqrt()
    # A feature that never changes says nothing, and must not be divided by zero.
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    scaled = centred / scale
    targets = torch.nn.functional.one_hot(torch.tensor(list(labels)), len(names)).double()
    prior = targets.mean(dim=0)
    n = len(scaled)
    gram = scaled.T @ scaled / n + penalty * torch.eye(scaled.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, scaled.T @ (targets - prior) / n) / scale[:, None]
    return LinearProbe(tuple(names), mean, weights, prior)


class ProbedEncoder:
    """An encoder whose classes are those of a probe on its embeddings.

    Attributes:
        encoder: The encoder.
        probe: The probe.
        identity: The encoder's, with the probe's digest among the variants.
    """

    def __init__(self, encoder: Encoder, probe: LinearProbe) -> None:
        self.encoder = encoder
        self.probe = probe
        self.family = encoder.family
        self.width = encoder.width
        self.capabilities = encoder.capabilities | {"classify"}
        own = encoder.identity
        self.identity = replace(own, variant=(*own.variant, f"probe-{probe.digest[:16]}"))

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
