"""Linear probes on disk: ``probe.safetensors`` beside the weights of their encoder.

The file holds ``mean``, ``weights`` and ``prior`` of ``probes.LinearProbe``, and in its metadata,
as one JSON object, the class names and what the probe was fitted on. Free of torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.files import PROBE

Array = NDArray[np.float64]

_TENSORS = ("mean", "weights", "prior")
_KEY = "probe"
_AGAIN = "fit the probe again with `ipllvm probe`, or remove the file to use the encoder without it"


@dataclass(frozen=True, eq=False)
class ProbeFile:
    """A stored probe.

    Attributes:
        names: Class names by column.
        mean: (width,); see ``probes.LinearProbe``.
        weights: (width, classes).
        prior: (classes,).
        penalty: Ridge that it was fitted with.
        data: Content digest of the images that it was fitted on.
        images: How many those were.
        encoder: ``identity.weights_digest`` of the encoder whose embeddings it reads.
    """

    names: tuple[str, ...]
    mean: Array
    weights: Array
    prior: Array
    penalty: float
    data: str
    images: int
    encoder: str

    @property
    def variant(self) -> str:
        """What tells this probe from others in an identity."""
        return probe_variant(probe_digest(self.names, self.mean, self.weights, self.prior))

    def demand_encoder(self, digest: str, *, where: Path) -> None:
        """Refuses an encoder that the probe was not fitted on.

        Args:
            digest: ``identity.weights_digest`` of the encoder.
            where: Folder of both, for the error.

        Raises:
            ModelError: When it is another one.
        """
        if digest != self.encoder:
            raise ModelError(
                f"'{where / PROBE}' was fitted on an encoder of the digest {self.encoder[:19]}, "
                f"and the one in this folder has {digest[:19]}",
                _AGAIN,
            )


def probe_digest(names: Sequence[str], *parts: Array) -> str:
    """Returns the sha256 over class names and weights, 64 hex digits.

    Args:
        names: Class names by column.
        parts: Mean, weights and prior.
    """
    total = hashlib.sha256("\n".join(names).encode())
    for part in parts:
        total.update(part.tobytes())
    return total.hexdigest()


def probe_variant(digest: str) -> str:
    """Returns the variant that a probe of this ``probe_digest`` adds to an identity."""
    return f"probe-{digest[:16]}"


def write_probe(folder: Path, probe: ProbeFile) -> Path:
    """Writes a probe beside the weights of its encoder and returns the file."""
    about = {
        "names": probe.names,
        "penalty": probe.penalty,
        "data": probe.data,
        "images": probe.images,
        "encoder": probe.encoder,
    }
    tensors = {name: np.ascontiguousarray(getattr(probe, name)) for name in _TENSORS}
    save_file(tensors, folder / PROBE, metadata={_KEY: json.dumps(about, ensure_ascii=False)})
    return folder / PROBE


def read_probe(folder: Path) -> ProbeFile | None:
    """Reads the probe of a checkpoint folder; None where there is none.

    Raises:
        ModelError: When the file is damaged, lacks tensors or metadata, or its parts do not fit
            each other.
    """
    path = folder / PROBE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            told = (file.metadata() or {}).get(_KEY, "")
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise ModelError(f"the probe '{path}' cannot be read: {error}", _AGAIN) from None
    missing = [name for name in _TENSORS if name not in found]
    if missing:
        raise ModelError(f"the probe '{path}' lacks the tensors {', '.join(missing)}", _AGAIN)
    probe = _described(path, told, [found[name] for name in _TENSORS])
    if problem := _problem(probe):
        raise ModelError(f"the probe '{path}' {problem}", _AGAIN)
    return probe


def _described(path: Path, told: str, parts: Sequence[Any]) -> ProbeFile:
    try:
        about = json.loads(told)
        mean, weights, prior = parts
        return ProbeFile(
            names=tuple(str(name) for name in about["names"]),
            mean=mean,
            weights=weights,
            prior=prior,
            penalty=float(about["penalty"]),
            data=str(about["data"]),
            images=int(about["images"]),
            encoder=str(about["encoder"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the metadata of the probe '{path}' do not say what it is ({error!r})", _AGAIN
        ) from None


def _problem(probe: ProbeFile) -> str:
    """Says what keeps the parts from being one probe; "" when nothing does."""
    width, classes = len(np.atleast_1d(probe.mean)), len(probe.names)
    wanted = {"mean": (width,), "weights": (width, classes), "prior": (classes,)}
    for name, shape in wanted.items():
        part = getattr(probe, name)
        if part.shape != shape or part.dtype != np.float64:
            return (
                f"has {classes} class names and '{name}' of shape {part.shape} in {part.dtype}, "
                f"where {shape} in float64 would fit"
            )
        if not np.isfinite(part).all():
            return f"holds numbers in '{name}' that are not finite"
    return ""
