"""Dense targets of the patch tokens: what each patch shows, and where it lies.

A contrastive loss alone trains the pooled token and starves the patches, yet the patches are what
the language models will read with the tower frozen. So each patch token also predicts what its
patch shows (colour, thing, size) and where it lies; those heads are thrown away afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ipllvm_spec.mini.recipe.device import training_device
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.scenes import COLORS, GRID, SIZES, THINGS


@dataclass(frozen=True)
class Dense:
    """Targets of patch tokens, each (views, patches); -100 is ignored."""

    colors: torch.Tensor
    things: torch.Tensor
    sizes: torch.Tensor
    rows: torch.Tensor
    cols: torch.Tensor


def dense_targets(world: World, index: NDArray[np.int64], *, tiled: bool) -> Dense:
    """The dense targets of some scenes: one view of 64 patches, or five views of 16."""
    maps = [
        torch.from_numpy(m[index].astype(np.int64)).to(training_device())
        for m in (world.colors, world.things, world.sizes)
    ]
    if not tiled:
        grid = torch.arange(GRID * GRID, device=training_device()).expand(len(index), -1)
        flat = [m.flatten(1) for m in maps]
        return Dense(flat[0], flat[1], flat[2], grid // GRID, grid % GRID)
    half = GRID // 2
    views = []
    for m in maps:
        blocks = m.view(-1, half, 2, half, 2).permute(0, 1, 3, 2, 4).flatten(3)
        agree = (blocks == blocks[..., :1]).all(-1)
        # a patch of the shrunk view covers four patches and has a target where they agree
        whole = torch.where(agree, blocks[..., 0], -100)
        tiles = [m[:, r : r + half, c : c + half] for r in (0, half) for c in (0, half)]
        views.append(torch.stack([whole, *tiles], dim=1).flatten(2).flatten(0, 1))
    grid = torch.arange(half * half, device=training_device()).expand(5 * len(index), -1)
    return Dense(views[0], views[1], views[2], grid // half, grid % half)


class DenseHeads(torch.nn.Module):
    """Linear heads on patch tokens."""

    def __init__(self, *, side: int, width: int) -> None:
        super().__init__()
        self.sizes = (len(COLORS), len(THINGS), 1 + len(SIZES), side, side)
        self.heads = torch.nn.Linear(width, sum(self.sizes))
        self.norm = torch.nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor, dense: Dense) -> tuple[torch.Tensor, dict[str, float]]:
        """Returns the loss and the accuracy of each head."""
        logits = self.heads(self.norm(tokens)).float().split(self.sizes, dim=-1)
        targets = (dense.colors, dense.things, dense.sizes, dense.rows, dense.cols)
        loss = torch.zeros((), device=tokens.device)
        shares = {}
        names = ("colors", "things", "sizes", "rows", "cols")
        for name, head, target in zip(names, logits, targets, strict=True):
            flat, goal = head.flatten(0, 1), target.flatten()
            loss = loss + torch.nn.functional.cross_entropy(flat, goal)
            keep = goal != -100
            if name == "things":
                # empty patches are most of the scene and would hide the hard ones
                keep = keep & (goal != 0)
            shares[name] = float((flat.argmax(-1) == goal)[keep].float().mean())
        return loss, shares
