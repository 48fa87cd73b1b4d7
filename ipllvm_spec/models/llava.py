"""LLaVA-1.5: one view, one grid, every visual token a patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ipllvm_spec.interventions.base import TokenKind
from ipllvm_spec.models.core import SpliceAdapter
from ipllvm_spec.models.packing import tokens_per_view


class LlavaAdapter(SpliceAdapter):
    """Adapter for ``LlavaForConditionalGeneration``."""

    family = "llava"
    model_class = "LlavaForConditionalGeneration"

    @classmethod
    def token_kinds(cls, config: Any, pixels: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns BASE for every token; see ``SpliceAdapter.token_kinds``."""
        count = tokens_per_view(config, pixels)
        return torch.full((count,), int(TokenKind.BASE), dtype=torch.int8)

    def features(self, pixels: Sequence[Mapping[str, torch.Tensor]]) -> Sequence[torch.Tensor]:
        """Runs tower and projector on all images at once."""
        images = torch.cat([entry["pixel_values"] for entry in pixels])
        output = self.model.get_image_features(images.to(self.device, self.model.dtype))
        features: Sequence[torch.Tensor] = output.pooler_output
        return features
