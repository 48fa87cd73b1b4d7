"""Visual tokens into the prompt: from encoded prompts to one left-padded batch of embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
        lengths: (batch, 1) int64 prompt lengths without padding.
    """

    embeds: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor
    visual: torch.Tensor
    lengths: torch.Tensor


def assemble(
    prompts: Sequence[Encoded],
    visual: Sequence[VisualTokens | None],
    *,
    embed: Callable[[torch.Tensor], torch.Tensor],
    image_token_id: int,
    pad_id: int,
    device: torch.device,
) -> PromptBatch:
    """Splices visual tokens into prompts.

    Args:
        prompts: Encoded prompts.
        visual: Per prompt its visual tokens, None for a text-only one.
        embed: The model's input embedding.
        image_token_id: Placeholder id.
        pad_id: Any valid token id; padding is masked.
        device: Where the batch is made.

    Raises:
        ModelError: When a prompt's placeholders and its visual tokens differ in number.
    """
    _check(prompts, visual)
    width = max(prompt.input_ids.numel() for prompt in prompts)
    ids = torch.full((len(prompts), width), pad_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    positions = torch.zeros_like(ids)
    for row, (prompt, tokens) in enumerate(zip(prompts, visual, strict=True)):
        start = width - prompt.input_ids.numel()
        ids[row, start:] = prompt.input_ids
        mask[row, start:] = 1
        positions[row, start:] = _positions(prompt, tokens, image_token_id)
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
        lengths=mask.sum(dim=1, keepdim=True).to(device),
    )


def _positions(prompt: Encoded, visual: VisualTokens | None, image_token_id: int) -> torch.Tensor:
    """Returns the (length,) position ids of one prompt; consecutive unless positions travel."""
    positions = torch.arange(prompt.input_ids.numel())
    if visual is not None:
        places = torch.nonzero(prompt.input_ids == image_token_id).squeeze(1)
        positions[places] = places[visual.positions.cpu()]
    return positions


def _check(prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None]) -> None:
    if len(prompts) != len(visual):
        raise ModelError(f"{len(prompts)} prompts came with visual tokens for {len(visual)}")
    for row, (prompt, tokens) in enumerate(zip(prompts, visual, strict=True)):
        given = 0 if tokens is None else tokens.tokens.shape[0]
        if given != prompt.n_visual:
            raise ModelError(
                f"prompt {row} of the batch has {prompt.n_visual} image placeholders but "
                f"{given} visual tokens",
                "an intervention that changes their number must also change the prompt",
            )
