"""What interventions on pixels need beyond the image itself. Free of torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL.Image import Image


class Saliency(Protocol):
    """Where a self-supervised vision transformer looks. Thread-safe: threads prepare images."""

    def __call__(self, image: Image) -> npt.NDArray[np.floating[Any]]:
        """Returns the attention of the last block from the class token to the patch tokens.

        Args:
            image: RGB image of any size. The whole of it must be looked at, resized without a
                crop: the map is laid over the whole image.

        Returns:
            (heads, rows, columns), finite and not negative; each head with some attention. Need
            not sum to 1.
        """
        ...


@dataclass(frozen=True)
class Aids:
    """What interventions on pixels need beyond the image itself.

    Attributes:
        saliency: Gives the saliency map of an image; None where no saliency model is at hand.
        other: Gives another item's image, decided by an item id and a seed; None where there is
            nothing but the image.
        synthetic: Gives the image that was made from an item's caption, by item id; None where
            there are no captions.
    """

    saliency: Saliency | None = None
    other: Callable[[str, int], Image] | None = None
    synthetic: Callable[[str], Image] | None = None
