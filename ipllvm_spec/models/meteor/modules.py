"""Meteor's modules on classes of transformers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionModel, GenerationConfig, LlamaModel, MambaModel

from ipllvm_spec.models.meteor.config import MeteorConfig


class Places(threading.local):
    """Which positions of the prompt that this thread reads are visual; None in decoding.

    Attributes:
        mask: (batch, length, 1) bool.
    """

    mask: torch.Tensor | None = None


class PositionLinear(nn.Linear):
    """A linear layer to which low-rank weights are added at visual positions only.

    ``y = W x`` everywhere, plus ``scale * U D x`` at the positions in ``places``. Other rows of the
    output are not touched, so they are bit-equal to those of the plain layer.
    """

    def __init__(
        self,
        width: int,
        out: int,
        *,
        rank: int,
        scale: float,
        places: Places,
        down: nn.Linear | None = None,
    ) -> None:
        """Makes the layer.

        Args:
            width: Input features.
            out: Output features.
            rank: Rank of the added weights.
            scale: Factor of what they add.
            places: Where they act.
            down: D, when it is shared with other layers and registered elsewhere.
        """
        super().__init__(width, out, bias=False)
        self.up = nn.Linear(rank, out, bias=False)
        if down is None:
            self.down = down = nn.Linear(width, rank, bias=False)
        # In a tuple a module is not registered: shared weights must be in a state dict once.
        self._added = (down,)
        self._scale = scale
        self._places = places

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - as in nn.Linear
        """Returns (batch, length, out) of (batch, length, width)."""
        output = super().forward(input)
        mask = self._places.mask
        if mask is None:
            return output
        # Nearly all places of a prompt are visual, so picking them out would cost more than it
        # spares, above all in training. Elsewhere exactly zero is added.
        low = self._added[0](input) * self._scale
        added: torch.Tensor = self.up(low.where(mask, 0))
        return output + added


class RationaleBranch(nn.Module):
    """The Mamba that reads image and question and gives the rationale vectors."""

    def __init__(self, config: MeteorConfig) -> None:
        super().__init__()
        width, hidden = config.mamba_config.hidden_size, config.text_config.hidden_size
        self.mamba = MambaModel(config.mamba_config)
        self.projector = _projector(config.vision_config.hidden_size, width)
        self.out = _projector(width, hidden)
        self._image = config.image_token_id
        self._rationale = config.rationale_token_id

    def forward(
        self, prompts: Sequence[torch.Tensor], visual: Sequence[torch.Tensor | None]
    ) -> torch.Tensor:
        """Returns the (batch, rationale vectors, d) float32 vectors for the language model.

        Args:
            prompts: Per prompt its (m,) int64 ids with at most one image placeholder.
            visual: Per prompt the (n, d_m) tokens that take the placeholder's place, any number;
                None without an image.
        """
        table = self.mamba.embeddings
        device = table.weight.device
        rows, places = [], []
        for ids, tokens in zip(prompts, visual, strict=True):
            embeds = table(ids.to(device))
            if tokens is not None:
                (at,) = torch.nonzero(ids == self._image).flatten().tolist()
                embeds = torch.cat([embeds[:at], tokens.to(embeds), embeds[at + 1 :]])
            rows.append(embeds)
            # Counted from the end, where padding on the left changes nothing.
            places.append(torch.nonzero(ids == self._rationale).flatten() - ids.numel())
        width = max(row.shape[0] for row in rows)
        padded = torch.stack([nn.functional.pad(row, (0, 0, width - len(row), 0)) for row in rows])
        # Without a mask the Mamba would read the padding into its state.
        mask = torch.stack([torch.arange(width) >= width - len(row) for row in rows])
        output = self.mamba(
            inputs_embeds=padded, attention_mask=mask.to(device, torch.int64), use_cache=False
        )
        columns = torch.stack(places).to(device) + width
        states = output.last_hidden_state[torch.arange(len(rows), device=device)[:, None], columns]
        vectors: torch.Tensor = self.out(states)
        return vectors


class MeteorBody(nn.Module):
    """Tower, projector, language model without its head, and the rationale branch."""

    def __init__(self, config: MeteorConfig, places: Places) -> None:
        super().__init__()
        width = config.text_config.hidden_size
        self.vision_tower = CLIPVisionModel(config.vision_config)
        self.multi_modal_projector = _projector(config.vision_config.hidden_size, width)
        self.language_model = LlamaModel(config.text_config)
        self.rationale = RationaleBranch(config)
        scale = config.lora_alpha / config.lora_rank
        for layer in self.language_model.layers:
            _add_low_rank(layer, rank=config.lora_rank, scale=scale, places=places)


class MeteorModel(nn.Module):
    """All of Meteor, with the names that the shared adapter looks for.

    Attributes:
        config: What it was built from.
        generation_config: Has the ids that end an answer.
        model: The body.
        lm_head: The output head; it has no rows for the two tokens that were added.
    """

    def __init__(self, config: MeteorConfig) -> None:
        super().__init__()
        self.config = config
        ends = {"eos_token_id": list(config.eos_token_ids)}
        self.generation_config: Any = GenerationConfig.from_dict(ends)
        self._places = Places()
        self.model = MeteorBody(config, self._places)
        text = config.text_config
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size - 2, bias=False)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of everything but the rationale branch, which computes in float32."""
        return self.lm_head.weight.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.lm_head.weight.device

    def get_decoder(self) -> Any:
        """Returns the language model without its head."""
        return self.model.language_model

    def get_input_embeddings(self) -> Any:
        """Returns the language model's input embedding."""
        return self.model.language_model.get_input_embeddings()

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """Returns (batch, n, d_v): the tower's last hidden states without the class token."""
        output = self.model.vision_tower(pixels)
        states: torch.Tensor = output.last_hidden_state
        return states[:, 1:]

    @contextmanager
    def seeing(self, visual: torch.Tensor) -> Iterator[None]:
        """Adds the low-rank weights at the (batch, length) places that are true, in this thread."""
        self._places.mask = visual[..., None]
        try:
            yield
        finally:
            self._places.mask = None


def _projector(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, out), nn.GELU(), nn.Linear(out, out))


def _add_low_rank(layer: Any, *, rank: int, scale: float, places: Places) -> None:
    """Replaces the linear layers of a Llama decoder layer."""
    attention, mlp = layer.self_attn, layer.mlp
    # InternLM2 computes q, k and v by one matrix, so one D serves all three.
    attention.qkv = nn.Module()
    shared = nn.Linear(attention.q_proj.in_features, rank, bias=False)
    attention.qkv.down = shared
    for holder, name, down in (
        (attention, "q_proj", shared),
        (attention, "k_proj", shared),
        (attention, "v_proj", shared),
        (attention, "o_proj", None),
        (mlp, "gate_proj", None),
        (mlp, "up_proj", None),
        (mlp, "down_proj", None),
    ):
        plain = getattr(holder, name)
        made = PositionLinear(
            plain.in_features, plain.out_features, rank=rank, scale=scale, places=places, down=down
        )
        setattr(holder, name, made)
