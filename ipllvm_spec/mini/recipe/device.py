"""Where the recipe trains: on a GPU when there is one, otherwise on the CPU.

The choices of a stage are drawn on the CPU on either, so both see the same scenes and questions;
the weights differ in their last bits, as they do between any two machines.
"""

from __future__ import annotations

import torch


def training_device() -> torch.device:
    """The device of every stage."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast() -> torch.autocast:
    """bfloat16 on the training device; on a CPU that knows it, twice as fast."""
    return torch.autocast(training_device().type, dtype=torch.bfloat16)
