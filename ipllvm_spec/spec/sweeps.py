"""Sweeps: one intervention at several strengths or places, written as one table.

    sweep = { grid_shuffle = { grid = [2, 4, 8, 14] } }
    sweep = { keep_group = { m = 6, group = "each" } }

A list stands for one intervention per element wherever the field itself is no list; several lists
give every combination, the last one varying fastest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, get_origin

from ipllvm_spec.errors import SpecError, nearest
from ipllvm_spec.spec.interventions import INTERVENTIONS, Intervention, parse_intervention

#: What a profile measures of a sweep: ``(("patch_drop.ratio", (0.3, 0.5)),)``.
Levels = tuple[tuple[str, tuple[Any, ...]], ...]


def parse_sweep(data: object) -> tuple[Intervention, ...]:
    """Builds the interventions of a sweep from what TOML holds.

    Args:
        data: A table with one intervention, some of whose parameters are lists of values.

    Returns:
        At least two different interventions, in the order written.

    Raises:
        SpecError: For an unknown name or parameter, a sweep of one, or one that repeats itself.
    """
    if not isinstance(data, Mapping) or len(data) != 1:
        raise SpecError(
            f"a sweep is a table with one intervention, got {data!r}",
            "write for example { grid_shuffle = { grid = [2, 4, 8] } }",
        )
    ((name, params),) = data.items()
    kind = INTERVENTIONS.get(name)
    if kind is None or not isinstance(params, Mapping):
        # A single intervention is wrong in the same way and says so.
        return (parse_intervention(data),)
    params = kind.listed(params)
    swept = [key for key, value in params.items() if _is_swept(kind, key, value)]
    fixed = {key: value for key, value in params.items() if key not in swept}
    found = [
        parse_intervention({name: {**fixed, **dict(zip(swept, values, strict=True))}})
        for values in product(*(params[key] for key in swept))
    ]
    if len(found) < 2:
        raise SpecError(f"{name}: a sweep needs at least two values of a parameter")
    if len(set(found)) < len(found):
        raise SpecError(f"{name}: a sweep names the same intervention twice")
    return tuple(found)


def within(sweep: Iterable[Intervention], levels: Levels) -> tuple[Intervention, ...]:
    """Returns the interventions of a sweep that a profile measures.

    Args:
        sweep: The declared interventions.
        levels: Values to keep by ``<intervention>.<parameter>``; others are not restricted.
    """
    return tuple(one for one in sweep if all(_kept(step, levels) for step in one.steps()))


def check_levels(levels: Levels, where: str) -> None:
    """Raises ``SpecError`` for a level of an intervention or parameter that does not exist."""
    for key, _ in levels:
        name, _, parameter = key.partition(".")
        if name not in INTERVENTIONS:
            hint = nearest(name, INTERVENTIONS)
            raise SpecError(f"{where}: unknown intervention '{name}'; {hint}")
        fields = INTERVENTIONS[name].model_fields
        if parameter not in fields:
            hint = nearest(parameter, fields)
            raise SpecError(f"{where}.{name}: unknown parameter '{parameter}'; {hint}")


def _kept(step: Intervention, levels: Levels) -> bool:
    return all(
        getattr(step, key.partition(".")[2]) in values
        for key, values in levels
        if key.partition(".")[0] == step.name
    )


def _is_swept(kind: type[Intervention], key: str, value: object) -> bool:
    """Whether a value is a list of values for a field, and not a value that is a list."""
    if not isinstance(value, Sequence) or isinstance(value, str) or key not in kind.model_fields:
        return False
    if not _takes_list(kind.model_fields[key].annotation):
        return True
    return any(isinstance(part, Sequence) and not isinstance(part, str) for part in value)


def _takes_list(annotation: Any) -> bool:
    if get_origin(annotation) is tuple:
        return True
    return any(_takes_list(part) for part in getattr(annotation, "__args__", ()))
