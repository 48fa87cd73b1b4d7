"""How each declared intervention is applied, and the proof that it changed something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from PIL.Image import Image

from ipllvm_spec.errors import InertInterventionError, SpecError
from ipllvm_spec.interventions.aids import Aids
from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.interventions.draws import Draw, Step
from ipllvm_spec.interventions.grids import grid_shuffle
from ipllvm_spec.interventions.groups import keep_group
from ipllvm_spec.interventions.occlusion import patch_drop
from ipllvm_spec.interventions.pixels import (
    blank_image,
    mismatched_image,
    same_pixels,
    synthetic_image,
)
from ipllvm_spec.interventions.tokens import permute_tokens
from ipllvm_spec.spec.interventions import (
    BlankImage,
    GridShuffle,
    Intervention,
    KeepGroup,
    MismatchedImage,
    PatchDrop,
    PermuteTokens,
    SyntheticImage,
    TokenIntervention,
)


@dataclass(frozen=True)
class Applier:
    """How one kind of intervention is applied.

    Attributes:
        site: ``pixels`` (PIL image to PIL image) or ``visual_tokens`` (X_V to X_V).
        function: Called as ``function(step, subject, seed=...)``.
        aided: Whether it is also given ``item_id=..., aids=...``. On pixels only.
    """

    site: Literal["pixels", "visual_tokens"]
    function: Callable[..., Any]
    aided: bool = False


#: One entry per declared intervention, by the name a TOML spec uses. Identity has no steps and
#: therefore nothing to apply.
APPLIERS: Mapping[str, Applier | None] = MappingProxyType(
    {
        "identity": None,
        PermuteTokens.name: Applier("visual_tokens", permute_tokens),
        KeepGroup.name: Applier("visual_tokens", keep_group),
        BlankImage.name: Applier("pixels", blank_image),
        GridShuffle.name: Applier("pixels", grid_shuffle),
        PatchDrop.name: Applier("pixels", patch_drop, aided=True),
        MismatchedImage.name: Applier("pixels", mismatched_image, aided=True),
        SyntheticImage.name: Applier("pixels", synthetic_image, aided=True),
    }
)


@dataclass(frozen=True)
class Split:
    """An intervention divided at the projector.

    Attributes:
        pixels: Steps on the image; empty when the intact projector output can be reused.
        tokens: Steps on the visual tokens.
    """

    pixels: tuple[Step, ...]
    tokens: tuple[Step, ...]


def split(intervention: Intervention) -> Split:
    """Divides an intervention into the steps before the vision tower and those after the projector.

    Raises:
        SpecError: When a step on pixels follows one on visual tokens: by then the image is gone.
    """
    pixels: list[Step] = []
    tokens: list[Step] = []
    for index, part in enumerate(intervention.steps()):
        applier = _applier(part)
        if applier.site == "visual_tokens":
            tokens.append(Step(index, part))
        elif tokens:
            raise SpecError(
                f"{part!r} changes pixels but comes after {tokens[-1].intervention!r}, "
                "which changes the visual tokens made from them",
                "put the steps on pixels first",
            )
        else:
            pixels.append(Step(index, part))
    return Split(tuple(pixels), tuple(tokens))


#: Nothing beyond the image itself.
_ALONE = Aids()


def apply_pixels(steps: Sequence[Step], image: Image, *, draw: Draw, aids: Aids = _ALONE) -> Image:
    """Applies steps on pixels from left to right.

    Args:
        steps: From ``split``.
        image: The item's image, in any mode and size.
        draw: Which random draw is meant.
        aids: What some steps need beyond the image.

    Raises:
        EngineError: When an aid is missing that a step needs.
        ModelError: When a saliency map cannot be used.
        InertInterventionError: When a step, or all together, left every pixel as it was.
    """
    result = image
    for step in steps:
        before = result
        applier = _applier(step.intervention)
        extra = {"item_id": draw.item_id, "aids": aids} if applier.aided else {}
        result = applier.function(step.intervention, before, seed=step.seed(draw), **extra)
        if same_pixels(before, result):
            raise _inert((step,), draw, "every pixel of the image")
    if len(steps) > 1 and same_pixels(image, result):
        raise _inert(steps, draw, "every pixel of the image")
    return result


def apply_tokens(steps: Sequence[Step], visual: VisualTokens, *, draw: Draw) -> VisualTokens:
    """Applies steps on visual tokens from left to right.

    Raises:
        InertInterventionError: When a step, or all together, left the input of the language model
            bit-identical: fewer than two tokens to permute, an explicit order that is the
            identity, a group that is the whole grid, or steps that undo each other.
    """
    result = visual
    for step in steps:
        before = result
        result = _at_entrances(step, before, seed=step.seed(draw))
        if before.equals(result):
            raise _inert((step,), draw, f"all {visual.tokens.shape[0]} visual tokens")
    if len(steps) > 1 and visual.equals(result):
        raise _inert(steps, draw, f"all {visual.tokens.shape[0]} visual tokens")
    return result


def _at_entrances(step: Step, visual: VisualTokens, *, seed: int) -> VisualTokens:
    """Applies one step where it enters; the same seed makes the same change at both entrances."""
    function = _applier(step.intervention).function
    changed: VisualTokens = function(step.intervention, replace(visual, second=None), seed=seed)
    second = visual.second
    only = isinstance(step.intervention, TokenIntervention) and (
        step.intervention.entrances == "language"
    )
    if second is not None and not only:
        second = function(step.intervention, second, seed=seed)
    return replace(changed, second=second)


def _applier(step: Intervention) -> Applier:
    applier = APPLIERS.get(step.name)
    if applier is None:
        raise SpecError(
            f"nothing says how {step!r} is applied",
            "an intervention needs an entry in ipllvm_spec.interventions.apply.APPLIERS",
        )
    return applier


def _inert(steps: Sequence[Step], draw: Draw, what: str) -> InertInterventionError:
    named = " >> ".join(repr(step.intervention) for step in steps)
    return InertInterventionError(
        f"{named} changed nothing: it left {what} of item '{draw.item_id}' "
        f"(repeat {draw.repeat}) bit-identical",
        "a measurement of it would equal the intact one by construction: choose an intervention "
        "that changes this item, or leave the item out",
    )
