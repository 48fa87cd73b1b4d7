"""Devices: what there is, memory that runs out, and settings that make floats repeatable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ipllvm_spec.engine.backend import OutOfDeviceMemoryError
from ipllvm_spec.errors import UsageError

#: Shares of the device's memory that weights may take before the oldest model is dropped.
_GPU_SHARE = 0.7
_CPU_SHARE = 0.5
#: What torch's allocators say when they fail without a class of their own.
_OOM_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def out_of_memory() -> Iterator[None]:
    """Turns what allocators raise into ``OutOfDeviceMemoryError``."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfDeviceMemoryError(str(error)) from None
    except RuntimeError as error:
        if not any(text in str(error).lower() for text in _OOM_TEXTS):
            raise
        raise OutOfDeviceMemoryError(str(error)) from None


def inspect_device(device: str) -> tuple[str, int]:
    """Returns a device's full name and the bytes that weights may take there.

    Raises:
        UsageError: When there is no such device.
    """
    kind, _, number = device.partition(":")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cpu" or (kind == "auto" and gpus == 0):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return "cpu", int(total * _CPU_SHARE)
    index = int(number) if number.isdecimal() else 0
    if kind not in ("cuda", "auto") or (number and not number.isdecimal()) or index >= gpus:
        found = ", ".join(["cpu", *(f"cuda:{gpu}" for gpu in range(gpus))])
        raise UsageError(
            f"there is no device '{device}'", f"devices of this machine: {found}; or use auto"
        )
    memory = torch.cuda.get_device_properties(index).total_memory
    shared = gpus if kind == "auto" else 1
    return f"cuda {torch.cuda.get_device_name(index)}", int(memory * shared * _GPU_SHARE)


def make_repeatable() -> None:
    """Fixes everything that lets the same batch give other floats on the same machine."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.use_deterministic_algorithms(True, warn_only=True)
