"""Closed-set likelihood: which of given answers a model holds most likely after a prompt.

A prompt is read once. The options follow it packed into one sequence, and a mask lets every option
see the prompt and itself only, so nothing of the prompt's cache is copied. Tests hold the result
against a plain forward of prompt and option for every option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.splice import PromptBatch

#: Most option tokens of one forward; their logits over the vocabulary are its largest tensor.
_PACKED = 128


def option_tokens(tokenizer: Any, options: Sequence[str]) -> list[list[int]]:
    """Returns the token ids of each option as an answer: without special tokens and end.

    Raises:
        ModelError: For an option that has no token.
    """
    ids = [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in options]
    for text, tokens in zip(options, ids, strict=True):
        if not tokens:
            raise ModelError(f"the option {text!r} has no token", "leave it out of the options")
    return ids


def mean_log_probabilities(
    model: Any,
    batch: PromptBatch,
    options: Sequence[Sequence[int]],
    *,
    prefill: Callable[..., torch.Tensor],
) -> torch.Tensor:
    """Returns (prompts, options) float32: mean log-probability per token of option after prompt.

    The mean keeps long class names from losing to short ones by their length alone.

    Args:
        model: A ``...ForConditionalGeneration``.
        batch: The prompts.
        options: Token ids of each option, at least one.
        prefill: ``decoding.next_logits`` for the prompt; the adapter's own, so that its hooks see
            the prompt and nothing else.
    """
    cache = DynamicCache(config=model.get_decoder().config)
    first = prefill(batch, cache=cache).log_softmax(dim=-1)
    starts = torch.tensor([tokens[0] for tokens in options], device=first.device)
    total = first[:, starts]
    for chosen in _packs(options):
        pack = [options[place] for place in chosen]
        total[:, chosen] += _rest(model, batch, cache, pack)
        # A negative number is how many tokens go: the prompt's stay for the next pack.
        cache.crop(-sum(len(tokens) - 1 for tokens in pack))
    lengths = torch.tensor([len(tokens) for tokens in options], device=total.device)
    return total / lengths


def _packs(options: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yields the places of options of several tokens, as many as one forward takes."""
    pack: list[int] = []
    size = 0
    for place, tokens in enumerate(options):
        if len(tokens) == 1:
            continue
        if pack and size + len(tokens) - 1 > _PACKED:
            yield pack
            pack, size = [], 0
        pack.append(place)
        size += len(tokens) - 1
    if pack:
        yield pack


def _rest(
    model: Any, batch: PromptBatch, cache: Any, options: Sequence[Sequence[int]]
) -> torch.Tensor:
    """Returns (prompts, options) summed log-probabilities of all tokens but the first."""
    device = batch.mask.device
    fed = torch.tensor([token for tokens in options for token in tokens[:-1]], device=device)
    wanted = torch.tensor([token for tokens in options for token in tokens[1:]], device=device)
    owner = torch.tensor(
        [place for place, tokens in enumerate(options) for _ in tokens[1:]], device=device
    )
    step = torch.tensor([at for tokens in options for at in range(len(tokens) - 1)], device=device)
    rows, count = batch.mask.shape[0], fed.numel()
    own = (owner[:, None] == owner[None, :]) & (step[:, None] >= step[None, :])
    prompt = batch.mask.bool()[:, None, None, :].expand(rows, 1, count, -1)
    mask = torch.cat([prompt, own.expand(rows, 1, count, count)], dim=-1)
    embeds = model.get_input_embeddings()(fed).expand(rows, count, -1)
    output = model.get_decoder()(
        inputs_embeds=embeds,
        attention_mask=mask,
        position_ids=batch.ends + step,
        past_key_values=cache,
        use_cache=True,
    )
    scores = model.lm_head(output.last_hidden_state).float().log_softmax(dim=-1)
    target = wanted.to(scores.device).expand(rows, count)[..., None]
    found = scores.gather(-1, target).squeeze(-1)
    summed = torch.zeros(rows, len(options), device=found.device)
    return summed.index_add_(1, owner.to(found.device), found)
