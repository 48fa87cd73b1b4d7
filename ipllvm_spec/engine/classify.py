"""Vision encoders behind the engine: an image instead of a prompt, a class name as the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL.Image import Image

from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.engine.backend import Ask, Prompt, Reply, Visual
from ipllvm_spec.engine.changes import changed_image, demand_change
from ipllvm_spec.engine.devices import out_of_memory
from ipllvm_spec.engine.plan import TOKEN_BUDGET, WINDOW_UNITS
from ipllvm_spec.errors import DataError, ModelError
from ipllvm_spec.interventions.aids import Aids, Saliency
from ipllvm_spec.models.base import Encoder

#: What an image counts for in a batch: all are resized to one size, so a window is a batch. It is
#: also about what a vision transformer reads of one (197 tokens at 224 pixels), for estimates.
IMAGE_TOKENS = TOKEN_BUDGET // WINDOW_UNITS


class ImageEncoder:
    """Preprocessing ahead of any vision encoder; see ``backend.Encoder``.

    The encoder's own processor runs with it, since it is part of the encoder's protocol.
    """

    def encode(
        self,
        item: Item,
        image: Image | None,
        ask: Ask,
        *,
        other: Callable[[str, int], Image] | None = None,
        saliency: Saliency | None = None,
    ) -> Prompt:
        """Applies the interventions on pixels; there is no prompt."""
        if image is None:
            raise DataError(
                f"item '{item.item_id}' has no image, so an encoder has nothing to classify"
            )
        shown, inert = changed_image(item.item_id, image, ask, Aids(saliency, other))
        assert shown is not None
        return Prompt(
            item_id=item.item_id,
            encoded=shown,
            length=IMAGE_TOKENS,
            nbytes=3 * shown.width * shown.height,
            inert=inert,
        )


class Classifier:
    """One encoder that names classes; see ``backend.LoadedModel``.

    Args:
        encoder: The encoder.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def visual(self, prompts: Sequence[Prompt]) -> Visual:
        """Hands the images on: without a projector there is nothing to reuse."""
        return Visual(tuple(prompts), (None,) * len(prompts), sum(p.nbytes for p in prompts))

    def answer(self, visual: Visual, ask: Ask) -> list[Reply]:
        """Names the class of the largest score."""
        classes = ask.classes
        if classes is None:
            raise ModelError(
                f"'{self._encoder.identity.ref}' was asked a question and only names classes"
            )
        inert = [prompt.inert for prompt in visual.prompts if prompt.inert]
        demand_change(ask, inert, seeing=len(visual.prompts))
        images = [prompt.encoded for prompt in visual.prompts]
        with out_of_memory():
            scores = self._encoder.classify(images, classes.names, templates=classes.templates)
        best = scores.topk(min(2, len(classes.names)))
        return [
            Reply(classes.names[places[0]], 0, values[0] - values[-1])
            for places, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
