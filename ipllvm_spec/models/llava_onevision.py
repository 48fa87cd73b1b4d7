"""LLaVA-OneVision with Qwen2: as LLaVA-NeXT, with a bilinear reduction of large maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.llava_next import LlavaNextAdapter
from ipllvm_spec.models.packing import packed_kinds

_ANYRES = "anyres_max_"


class LlavaOnevisionAdapter(LlavaNextAdapter):
    """Adapter for ``LlavaOnevisionForConditionalGeneration`` with one image per prompt."""

    family = "llava_onevision"
    model_class = "LlavaOnevisionForConditionalGeneration"

    @classmethod
    def token_kinds(cls, config: Any, pixels: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns BASE, GRID and NEWLINE; see ``SpliceAdapter.token_kinds``.

        Raises:
            ModelError: When ``config.vision_aspect_ratio`` is not ``anyres_max_<n>``.
        """
        ratio = str(config.vision_aspect_ratio)
        limit = ratio.removeprefix(_ANYRES)
        if not ratio.startswith(_ANYRES) or not limit.isdigit():
            raise ModelError(
                f"config.json has vision_aspect_ratio '{ratio}'", f"write {_ANYRES}<number>"
            )
        return packed_kinds(config, pixels, max_tiles=int(limit))
