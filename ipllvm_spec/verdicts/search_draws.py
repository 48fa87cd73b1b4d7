"""Uniform draws of what a search looks for: one value of the template's kind for all items."""

from __future__ import annotations

import numpy as np

from ipllvm_spec.spec.interventions import (
    GridShuffle,
    Intervention,
    KeepGroup,
    PatchDrop,
    PermuteTokens,
)


def drawn_like(
    template: Intervention, generator: np.random.Generator, *, spans: int | None = None
) -> Intervention:
    """Draws one intervention that a template leaves open.

    Args:
        template: ``permute_tokens`` or ``grid_shuffle`` without an order, ``keep_group``, whose
            group is drawn anew, or ``patch_drop`` of random patches: as many as its ratio says.
        generator: Draws.
        spans: Spans of tokens, for ``permute_tokens``.

    Raises:
        ValueError: For another template.
    """
    match template:
        case PermuteTokens() if spans is not None:
            return template.model_copy(update={"order": _order(generator, spans)})
        case GridShuffle(grid=grid):
            return template.model_copy(update={"order": _order(generator, grid * grid)})
        case KeepGroup(m=m):
            row, column = generator.integers(m, size=2).tolist()
            return template.model_copy(update={"group": (row, column)})
        case PatchDrop(kind="random", grid=grid):
            hidden = generator.choice(grid * grid, size=template.dropped(), replace=False)
            return PatchDrop(patches=tuple(sorted(hidden.tolist())), grid=grid, fill=template.fill)
    raise ValueError(f"a search cannot draw anything like {template!r}")


def _order(generator: np.random.Generator, n: int) -> tuple[int, ...]:
    """Draws an order of ``n`` things uniformly over those that move something."""
    while True:
        order = tuple(int(place) for place in generator.permutation(n))
        # An order that moves nothing is no intervention, and measuring one is an error.
        if order != tuple(range(n)) or n < 2:
            return order
