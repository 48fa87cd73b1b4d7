"""LLaVA-NeXT with Vicuna or Mistral: base view, tiles, newline tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ipllvm_spec.models.core import SpliceAdapter
from ipllvm_spec.models.packing import packed_kinds


class LlavaNextAdapter(SpliceAdapter):
    """Adapter for ``LlavaNextForConditionalGeneration``."""

    family = "llava_next"
    model_class = "LlavaNextForConditionalGeneration"

    @classmethod
    def token_kinds(cls, config: Any, pixels: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns BASE, GRID and NEWLINE; see ``SpliceAdapter.token_kinds``."""
        return packed_kinds(config, pixels, max_tiles=None)

    def features(self, pixels: Sequence[Mapping[str, torch.Tensor]]) -> Sequence[torch.Tensor]:
        """Runs tower, projector and packing on the tiles of all images at once."""
        # Images have different numbers of tiles; as one flat list none needs padding.
        tiles = torch.cat([entry["pixel_values"][0] for entry in pixels])
        sizes = torch.cat([entry["image_sizes"] for entry in pixels])
        output = self.model.get_image_features(
            tiles.to(self.device, self.model.dtype), image_sizes=sizes
        )
        features: Sequence[torch.Tensor] = output.pooler_output
        return features
