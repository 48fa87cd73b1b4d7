"""Interventions as values: what is changed in the forward pass, without how it is applied.

A value is frozen, hashable, printable and serialisable; its ``repr`` rebuilds it. How each value is
applied lives in ``ipllvm_spec.interventions``, one for one (tested).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ipllvm_spec.errors import SpecError, nearest

Site = Literal["none", "pixels", "visual_tokens", "hidden"]
Scope = Literal["patches", "all", "base_grid"]
Entrances = Literal["both", "language"]


class Intervention(BaseModel):
    """Base of all interventions.

    Class attributes:
        name: The key under which a TOML spec writes it.
        site: Where the forward pass is changed.
        version: Raised when the meaning changes, so that stored answers are not reused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str] = ""
    site: ClassVar[Site] = "none"
    version: ClassVar[int] = 1

    def __rshift__(self, after: Intervention) -> Intervention:
        """Composes: first ``self``, then ``after``. ``Identity`` is the neutral element."""
        steps = tuple(step for part in (self, after) for step in part.steps())
        if not steps:
            return Identity()
        return steps[0] if len(steps) == 1 else Chain(parts=steps)

    def steps(self) -> tuple[Intervention, ...]:
        """Returns the elementary interventions in order; empty for ``Identity``."""
        return (self,)

    def needs(self) -> frozenset[str]:
        """Returns the capabilities that a model must have for this to be applicable."""
        return frozenset(need for step in self.steps() for need in step.own_needs())

    def own_needs(self) -> frozenset[str]:
        """Returns what ``needs`` says of one elementary intervention."""
        return frozenset({self.site})

    def drawn(self) -> Intervention:
        """Returns the value whose ``canonical()`` seeds the draws of an elementary intervention."""
        return self

    def settings(self) -> dict[str, Any]:
        """Returns what ``canonical()`` has of an elementary intervention besides its name."""
        return self.model_dump(mode="json")

    def canonical(self) -> str:
        """Returns one JSON text for one meaning: the part of a cell's key."""
        steps = [
            {"name": step.name, "version": step.version, **step.settings()} for step in self.steps()
        ]
        return json.dumps(steps, sort_keys=True, separators=(",", ":"))


class Identity(Intervention):
    """Changes nothing. Outputs are bit-equal to a run without any intervention (tested)."""

    name: ClassVar[str] = "identity"

    def steps(self) -> tuple[Intervention, ...]:
        """Returns no step at all."""
        return ()


class TokenIntervention(Intervention):
    """Base of the interventions on visual tokens.

    Attributes:
        entrances: Where the changed tokens enter. In most families an image enters the language
            model only, and ``both`` is that. Where a second branch reads the image too (Meteor's
            rationale), ``both`` changes its tokens in the same way and ``language`` leaves it the
            intact image. The paper does not say which; the same draws are used for both.
    """

    site: ClassVar[Site] = "visual_tokens"
    entrances: Entrances = "both"

    def own_needs(self) -> frozenset[str]:
        """Adds ``second_entrance`` where only one of two is changed."""
        second = {"second_entrance"} if self.entrances == "language" else set()
        return frozenset({self.site, *second})

    def drawn(self) -> Intervention:
        """Returns the value with ``both``: an ablation compares the same draws."""
        return self.model_copy(update={"entrances": "both"})

    def settings(self) -> dict[str, Any]:
        """Leaves ``both`` away, so that models with one entrance keep their keys and seeds."""
        without = {"entrances"} if self.entrances == "both" else None
        return self.model_dump(mode="json", exclude=without)


class PermuteTokens(TokenIntervention):
    """Permutes visual tokens after the projector and before the language model (Table 1).

    Attributes:
        scope: ``patches`` permutes patch tokens over the whole visual span and leaves newline
            tokens where they are; ``all`` permutes newlines too; ``base_grid`` permutes patch
            tokens within the base view and within the tile grid separately.
        positions: ``stay`` keeps position ids in place; ``travel`` moves each id with its token.
        order: None draws a fresh uniform permutation per item and repeat. Otherwise the k
            equal contiguous spans of the permuted tokens are put into this order, the same for
            every item (k = number of tokens permutes single tokens).
    """

    name: ClassVar[str] = "permute_tokens"
    scope: Scope = "patches"
    positions: Literal["stay", "travel"] = "stay"
    order: tuple[int, ...] | None = None

    @field_validator("order")
    @classmethod
    def _is_permutation(cls, order: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if order is not None and sorted(order) != list(range(len(order))):
            raise ValueError(f"order must be a permutation of 0..{len(order) - 1}")
        return order


class BlankImage(Intervention):
    """Replaces the image by one of the same size in a single colour: the control for seeing.

    Attributes:
        colour: RGB, each 0-255.
    """

    name: ClassVar[str] = "blank_image"
    site: ClassVar[Site] = "pixels"
    colour: tuple[int, int, int] = (0, 0, 0)

    @field_validator("colour")
    @classmethod
    def _in_range(cls, colour: tuple[int, int, int]) -> tuple[int, int, int]:
        if any(not 0 <= channel <= 255 for channel in colour):
            raise ValueError("each channel must lie in 0..255")
        return colour


class Chain(Intervention):
    """Several interventions, applied from left to right. Built by ``a >> b``, never nested."""

    name: ClassVar[str] = "chain"
    parts: tuple[PermuteTokens | BlankImage, ...] = Field(min_length=2)

    def steps(self) -> tuple[Intervention, ...]:
        """Returns the parts."""
        return tuple(self.parts)


#: Elementary interventions by the name a TOML spec uses. Chain is written as a list.
INTERVENTIONS: Mapping[str, type[Intervention]] = {
    kind.name: kind for kind in (Identity, PermuteTokens, BlankImage)
}


def parse_intervention(data: object) -> Intervention:
    """Builds an intervention from what TOML or JSON holds.

    Args:
        data: ``{"permute_tokens": {"scope": "patches"}}``, or a list of such tables for a chain.

    Raises:
        SpecError: For an unknown name or parameter; the message has the nearest right name.
    """
    if isinstance(data, list):
        result: Intervention = Identity()
        for part in data:
            result = result >> parse_intervention(part)
        return result
    if not isinstance(data, Mapping) or len(data) != 1:
        raise SpecError(
            f"an intervention is a table with one key, got {data!r}",
            'write for example { permute_tokens = { scope = "patches" } }',
        )
    ((name, params),) = data.items()
    kind = INTERVENTIONS.get(name)
    if kind is None:
        raise SpecError(f"unknown intervention '{name}'", nearest(str(name), INTERVENTIONS))
    return _build(kind, params)


def from_canonical(text: str) -> Intervention:
    """Rebuilds the value of which ``canonical()`` gave the text."""
    result: Intervention = Identity()
    for step in json.loads(text):
        params = {key: value for key, value in step.items() if key not in ("name", "version")}
        result = result >> _build(INTERVENTIONS[step["name"]], params)
    return result


def _build(kind: type[Intervention], params: Any) -> Intervention:
    try:
        return kind.model_validate(params)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            key = str(first["loc"][0])
            hint = nearest(key, kind.model_fields)
            raise SpecError(f"{kind.name}: unknown key '{key}'", hint) from None
        where = ".".join([kind.name, *(str(part) for part in first["loc"])])
        message = first["msg"].removeprefix("Value error, ")
        raise SpecError(f"{where}: {message[:1].lower()}{message[1:]}") from None
