"""Images of any mode and size for laws of interventions on pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from PIL import Image

MODES = ("RGB", "L", "RGBA", "LA", "P", "CMYK", "I;16", "I", "F", "1")


def noise(width: int, height: int, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture in which hardly two pixels are equal."""
    generator = np.random.default_rng(seed)
    if mode == "I;16":
        return Image.fromarray(generator.integers(0, 300, (height, width), dtype=np.uint16))
    values = generator.integers(0, 256, (height, width, 4), dtype=np.uint8)
    picture = Image.fromarray(values)
    return picture if mode == "RGBA" else picture.convert("RGB").convert(mode)


def seen(image: Image.Image) -> np.ndarray:
    """What a model's processor takes from an image: (height, width, 3)."""
    return np.array(image.convert("RGB"))


sides = st.integers(1, 40)
pictures = st.builds(
    noise, sides, sides, mode=st.sampled_from(MODES), seed=st.integers(0, 2**32 - 1)
)
