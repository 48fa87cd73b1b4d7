"""Interventions on the image itself, before the processor sees it."""

from __future__ import annotations

from PIL import Image

from ipllvm_spec.spec.interventions import BlankImage


def blank_image(step: BlankImage, image: Image.Image, *, seed: int) -> Image.Image:
    """Returns an RGB image of the same size in the colour of ``step``.

    The size is kept because any-resolution models choose their tiles by it: the prompt then has
    as many visual tokens as before.

    Args:
        step: Which colour.
        image: The item's image, in any mode.
        seed: Unused; the result is the same for every seed.
    """
    del seed
    return Image.new("RGB", image.size, step.colour)


def same_pixels(first: Image.Image, second: Image.Image) -> bool:
    """Whether a model would be given the same RGB pixels from both images."""
    if first.size != second.size:
        return False
    return first.convert("RGB").tobytes() == second.convert("RGB").tobytes()
