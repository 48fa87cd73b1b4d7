"""The blank image: same size, one colour."""

import numpy as np
import pytest
from PIL import Image

from ipllvm_spec.interventions.pixels import blank_image, same_pixels
from ipllvm_spec.spec.interventions import BlankImage


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_blank_keeps_the_size_and_loses_the_content(mode):
    """Whatever the mode, an RGB image of the colour comes back, and the given one is untouched."""
    pixels = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(5, 7, 3)
    image = Image.fromarray(pixels).convert(mode)
    copy = image.copy()
    blank = blank_image(BlankImage(colour=(1, 2, 3)), image, seed=4)
    assert blank.size == (7, 5)
    assert (np.array(blank) == (1, 2, 3)).all()
    assert image.tobytes() == copy.tobytes()


def test_same_pixels_compares_what_a_model_sees():
    """Mode does not matter, one pixel or another size does."""
    black = Image.new("RGB", (4, 4))
    assert same_pixels(black, Image.new("L", (4, 4)))
    assert not same_pixels(black, Image.new("RGB", (4, 5)))
    other = black.copy()
    other.putpixel((3, 3), (0, 0, 1))
    assert not same_pixels(black, other)
