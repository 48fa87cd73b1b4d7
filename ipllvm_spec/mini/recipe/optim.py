"""One optimiser for every stage: Muon inside, AdamW for the rest, a cosine with warm-up."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

MATRIX_RATE = 2e-3


class Optimizer:
    """Steps two optimisers along one schedule."""

    def __init__(
        self,
        named: Iterable[tuple[str, torch.nn.Parameter]],
        *,
        steps: int,
        rate: float = 1e-3,
        matrix_rate: float = MATRIX_RATE,
        warmup: int = 50,
    ) -> None:
        """Sorts the parameters and prepares the schedule.

        Args:
            named: parameters to train.
            steps: length of the schedule.
            rate: peak rate of AdamW.
            matrix_rate: peak rate of Muon (scaled to AdamW's update size).
            warmup: steps of linear warm-up.
        """
        inner: list[torch.nn.Parameter] = []
        outer: list[torch.nn.Parameter] = []
        for name, p in named:
            # A_log is a table of a Mamba's decay rates, no matrix that anything is multiplied by
            table = p.ndim != 2 or any(part in name for part in ("embed", "lm_head", "A_log"))
            (outer if table else inner).append(p)
        self._parts: list[torch.optim.Optimizer] = []
        if inner:
            self._parts.append(
                torch.optim.Muon(
                    inner, lr=matrix_rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"
                )
            )
        if outer:
            self._parts.append(
                torch.optim.AdamW(outer, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
            )
        self._peaks = [part.param_groups[0]["lr"] for part in self._parts]
        self._params = [*inner, *outer]
        self._steps, self._warmup, self._step = steps, warmup, 0

    def step(self, loss: torch.Tensor) -> None:
        """Takes one step down the loss."""
        t = self._step
        warm = min(1.0, (t + 1) / self._warmup)
        scale = warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, t / self._steps))))
        for part, peak in zip(self._parts, self._peaks, strict=True):
            part.param_groups[0]["lr"] = peak * scale
            part.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._params, 1.0)
        for part in self._parts:
            part.step()
        self._step += 1
