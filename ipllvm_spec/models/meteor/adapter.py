"""The adapter of Meteor: the shared one, with a second entrance of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ipllvm_spec.interventions.base import TokenKind, VisualTokens
from ipllvm_spec.models.base import Encoded
from ipllvm_spec.models.core import SpliceAdapter
from ipllvm_spec.models.identity import Identity
from ipllvm_spec.models.meteor.config import MeteorConfig, read_meteor_config
from ipllvm_spec.models.meteor.modules import MeteorModel
from ipllvm_spec.models.meteor.prompts import MeteorPrompts
from ipllvm_spec.models.meteor.weights import load_meteor
from ipllvm_spec.models.packing import tokens_per_view
from ipllvm_spec.models.prompts import PromptEncoder
from ipllvm_spec.models.splice import PromptBatch

if TYPE_CHECKING:
    from ipllvm_spec.models.registry import Checkpoint


class MeteorAdapter(SpliceAdapter):
    """Adapter for Meteor; ``VisualTokens.second`` are the tokens that its Mamba reads."""

    family = "meteor"
    capabilities = SpliceAdapter.capabilities | {"second_entrance"}

    def __init__(
        self,
        model: MeteorModel,
        *,
        prompts: MeteorPrompts,
        identity: Identity,
        device: torch.device,
    ) -> None:
        super().__init__(model, prompts=prompts, identity=identity, device=device)
        # The end of a turn ends an answer, whatever the config calls the end of a text.
        self._eos |= {prompts.turn_end_id}

    @classmethod
    def read_config(cls, folder: Path) -> MeteorConfig:
        """Reads both configs of a checkpoint folder."""
        return read_meteor_config(folder)

    @classmethod
    def prompt_encoder(cls, folder: Path, config: Any) -> PromptEncoder:
        """Builds the encoder of both prompts."""
        return MeteorPrompts(folder, config, kinds=partial(cls.token_kinds, config))

    @classmethod
    def open_model(
        cls, checkpoint: Checkpoint, config: Any, device: torch.device, *, attention: str
    ) -> MeteorModel:
        """Loads the weights; see ``weights.load_meteor``."""
        dtype = getattr(torch, checkpoint.dtype)
        return load_meteor(checkpoint.folder, config, device, dtype=dtype, attention=attention)

    @classmethod
    def token_kinds(cls, config: Any, pixels: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns BASE for every token; see ``SpliceAdapter.token_kinds``."""
        count = tokens_per_view(config, pixels)
        return torch.full((count,), int(TokenKind.BASE), dtype=torch.int8)

    def projectors(self) -> tuple[torch.nn.Module, ...]:
        """Returns the projectors of both entrances."""
        body = self.model.model
        return (body.multi_modal_projector, body.rationale.projector)

    @torch.inference_mode()
    def visual_tokens(self, prompts: Sequence[Encoded]) -> list[VisualTokens]:
        """Runs the tower once and both projectors; see ``SpliceAdapter.visual_tokens``."""
        if not prompts:
            return []
        images = torch.cat([prompt.pixels["pixel_values"] for prompt in prompts])
        patches = self.model.patches(images.to(self.device, self.model.dtype))
        first, second = self.projectors()
        made = []
        for prompt, tokens, other in zip(
            prompts, first(patches), second(patches.float()), strict=True
        ):
            visual = self._visual(prompt, tokens)
            made.append(replace(visual, second=visual.with_tokens(other)))
        return made

    def _assemble(
        self, prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None]
    ) -> PromptBatch:
        batch = super()._assemble(prompts, visual)
        asked = [row for row, prompt in enumerate(prompts) if prompt.second_ids is not None]
        if not asked:
            return batch
        vectors = self.rationale([prompts[row] for row in asked], [visual[row] for row in asked])
        embeds = batch.embeds.clone()
        width, lengths = batch.mask.shape[1], batch.mask.sum(dim=1).tolist()
        for row, given in zip(asked, vectors, strict=True):
            ids = prompts[row].input_ids
            at = torch.nonzero(ids == self.model.config.rationale_token_id).flatten()
            # The vectors stand before the image, so its length does not move them.
            start = width - int(lengths[row])
            embeds[row, (at + start).to(embeds.device)] = given.to(embeds)
        return replace(batch, embeds=embeds)

    def rationale(
        self, prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None]
    ) -> torch.Tensor:
        """Returns the (batch, vectors, d) float32 rationale vectors of prompts that have one."""
        ids = [prompt.second_ids for prompt in prompts if prompt.second_ids is not None]
        tokens = [None if entry is None else _second(entry) for entry in visual]
        vectors: torch.Tensor = self.model.model.rationale(ids, tokens)
        return vectors

    def _prefill(self, batch: PromptBatch, *, cache: Any) -> torch.Tensor:
        with self.model.seeing(batch.visual):
            return super()._prefill(batch, cache=cache)


def _second(visual: VisualTokens) -> torch.Tensor:
    assert visual.second is not None
    return visual.second.tokens
