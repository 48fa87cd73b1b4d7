"""The loss of a packed batch, with two auxiliary losses that are dropped after training.

A letter or a yes is one bit or two for a whole prompt, and the way there is long: look the fact up,
compare it with every option, name the option. The auxiliary losses say what should be known on the
way, and where: the answer itself at the end of the question proper and again where the reply
begins, and "right" or "wrong" at the end of every option.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ipllvm_spec.mini.recipe.device import compute_dtype
from ipllvm_spec.mini.recipe.packing import Batch
from ipllvm_spec.mini.recipe.visual import Shown


class Helpers(torch.nn.Module):
    """Heads on inner layers: what the question asks for, and which options are right."""

    QUESTION_LAYERS = (4, 5)
    REPLY_LAYERS = (5, 6)
    OPTION_LAYERS = (6, 7)

    def __init__(self, width: int) -> None:
        """Makes the heads.

        Args:
            width: of the decoder's states.
        """
        super().__init__()
        self.options = torch.nn.ModuleList(torch.nn.Linear(width, 1) for _ in self.OPTION_LAYERS)

    def forward(
        self, states: Sequence[torch.Tensor], batch: Batch, output: torch.nn.Module
    ) -> tuple[torch.Tensor, float | None]:
        """Measures a batch.

        Args:
            states: of every layer, the embeddings first.
            batch: the packed questions.
            output: the model's own output head; reading inner layers with it keeps early answers
                in the terms in which the last layer gives its own.

        Returns:
            The loss (zero where a batch has neither), and the share of early answers at the last
            layer asked that are right (None where there are none).
        """
        loss: torch.Tensor = torch.zeros((), device=batch.ids.device)
        share = None
        if len(batch.told):
            for layers, cols in (
                (self.QUESTION_LAYERS, batch.told_cols),
                (self.REPLY_LAYERS, batch.told_ends),
            ):
                for layer in layers:
                    logits = output(_normed(states[layer][batch.told_rows, cols])).float()
                    early = torch.nn.functional.cross_entropy(logits, batch.told)
                    loss = loss + early / (2 * len(layers))
                    share = float((logits.argmax(-1) == batch.told).float().mean())
        if len(batch.option_rows):
            for layer, head in zip(self.OPTION_LAYERS, self.options, strict=True):
                picked = _normed(states[layer][batch.option_rows, batch.option_cols])
                right = torch.nn.functional.binary_cross_entropy_with_logits(
                    head(picked).float()[:, 0], batch.option_right
                )
                loss = loss + right / len(self.OPTION_LAYERS)
        return loss, share


def _normed(states: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.rms_norm(states.float(), states.shape[-1:])


def _embedded(model: Any, batch: Batch, visual: Shown | None) -> torch.Tensor:
    """The (b, s, d) inputs of the decoder, with all vectors in their slots."""
    embeds: torch.Tensor = model.get_input_embeddings()(batch.ids)
    if visual is not None:
        at, n = batch.first_slot, visual.tokens.shape[1]
        tokens = visual.tokens.to(embeds.dtype)
        embeds = torch.cat([embeds[:, :at], tokens, embeds[:, at + n :]], dim=1)
    if batch.second:
        second = None if visual is None else visual.second
        rows = [None] * len(batch.second) if second is None else list(second)
        # A recurrence over a whole prompt loses too much in half precision.
        with torch.autocast(batch.ids.device.type, enabled=False):
            vectors = model.model.rationale(batch.second, rows)
        n = 1 + vectors.shape[1]
        embeds = torch.cat([embeds[:, :1], vectors.to(embeds.dtype), embeds[:, n:]], dim=1)
    return embeds


def _seeing(model: Any, batch: Batch, visual: Shown | None) -> AbstractContextManager[None]:
    """Tells a model with weights for visual places alone where they are."""
    if visual is None or not hasattr(model, "seeing"):
        return nullcontext()
    places = torch.zeros_like(batch.ids, dtype=torch.bool)
    places[:, batch.first_slot : batch.first_slot + visual.tokens.shape[1]] = True
    told: AbstractContextManager[None] = model.seeing(batch.layout.fold(places))
    return told


def run_packed(model: Any, batch: Batch, visual: Shown | None, *, states: bool = False) -> Any:
    """Runs the decoder over a packed batch.

    Args:
        model: anything with a decoder.
        batch: the packed questions.
        visual: what stands in the slots of the batch, or None for text.
        states: whether the states of all layers are wanted.

    Returns:
        The decoder's output, its states laid out as (b, s, d).
    """
    decoder = model.get_decoder()
    embeds = _embedded(model, batch, visual)
    layout = batch.layout
    # a model that was rounded already runs as it ships; one in training as is fastest
    dtype = compute_dtype() if embeds.dtype == torch.float32 else embeds.dtype
    with _seeing(model, batch, visual):
        out = decoder(
            inputs_embeds=layout.fold(embeds.to(dtype)),
            position_ids=layout.fold(batch.positions.expand(layout.rows, -1)),
            # any 4-D mask keeps the library from building its own; the packed attention needs none
            attention_mask=torch.zeros(1, 1, 1, 1),
            use_cache=False,
            layout=layout,
            output_hidden_states=states,
        )
    out.last_hidden_state = layout.unfold(out.last_hidden_state)
    if states:
        out.hidden_states = tuple(layout.unfold(state) for state in out.hidden_states)
    return out


def answer_loss(
    model: Any, batch: Batch, visual: Shown | None, *, helpers: Helpers | None = None
) -> tuple[torch.Tensor, dict[str, float]]:
    """Loss on the answers of a packed batch.

    Args:
        model: anything with a decoder and a head.
        batch: the packed questions.
        visual: what stands in the slots of the batch, or None for text.
        helpers: adds their loss.

    Returns:
        The weighted cross entropy; and the shares of first answer tokens predicted exactly
        ("right") and of early answers ("early").
    """
    out = run_packed(model, batch, visual, states=helpers is not None)
    logits = model.lm_head(out.last_hidden_state[batch.rows, batch.cols]).float()
    losses = torch.nn.functional.cross_entropy(logits, batch.targets, reduction="none")
    hits = (logits.argmax(-1) == batch.targets)[batch.firsts]
    shares = {"right": float(hits.float().mean())}
    loss = (losses * batch.weights).sum() / batch.weights.sum()
    if helpers is not None:
        extra, early = helpers(out.hidden_states, batch, model.lm_head)
        loss = loss + extra
        if early is not None:
            shares["early"] = early
    return loss, shares
