"""Claims across models: which model another one is compared with, on the same units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field

from ipllvm_spec.spec.entries import Data, Frozen, ModelEntry, Text


class Against(Frozen):
    """What models of one pattern are compared with.

    Attributes:
        pattern: Model reference with ``*`` as wildcard.
        models: Keys of models.toml, at most one for each kind of data: both sides of a comparison
            are measured on the same units, so the one on the model's own data is meant.
    """

    pattern: Text
    models: tuple[Text, ...] = Field(min_length=1)

    @classmethod
    def listed(cls, table: Mapping[str, object]) -> tuple[Against, ...]:
        """Builds what ``against = { "*" = "resnet-50" }`` holds, one model or a list for each.

        Raises:
            ValidationError: For anything else.
        """
        return tuple(
            cls.model_validate(
                {
                    "pattern": pattern,
                    "models": tuple(value) if isinstance(value, list) else (value,),
                },
                strict=True,
            )
            for pattern, value in table.items()
        )

    def specificity(self) -> tuple[int, int]:
        """Sort key: fewer wildcards first win, then the longer pattern."""
        return pattern_specificity(self.pattern)


class Reference(NamedTuple):
    """The model that a case is compared with."""

    model: str
    entry: ModelEntry


def choose(
    against: tuple[Against, ...], model: str, *, data: Data, models: Mapping[str, ModelEntry]
) -> Reference | None:
    """Returns what a model is compared with; None where nothing fits its name and data.

    Args:
        against: What the claim declares.
        model: Full reference of the model.
        data: What the model is measured on.
        models: The registry.
    """
    found = [one for one in against if glob_matches(one.pattern, model)]
    for one in sorted(found, key=Against.specificity, reverse=True):
        for name in one.models:
            if models[name].data == data:
                return Reference(name, models[name])
    return None


def pattern_specificity(pattern: str) -> tuple[int, int]:
    """Sort key of patterns: fewer wildcards win, then the longer one."""
    return (-pattern.count("*"), len(pattern))


def glob_matches(pattern: str, text: str) -> bool:
    """Whether a pattern with ``*`` as its only wildcard matches a whole text."""
    # Only "*" is a wildcard: fnmatch would also read the brackets that a local path may hold.
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
