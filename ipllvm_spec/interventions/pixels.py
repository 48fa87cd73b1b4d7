"""Interventions on the image itself, before the processor sees it."""

from __future__ import annotations

from PIL import Image, ImageOps

from ipllvm_spec.errors import EngineError
from ipllvm_spec.interventions.aids import Aids
from ipllvm_spec.spec.interventions import BlankImage, MismatchedImage, SyntheticImage


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


def mismatched_image(
    step: MismatchedImage, image: Image.Image, *, seed: int, item_id: str, aids: Aids
) -> Image.Image:
    """Returns another item's image in RGB, scaled to cover the size of ``image`` and cut to it.

    Args:
        step: Has no settings.
        image: The item's image, of which only the size is used.
        seed: Decides which other image.
        item_id: The item.
        aids: ``other`` is needed.

    Raises:
        EngineError: Without ``aids.other``.
    """
    if aids.other is None:
        raise EngineError(
            f"{step!r} needs the other images of the benchmark, but item '{item_id}' came alone",
            "pass Aids(other=...), a function of item id and seed that returns an image",
        )
    return ImageOps.fit(aids.other(item_id, seed).convert("RGB"), image.size)


def synthetic_image(
    step: SyntheticImage, image: Image.Image, *, seed: int, item_id: str, aids: Aids
) -> Image.Image:
    """Returns the RGB image that was made from the caption of an item, in the generator's size.

    Args:
        step: By whom it was made; whoever gives ``aids`` has seen to that.
        image: The item's image, of which nothing is used.
        seed: Unused; the result is the same for every seed.
        item_id: The item.
        aids: ``synthetic`` is needed.

    Raises:
        EngineError: Without ``aids.synthetic``.
    """
    del image, seed
    if aids.synthetic is None:
        raise EngineError(
            f"{step!r} needs an image made from a caption, but item '{item_id}' came without one",
            "pass Aids(synthetic=...), a function of the item id that returns an image",
        )
    return aids.synthetic(item_id).convert("RGB")


def same_pixels(first: Image.Image, second: Image.Image) -> bool:
    """Whether a model would be given the same RGB pixels from both images."""
    if first.size != second.size:
        return False
    return first.convert("RGB").tobytes() == second.convert("RGB").tobytes()
