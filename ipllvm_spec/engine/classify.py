"""Vision encoders behind the engine: an image instead of a prompt, a class name as the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import torch
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


class Views(NamedTuple):
    """An image as it is and as an intervention leaves it."""

    intact: Image
    shown: Image


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
        synthetic: Callable[[str], Image] | None = None,
    ) -> Prompt:
        """Applies the interventions on pixels; there is no prompt."""
        if image is None:
            raise DataError(
                f"item '{item.item_id}' has no image, so an encoder has nothing to classify"
            )
        shown, inert = changed_image(item.item_id, image, ask, Aids(saliency, other, synthetic))
        assert shown is not None
        views = Views(image, shown) if ask.similarity else shown
        return Prompt(
            item_id=item.item_id,
            encoded=views,
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
        """Names the class of the largest score, or says how similar two views are."""
        if ask.similarity:
            return self._similarities(visual, ask)
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

    def _similarities(self, visual: Visual, ask: Ask) -> list[Reply]:
        """Returns the cosine of the embeddings of both views of each image, as text."""
        inert = [prompt.inert for prompt in visual.prompts if prompt.inert]
        demand_change(ask, inert, seeing=len(visual.prompts))
        views: list[Views] = [prompt.encoded for prompt in visual.prompts]
        with out_of_memory():
            embeddings = self._encoder.encode(chain.from_iterable(views))
        pairs = embeddings.double().reshape(len(views), 2, -1)
        cosines = torch.nn.functional.cosine_similarity(pairs[:, 0], pairs[:, 1], dim=-1)
        return [Reply(f"{value:.6f}", 0, 0.0) for value in cosines.tolist()]
