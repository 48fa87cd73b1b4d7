"""Saliency maps: an image is looked at once, and what was seen is kept for views."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ipllvm_spec.engine import keys
from ipllvm_spec.engine.artefacts import Artefact
from ipllvm_spec.engine.caches import ByteLRU
from ipllvm_spec.errors import StoreError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ipllvm_spec.engine.store import Store
    from ipllvm_spec.interventions.aids import Saliency

Maps = npt.NDArray[np.floating[Any]]

#: Kind of the artefacts kept here; their data are a ``.npy`` file.
KIND = "saliency"
#: Bytes of maps in memory, at most: those of a DINO for some ten thousand images.
_MAP_BYTES = 64 * 2**20


def seen(image: Image) -> str:
    """Returns a digest over what is looked at: mode, size and pixels."""
    # By content: an intervention may have changed the item's image before this one.
    return hashlib.sha256(f"{image.mode}{image.size}".encode() + image.tobytes()).hexdigest()


def map_key(weights: Sequence[str], content: str) -> str:
    """Returns the key of the maps of an image.

    Args:
        weights: ``ModelId.weights`` of the saliency model.
        content: ``seen`` of the image.
    """
    return keys.digest([KIND, list(weights), content])


def stored_maps(store: Store, weights: Sequence[str], content: str) -> Maps | None:
    """Returns the maps of an image that a store keeps, or None.

    Args:
        store: The store.
        weights: ``ModelId.weights`` of the saliency model.
        content: ``seen`` of the image.

    Raises:
        StoreError: When they are damaged.
    """
    found = store.artefact(map_key(weights, content))
    if found is None:
        return None
    try:
        maps: Maps = np.load(io.BytesIO(found.data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise StoreError(
            f"a saliency map in the store '{store.path}' is damaged ({error})",
            "choose another --run-dir: masks made by this store cannot be trusted",
        ) from None
    return maps


class KeptSaliency:
    """A saliency model that looks at an image once. Thread-safe.

    Args:
        saliency: Gives the maps.
        weights: ``ModelId.weights`` of the saliency model.
        store: Keeps the maps, so that masks can be shown without the model; None keeps none.
    """

    def __init__(
        self, saliency: Saliency, *, weights: Sequence[str] = (), store: Store | None = None
    ) -> None:
        self._saliency = saliency
        self._weights = tuple(weights)
        self._store = store
        self._maps: ByteLRU[str, Maps] = ByteLRU(_MAP_BYTES)

    def __call__(self, image: Image) -> Maps:
        """Returns the maps of an image; see ``interventions.aids.Saliency``."""
        content = seen(image)
        found = self._maps.get(content)
        if found is None:
            found = self._kept(image, content)
            self._maps.put(content, found, size=found.nbytes)
        return found

    def _kept(self, image: Image, content: str) -> Maps:
        if self._store is None:
            return self._saliency(image)
        # The first writer's, as for answers: later masks are those of the stored ones.
        found = stored_maps(self._store, self._weights, content)
        if found is None:
            found = self._saliency(image)
            data = io.BytesIO()
            np.save(data, found, allow_pickle=False)
            described = keys.canonical({"saliency": list(self._weights), "image": content})
            key = map_key(self._weights, content)
            self._store.put_artefacts([Artefact(key, KIND, described, data.getvalue())])
        return found
