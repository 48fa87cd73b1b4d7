"""What every intervention is: a frozen value with a name, a site, a key and a place in a chain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Site = Literal["none", "pixels", "visual_tokens", "hidden"]


class Intervention(BaseModel):
    """Base of all interventions.

    Class attributes:
        name: The key under which a TOML spec writes it.
        site: Where the forward pass is changed.
        version: Raised when the meaning changes, so that stored answers are not reused.
        undrawn: Fields that do not decide what is drawn, only what is done with it. Values that
            differ in nothing else share their random draws.
        unkeyed: Fields that name what the key of a cell identifies by its content instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str] = ""
    site: ClassVar[Site] = "none"
    version: ClassVar[int] = 1
    undrawn: ClassVar[frozenset[str]] = frozenset()
    unkeyed: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def listed(cls, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the parameters of a sweep with what stands for a list of values written out."""
        return params

    def __rshift__(self, after: Intervention) -> Intervention:
        """Composes: first ``self``, then ``after``. ``Identity`` is the neutral element."""
        # Chain lists every kind, so it can only be defined after all of them.
        from ipllvm_spec.spec.interventions import Chain, Identity

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

    @property
    def needs_saliency(self) -> bool:
        """Whether a saliency map of the image decides what is changed."""
        return any(step.needs_saliency for step in self.steps() if step is not self)

    @property
    def needs_synthetic(self) -> bool:
        """Whether an image made from a caption stands in the place of the item's own."""
        return any(step.needs_synthetic for step in self.steps() if step is not self)

    def own_needs(self) -> frozenset[str]:
        """Returns what ``needs`` says of one elementary intervention."""
        return frozenset({self.site})

    def settings(self) -> dict[str, Any]:
        """Returns what ``canonical()`` has of an elementary intervention besides its name."""
        return self.model_dump(mode="json")

    def canonical(self) -> str:
        """Returns one JSON text for one meaning: the part of a cell's key."""
        return _text([_plain(step, frozenset()) for step in self.steps()])

    def keyed(self) -> list[dict[str, Any]]:
        """Returns ``canonical()`` as data, less ``unkeyed``: what the key of a cell has of it."""
        return [_plain(step, step.unkeyed) for step in self.steps()]

    def draw_key(self) -> str:
        """Returns the part of a seed that names what is drawn: ``canonical()`` less ``undrawn``."""
        return _text([_plain(step, step.undrawn) for step in self.steps()])


def _plain(step: Intervention, left_out: frozenset[str]) -> dict[str, Any]:
    fields = {key: value for key, value in step.settings().items() if key not in left_out}
    return {"name": step.name, "version": step.version, **fields}


def _text(steps: list[dict[str, Any]]) -> str:
    return json.dumps(steps, sort_keys=True, separators=(",", ":"))
