"""Saliency maps of recent images: many conditions ask for those of the same images."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ipllvm_spec.engine.caches import ByteLRU

if TYPE_CHECKING:
    from PIL.Image import Image

    from ipllvm_spec.interventions.aids import Saliency

#: Bytes of maps kept, at most: those of a DINO for some ten thousand images.
_MAP_BYTES = 64 * 2**20


class KeptSaliency:
    """A saliency model that looks at an image once. Thread-safe.

    Args:
        saliency: Gives the maps.
    """

    def __init__(self, saliency: Saliency) -> None:
        self._saliency = saliency
        self._maps: ByteLRU[str, npt.NDArray[np.floating[Any]]] = ByteLRU(_MAP_BYTES)

    def __call__(self, image: Image) -> npt.NDArray[np.floating[Any]]:
        """Returns the maps of an image; see ``interventions.base.Saliency``."""
        # By content: an intervention may have changed the item's image before this one.
        seen = hashlib.sha256(f"{image.mode}{image.size}".encode() + image.tobytes()).hexdigest()
        found = self._maps.get(seen)
        if found is None:
            found = self._saliency(image)
            self._maps.put(seen, found, size=found.nbytes)
        return found
