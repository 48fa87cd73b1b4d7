"""The objects that interventions are applied to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import torch


class TokenKind(IntEnum):
    """What a visual token is. LLaVA-1.5 has BASE only; any-resolution models have all three."""

    BASE = 0
    GRID = 1
    NEWLINE = 2


@dataclass(frozen=True)
class VisualTokens:
    """The visual tokens X_V of one image, between projector and language model.

    Attributes:
        tokens: (n, d_l) float tensor, in the order in which they are spliced into the prompt.
        kinds: (n,) int8 tensor of ``TokenKind``.
        positions: (n,) int64 tensor; ``positions[j]`` is the offset within the visual span whose
            position id slot j uses. ``arange(n)`` unless an intervention lets positions travel
            or removes tokens.
        grid: Rows and columns of the patch tokens in the first slots, in raster order: those of
            the base view. None where they form no grid.
        removed: How many of the prompt's placeholders have lost their token.
        vacant: How many position ids of the visual span no token uses; the text after the image
            starts behind them.
        second: The same image's tokens where a family has a second branch that reads them; None
            for all others. Its positions have no meaning.
    """

    tokens: torch.Tensor
    kinds: torch.Tensor
    positions: torch.Tensor
    grid: tuple[int, int] | None = None
    removed: int = 0
    vacant: int = 0
    second: VisualTokens | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the tokens of both branches."""
        return self.tokens.nbytes + (self.second.nbytes if self.second is not None else 0)

    def with_tokens(self, tokens: torch.Tensor) -> VisualTokens:
        """Returns a copy with other token values of the same count."""
        return replace(self, tokens=tokens)

    def equals(self, other: VisualTokens) -> bool:
        """Whether the model would get bit-identical input from both, at every entrance."""
        if self.second is not None and other.second is not None:
            first = replace(self, second=None).equals(replace(other, second=None))
            return first and torch.equal(self.second.tokens, other.second.tokens)
        return (
            self.tokens.shape == other.tokens.shape
            and bool(torch.equal(self.tokens, other.tokens))
            and bool(torch.equal(self.positions, other.positions))
            and self.vacant == other.vacant
        )
