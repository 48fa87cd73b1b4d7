"""Groups of neighbouring visual patch tokens: all others leave the prompt."""

from __future__ import annotations

from dataclasses import replace

import torch

from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.spec.token_interventions import Block, KeepGroup


def keep_group(step: KeepGroup, visual: VisualTokens, *, seed: int) -> VisualTokens:
    """Returns the tokens of one group, or their mean, with everything else removed.

    A group is a set of places of the grid, so after a permutation it holds whatever was put there.

    Args:
        step: Which group, and what becomes of position ids.
        visual: The (n, d) tokens of one image, ``grid`` given.
        seed: Unused; the result is the same for every seed.

    Raises:
        SpecError: When there is no grid, or a side of it has fewer patches than ``step.m``.
    """
    del seed
    block = step.block(visual.grid)
    slots = _slots(visual, block)
    if step.how == "keep":
        tokens = visual.tokens[slots.to(visual.tokens.device)]
        grid = (len(block.rows), len(block.columns))
    else:
        # Summed in float32: a mean in half precision would depend on the order of the tokens.
        pooled = visual.tokens[slots.to(visual.tokens.device)].float().mean(dim=0, keepdim=True)
        tokens = pooled.to(visual.tokens.dtype)
        slots = _slots(visual, Block(_middle(block.rows), _middle(block.columns)))
        grid = (1, 1)
    positions = visual.positions[slots.to(visual.positions.device)]
    gone = visual.tokens.shape[0] - tokens.shape[0]
    if step.positions == "retained":
        vacant = visual.vacant + gone
    else:
        # Ranks rather than a plain count: ids that have travelled keep their order.
        positions, vacant = positions.argsort().argsort(), 0
    return replace(
        visual,
        tokens=tokens,
        kinds=visual.kinds[slots.to(visual.kinds.device)],
        positions=positions,
        grid=grid,
        removed=visual.removed + gone,
        vacant=vacant,
    )


def _slots(visual: VisualTokens, block: Block) -> torch.Tensor:
    """Returns the slots of a block of the grid in raster order, on the CPU."""
    assert visual.grid is not None
    width = visual.grid[1]
    return torch.tensor([row * width + column for row in block.rows for column in block.columns])


def _middle(part: range) -> range:
    """Returns the middle index of a part as a range; of two middles the first."""
    return part[(len(part) - 1) // 2 :][:1]
