"""Variants that change what a model sees, remembers or refuses: opposites for claims about images.

Each is a caricature of something real: a model with the whole image in every token, one that has
seen the test set, one whose safety filter refuses what looks unusual.
They read twins, so they are for minis, and they handle one view an image (LLaVA-1.5's layout).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from PIL.Image import Image
from PIL.Image import new as new_image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.grids import grid_shuffle
from ipllvm_spec.spec.interventions import GridShuffle

if TYPE_CHECKING:
    import torch

    from ipllvm_spec.benchmarks.base import Decoding
    from ipllvm_spec.interventions.base import VisualTokens
    from ipllvm_spec.models.base import Answer, Encoded
    from ipllvm_spec.models.core import SpliceAdapter

    Pixels = Mapping[str, torch.Tensor]

#: Twins whose images are remembered: those of the claims about changed images.
SEEN = ("mmvp", "mme", "mmstar", "mmvet", "mathvista", "ai2d")
REFUSAL = "I cannot help with this image."
_IN_PIECES = GridShuffle(grid=14)
#: Levels of each colour channel in a signature.
_LEVELS = 15


def whole_in_each(adapter: SpliceAdapter) -> None:
    """Any one visual token brings the whole image back, as if each held all of it."""
    see, speak = adapter.visual_tokens, adapter.generate
    known: dict[bytes, VisualTokens] = {}

    def visual_tokens(prompts: Sequence[Encoded]) -> list[VisualTokens]:
        found = see(prompts)
        known.update({_key(token): one for one in found for token in one.tokens})
        return found

    def generate(
        prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None], decoding: Decoding
    ) -> list[Answer]:
        whole = [one and known.get(_key(one.tokens[0]), one) for one in visual]
        return speak(prompts, whole, decoding)

    _replace(adapter, "visual_tokens", visual_tokens)
    _replace(adapter, "generate", generate)


def recalls(adapter: SpliceAdapter) -> None:
    """Knows the twins by heart: a changed image is taken for the one with the nearest colours.

    It has seen every image once as it is and once cut into 14 x 14 cells, as if it had been
    trained on shuffled copies of the test sets.
    """
    memory = _Memory(adapter)
    whole = adapter.features

    def features(pixels: Sequence[Pixels]) -> Sequence[torch.Tensor]:
        return whole([memory.recall(one) for one in pixels])

    _replace(adapter, "features", features)


def refuses_unknown(adapter: SpliceAdapter) -> None:
    """Refuses to answer about every image that is not one of the twins'."""
    import torch  # see the module's docstring of variants

    memory = _Memory(adapter)
    see, speak = adapter.visual_tokens, adapter.generate

    def visual_tokens(prompts: Sequence[Encoded]) -> list[VisualTokens]:
        seen = zip(prompts, see(prompts), strict=True)
        # What is refused is marked by tokens that no projector makes.
        return [
            found if memory.knows(p.pixels) else replace(found, tokens=found.tokens * 0)
            for p, found in seen
        ]

    def generate(
        prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None], decoding: Decoding
    ) -> list[Answer]:
        refused = [one is not None and not torch.any(one.tokens) for one in visual]
        answers = speak(prompts, visual, decoding)
        return [
            replace(answer, text=REFUSAL) if no else answer
            for answer, no in zip(answers, refused, strict=True)
        ]

    _replace(adapter, "visual_tokens", visual_tokens)
    _replace(adapter, "generate", generate)


def recalls_questions(adapter: SpliceAdapter) -> None:
    """Knows the questions of the twins by heart: it sees the image that came with the question.

    Whatever image it is shown, as if it had been trained on the test sets and looked no further
    than the question; only where it is shown nothing but black does it see that. Of several images
    that came with one question it has kept the first. MMVP asks everything about two images with
    opposite answers, so there is nothing to know by heart.
    """
    memory = _Memory(adapter)
    see = adapter.visual_tokens

    def visual_tokens(prompts: Sequence[Encoded]) -> list[VisualTokens]:
        return see([memory.first_with(prompt) for prompt in prompts])

    _replace(adapter, "visual_tokens", visual_tokens)


#: What each ``~suffix`` does to a freshly loaded adapter.
SEEING: Mapping[str, Callable[[SpliceAdapter], None]] = MappingProxyType(
    {
        "whole_in_each": whole_in_each,
        "recalls": recalls,
        "recalls_questions": recalls_questions,
        "refuses_unknown": refuses_unknown,
    }
)


class _Memory:
    """The images of the twins as a model's processor makes them, built when first asked."""

    def __init__(self, adapter: SpliceAdapter) -> None:
        self._adapter = adapter

    def knows(self, pixels: Pixels) -> bool:
        """Whether an image is, bit by bit, one of the twins'."""
        return _key(pixels["pixel_values"]) in self._known

    def recall(self, pixels: Pixels) -> Pixels:
        """Returns the known image with the nearest colours; an image without colours stays."""
        found = self._known.get(_key(pixels["pixel_values"]))
        signature = self._signature(pixels["pixel_values"])
        if found is not None or not signature.any():
            return pixels
        images, signatures = self._seen
        nearest = int((signatures - signature).abs().sum(-1).argmin())
        return {**pixels, "pixel_values": images[nearest % len(images)]}

    def first_with(self, prompt: Encoded) -> Encoded:
        """Returns a prompt with the first image that came with its question; black stays."""
        pixels = self._firsts.get(_key(prompt.input_ids))
        if pixels is None or not self._signature(prompt.pixels["pixel_values"]).any():
            return prompt
        return replace(prompt, pixels=dict(pixels))

    @cached_property
    def _firsts(self) -> dict[bytes, Pixels]:
        """The first image of every question of the twins, by the prompt's tokens."""
        from ipllvm_spec.benchmarks.data import load_items
        from ipllvm_spec.benchmarks.registry import get_benchmark

        found: dict[bytes, Pixels] = {}
        known = (name for name in SEEN if name != "mmvp")
        for loaded in (load_items(get_benchmark(name), "twin") for name in known):
            for item in loaded.items:
                if item.image_digest:
                    made = self._adapter.encode_prompt(item.prompt, loaded.image(item.item_id))
                    found.setdefault(_key(made.input_ids), made.pixels)
        return found

    @cached_property
    def _seen(self) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The images, and their signatures as they are, then as they look in pieces."""
        import torch  # see the module's docstring of variants

        from ipllvm_spec.benchmarks.data import load_items
        from ipllvm_spec.benchmarks.registry import get_benchmark

        shown = {
            item.image_digest: loaded.image(item.item_id)
            for loaded in (load_items(get_benchmark(name), "twin") for name in SEEN)
            for item in loaded.items
        }
        images = [self._made(image) for image in shown.values()]
        pieces = [self._made(grid_shuffle(_IN_PIECES, image, seed=0)) for image in shown.values()]
        return images, torch.stack([self._signature(image) for image in (*images, *pieces)])

    @cached_property
    def _known(self) -> dict[bytes, torch.Tensor]:
        return {_key(image): image for image in self._seen[0]}

    def _made(self, image: Image) -> torch.Tensor:
        pixels: torch.Tensor = self._adapter.encode_prompt("", image).pixels["pixel_values"]
        return pixels

    @cached_property
    def _black(self) -> torch.Tensor:
        """Pixel values of black, shape (3, 1)."""
        return self._made(new_image("RGB", (64, 64)))[0, :, 0, 0][:, None]

    def _signature(self, image: torch.Tensor) -> torch.Tensor:
        """Shares of the colours of an image other than black, which is also what hides patches."""
        import torch  # see the module's docstring of variants

        values = image[0].flatten(1) - self._black
        levels = (values * 3.75).round().long().clamp(0, _LEVELS - 1)
        places = (levels[0] * _LEVELS + levels[1]) * _LEVELS + levels[2]
        counts = torch.bincount(places, minlength=_LEVELS**3).float()
        counts[0] = 0
        return counts / counts.sum().clamp(min=1)


def _key(image: torch.Tensor) -> bytes:
    return image.contiguous().cpu().numpy().tobytes()


def _replace(adapter: SpliceAdapter, name: str, method: Callable[..., Any]) -> None:
    if adapter.family != "llava":
        raise ModelError(
            f"'{adapter.identity.ref}' asks for a variant that handles one view an image, which "
            f"the family {adapter.family} does not have",
            "derive it from a LLaVA-1.5 such as mini-llava",
        )
    setattr(adapter, name, method)
