"""What makes an image of a caption. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from PIL.Image import Image


class Synthetic(NamedTuple):
    """An image that was made of a caption, and whether anything of the caption is in it."""

    image: Image
    understood: bool


class ImageGenerator(Protocol):
    """One generator. Thread-safe: threads prepare images.

    Attributes:
        identity: Name, version, weights, and whatever else decides its images, as JSON data.
        seeded: Whether it draws at random, so that the seed decides too.
    """

    identity: Mapping[str, Any]
    seeded: bool

    def make(self, caption: str, *, seed: int) -> Synthetic:
        """Makes an RGB image of any text; the same one for the same text and seed.

        Args:
            caption: What the image shall show.
            seed: In [0, 2**63).

        Raises:
            ModelError: When its weights cannot be loaded.
        """
        ...
