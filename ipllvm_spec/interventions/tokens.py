"""Interventions on the visual tokens X_V, between projector and language model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ipllvm_spec.interventions.base import TokenKind, VisualTokens
from ipllvm_spec.spec.interventions import PermuteTokens
from ipllvm_spec.spec.orders import expand_order, fresh_order


def permute_tokens(step: PermuteTokens, visual: VisualTokens, *, seed: int) -> VisualTokens:
    """Puts the visual tokens that ``step`` addresses into another order.

    Without an explicit order, each permuted group gets a fresh permutation, uniform over those
    that move at least one token. (Identity is excluded so that a group of two or three tokens is
    never left as it was; from eight tokens on its probability is below 3e-5.)

    Args:
        step: Scope, what happens to position ids, explicit order if any.
        visual: The (n, d) tokens of one image. A token's kind moves with it.
        seed: Seed of the draw; ignored when ``step.order`` is given.

    Returns:
        Tokens in the new order. A group of fewer than two tokens is left as it is.
    """
    count = visual.tokens.shape[0]
    source = np.arange(count)
    generator = np.random.default_rng(seed)
    for slots in _groups(step, visual.kinds):
        source[slots] = slots[_order(step, slots.size, generator)]
    index = torch.from_numpy(source)
    positions = visual.positions
    return replace(
        visual,
        tokens=visual.tokens[index.to(visual.tokens.device)],
        kinds=visual.kinds[index.to(visual.kinds.device)],
        positions=positions[index.to(positions.device)]
        if step.positions == "travel"
        else positions,
    )


def _groups(step: PermuteTokens, kinds: torch.Tensor) -> list[np.ndarray]:
    """Returns the slots that are permuted among themselves, one int64 array per group."""
    kind = kinds.cpu().numpy()
    if step.scope == "all":
        return [np.arange(kind.size)]
    if step.scope == "patches":
        # Newlines are a learned constant, not an output of the projector: they are no patches.
        return [np.flatnonzero(kind != TokenKind.NEWLINE)]
    return [np.flatnonzero(kind == part) for part in (TokenKind.BASE, TokenKind.GRID)]


def _order(step: PermuteTokens, count: int, generator: np.random.Generator) -> np.ndarray:
    """Returns the (count,) source index for each slot of a group."""
    if step.order is not None and count > 1:
        return expand_order(step.order, count)
    return fresh_order(count, generator)
