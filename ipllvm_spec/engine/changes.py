"""What an intervention on pixels makes of an item's image, and the proof that it did something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL.Image import Image

from ipllvm_spec.engine.backend import Ask
from ipllvm_spec.errors import InertInterventionError
from ipllvm_spec.interventions.aids import Aids
from ipllvm_spec.interventions.apply import apply_pixels, split
from ipllvm_spec.interventions.draws import Draw


class Changed(NamedTuple):
    """An image as the model sees it, and why nothing of it changed; "" when something did."""

    image: Image | None
    inert: str


def changed_image(item_id: str, image: Image | None, ask: Ask, aids: Aids) -> Changed:
    """Applies the steps on pixels. An image that stays as it is, is the item's true input."""
    steps = split(ask.intervention).pixels
    if image is None or not steps:
        return Changed(image, "")
    try:
        return Changed(apply_pixels(steps, image, draw=draw_of(ask, item_id), aids=aids), "")
    except InertInterventionError as error:
        return Changed(image, error.problem)


def demand_change(ask: Ask, inert: Sequence[str], *, seeing: int) -> None:
    """Raises when an intervention changed no item of a batch.

    A single item may be unchanged by chance (a black image made black); that is its true answer.
    When no item of a batch is changed, the intervention itself does nothing.

    Args:
        ask: What was to be done.
        inert: Why items were not changed, one for each of them.
        seeing: Items of the batch that have an image.

    Raises:
        InertInterventionError: When no item was changed.
    """
    if ask.intervention.steps() and len(inert) == seeing:
        raise InertInterventionError(
            inert[0] if inert else f"{ask.intervention!r} changed nothing: no item has an image",
            "the same holds for every item of its batch, so the measurement would equal the "
            "intact one by construction: choose an intervention that changes the model's input",
        )


def draw_of(ask: Ask, item_id: str) -> Draw:
    """Returns which random draw an item gets."""
    return Draw(item_id=item_id, repeat=ask.repeat, suite_seed=ask.suite_seed)
