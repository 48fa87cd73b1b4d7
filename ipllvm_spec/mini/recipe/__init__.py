"""The training recipe of the minis; the only part of `ipllvm_spec.mini` that needs torch."""

from __future__ import annotations

from ipllvm_spec.mini.recipe.stages import stages, train

__all__ = ["stages", "train"]
