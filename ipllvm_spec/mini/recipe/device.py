"""Where and in which precision the recipe trains: on a GPU when there is one, else on the CPU.

The choices of a stage are drawn on the CPU on either, so both see the same scenes and questions;
the weights differ in their last bits, as they do between any two machines.
"""

from __future__ import annotations

import torch


def training_device() -> torch.device:
    """The device of every stage."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def compute_dtype() -> torch.dtype:
    """The precision of activations in training: bfloat16 where the device has instructions for it.

    A CPU that emulates bfloat16 takes twice as long with it (``bench/training_step.py``).
    """
    if training_device().type == "cuda" or torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def autocast() -> torch.autocast:
    """Mixed precision on the training device, where it helps."""
    dtype = compute_dtype()
    return torch.autocast(
        training_device().type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16
    )
