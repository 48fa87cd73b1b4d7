"""Interventions as values: what is changed in the forward pass, without how it is applied.

A value is frozen, hashable, printable and serialisable; its ``repr`` rebuilds it. How each value is
applied lives in ``ipllvm_spec.interventions``, one for one (tested).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator

from ipllvm_spec.errors import SpecError, nearest
from ipllvm_spec.spec.intervention_base import Intervention, Site
from ipllvm_spec.spec.pixel_interventions import (
    BlankImage,
    GridShuffle,
    MismatchedImage,
    PatchDrop,
    SyntheticImage,
)
from ipllvm_spec.spec.token_interventions import KeepGroup, TokenIntervention

__all__ = [
    "INTERVENTIONS",
    "BlankImage",
    "Chain",
    "GridShuffle",
    "Identity",
    "Intervention",
    "KeepGroup",
    "MismatchedImage",
    "PatchDrop",
    "PermuteTokens",
    "Scope",
    "Site",
    "SyntheticImage",
    "TokenIntervention",
    "from_canonical",
    "parse_intervention",
]

Scope = Literal["patches", "all", "base_grid"]


class Identity(Intervention):
    """Changes nothing. Outputs are bit-equal to a run without any intervention (tested)."""

    name: ClassVar[str] = "identity"

    def steps(self) -> tuple[Intervention, ...]:
        """Returns no step at all."""
        return ()


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


class Chain(Intervention):
    """Several interventions, applied from left to right. Built by ``a >> b``, never nested."""

    name: ClassVar[str] = "chain"
    parts: tuple[
        PermuteTokens
        | KeepGroup
        | BlankImage
        | GridShuffle
        | PatchDrop
        | MismatchedImage
        | SyntheticImage,
        ...,
    ] = Field(min_length=2)

    def steps(self) -> tuple[Intervention, ...]:
        """Returns the parts."""
        return tuple(self.parts)


#: Elementary interventions by the name a TOML spec uses. Chain is written as a list.
INTERVENTIONS: Mapping[str, type[Intervention]] = {
    kind.name: kind
    for kind in (
        Identity,
        PermuteTokens,
        KeepGroup,
        BlankImage,
        GridShuffle,
        PatchDrop,
        MismatchedImage,
        SyntheticImage,
    )
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
