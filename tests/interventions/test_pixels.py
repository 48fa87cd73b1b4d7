"""The control images: same size, one colour or another item's content."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from PIL import Image

from ipllvm_spec.errors import EngineError
from ipllvm_spec.interventions.aids import Aids
from ipllvm_spec.interventions.apply import Draw, apply_pixels, split
from ipllvm_spec.interventions.pixels import blank_image, mismatched_image, same_pixels
from ipllvm_spec.spec.interventions import BlankImage, MismatchedImage, SyntheticImage
from tests.pictures import MODES, noise, pictures

LAWS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("mode", MODES)
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


@LAWS
@given(image=pictures, other=pictures)
@example(image=noise(10_000, 1), other=noise(3, 40))
@example(image=noise(1, 1), other=noise(10_000, 7, mode="CMYK"))
def test_a_mismatched_image_has_the_size_of_the_one_it_replaces(image, other):
    """Whatever both are, an RGB image of the same size shows the other's pixels."""
    asked = []

    def give(item_id, seed):
        asked.append((item_id, seed))
        return other

    made = mismatched_image(MismatchedImage(), image, seed=5, item_id="q", aids=Aids(other=give))
    assert (made.mode, made.size) == ("RGB", image.size)
    assert asked == [("q", 5)]
    if other.size == image.size:
        assert same_pixels(made, other)


def test_a_mismatched_image_is_cut_and_not_squeezed():
    """A wide image in a square's place shows its middle."""
    wide = Image.new("RGB", (30, 10), (255, 0, 0))
    wide.paste((0, 0, 255), (10, 0, 20, 10))
    made = mismatched_image(
        MismatchedImage(), noise(10, 10), seed=0, item_id="q", aids=Aids(other=lambda *_: wide)
    )
    assert same_pixels(made, Image.new("RGB", (10, 10), (0, 0, 255)))


def test_a_mismatched_image_needs_others():
    """Without a benchmark around the item there is none."""
    with pytest.raises(EngineError, match=r"MismatchedImage.*'q' came alone"):
        apply_pixels(split(MismatchedImage()).pixels, noise(4, 4), draw=Draw("q", 0, 0))


def test_a_synthetic_image_takes_the_place_of_the_items_own():
    """In its own size, the same for every seed; without one there is nothing to show."""
    made = Image.new("L", (7, 5), 9)
    step, image = split(SyntheticImage()).pixels, noise(4, 4)
    shown = [
        apply_pixels(
            step, image, draw=Draw("q", repeat, 0), aids=Aids(synthetic={"q": made}.__getitem__)
        )
        for repeat in (0, 1)
    ]
    assert [(one.mode, one.size) for one in shown] == [("RGB", (7, 5))] * 2
    assert shown[0].getpixel((0, 0)) == shown[1].getpixel((0, 0)) == (9, 9, 9)
    with pytest.raises(EngineError, match="'q' came without one"):
        apply_pixels(step, image, draw=Draw("q", 0, 0))
