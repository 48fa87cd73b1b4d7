"""Visual tokens into the prompt: from encoded prompts to one left-padded batch of embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.models.base import Encoded


@dataclass(frozen=True)
class PromptBatch:
    """What the language model gets for a batch of prompts, padded on the left.

    Attributes:
        embeds: (batch, length, d) input embeddings with visual tokens in place.
        mask: (batch, length) int64, 1 where there is a token.
        positions: (batch, length) int64 position ids; 0 in padding.
        visual: (batch, length) bool, true at visual tokens.
        ends: (batch, 1) int64 position id of the token that follows the prompt.
    """

    embeds: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor
    visual: torch.Tensor
    ends: torch.Tensor


def assemble(
    prompts: Sequence[Encoded],
    visual: Sequence[VisualTokens | None],
    *,
    embed: Callable[[torch.Tensor], torch.Tensor],
    image_token_id: int,
    pad_id: int,
    device: torch.device,
) -> PromptBatch:
    """Splices visual tokens into prompts; placeholders whose token was removed leave the prompt.

    Args:
        prompts: Encoded prompts.
        visual: Per prompt its visual tokens, None for a text-only one.
        embed: The model's input embedding.
        image_token_id: Placeholder id.
        pad_id: Any valid token id; padding is masked.
        device: Where the batch is made.

    Raises:
        ModelError: When a prompt's placeholders and its visual tokens, removed ones counted,
            differ in number.
    """
    _check(prompts, visual)
    pairs = list(zip(prompts, visual, strict=True))
    rows = [_row(prompt, tokens, image_token_id) for prompt, tokens in pairs]
    width = max(row.ids.numel() for row in rows)
    ids = torch.full((len(prompts), width), pad_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    positions = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        start = width - row.ids.numel()
        ids[place, start:] = row.ids
        mask[place, start:] = 1
        positions[place, start:] = row.positions
    # The pad id may equal the placeholder's, so padding must be excluded by the mask.
    places = (ids == image_token_id) & mask.bool()
    embeds = embed(ids.to(device))
    features = [tokens.tokens.to(embeds) for tokens in visual if tokens is not None]
    if features:
        at = places.to(embeds.device).unsqueeze(-1)
        # Row-major: the k-th placeholder of the batch takes the k-th feature.
        embeds = embeds.masked_scatter(at, torch.cat(features))
    return PromptBatch(
        embeds=embeds,
        mask=mask.to(device),
        positions=positions.to(device),
        visual=places.to(device),
        ends=torch.tensor([[row.end] for row in rows], device=device),
    )


class _Row(NamedTuple):
    """One prompt as the language model reads it: ids, position ids, and the id that follows."""

    ids: torch.Tensor
    positions: torch.Tensor
    end: int


def _row(prompt: Encoded, visual: VisualTokens | None, image_token_id: int) -> _Row:
    """Takes removed placeholders out of a prompt and numbers the rest."""
    ids = prompt.input_ids
    if visual is None or not prompt.n_visual:
        return _Row(ids, torch.arange(ids.numel()), ids.numel())
    places = torch.nonzero(ids == image_token_id).squeeze(1)
    kept = visual.tokens.shape[0]
    stays = torch.ones_like(ids, dtype=torch.bool)
    stays[places[kept:]] = False
    ids, places = ids[stays], places[:kept]
    positions = torch.arange(ids.numel())
    # The span of an image is contiguous, so offsets count from its first placeholder.
    positions[places] = places[0] + visual.positions.cpu()
    positions[places[-1] + 1 :] += visual.vacant
    return _Row(ids, positions, ids.numel() + visual.vacant)


def _check(prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None]) -> None:
    if len(prompts) != len(visual):
        raise ModelError(f"{len(prompts)} prompts came with visual tokens for {len(visual)}")
    for row, (prompt, tokens) in enumerate(zip(prompts, visual, strict=True)):
        given = 0 if tokens is None else tokens.tokens.shape[0]
        removed = 0 if tokens is None else tokens.removed
        if given + removed != prompt.n_visual:
            raise ModelError(
                f"prompt {row} of the batch has {prompt.n_visual} image placeholders but "
                f"{given} visual tokens and {removed} removed ones",
                "an intervention that removes tokens must say how many, and none may add any",
            )
