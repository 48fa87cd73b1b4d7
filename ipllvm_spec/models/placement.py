"""Where weights go: one device when they fit, a map by accelerate when they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import infer_auto_device_map, init_empty_weights
from accelerate.utils import get_max_memory

from ipllvm_spec.errors import ModelError, UsageError
from ipllvm_spec.models.registry import Checkpoint

#: Share of a GPU's free memory that weights may take; the rest is for activations and cache.
_SHARE = 0.8


@dataclass(frozen=True)
class Placement:
    """Where a model goes.

    Attributes:
        device: Where batches are made.
        device_map: Module name to device, None when everything is on ``device``.
    """

    device: torch.device
    device_map: dict[str, Any] | None


def place(
    checkpoint: Checkpoint,
    model_class: Any,
    config: Any,
    *,
    device: str,
    max_memory: dict[int | str, int] | None,
) -> Placement:
    """Decides whether a model fits on its device and maps its modules when it does not.

    Args:
        checkpoint: What is loaded; its dtype decides its size.
        model_class: Class in transformers.
        config: Its config.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        max_memory: Bytes per device; measured when None.

    Raises:
        UsageError: For a device that does not exist.
        ModelError: When not even the vision tower and the projector fit on the first device.
    """
    main = _main_device(device)
    if max_memory is None:
        if main.type != "cuda":
            return Placement(main, None)
        free = int(torch.cuda.mem_get_info(main)[0] * _SHARE)
        if checkpoint.bytes <= free:
            return Placement(main, None)
        max_memory = _memory(device, main, free)
    device_map = _infer(checkpoint, model_class, config, max_memory)
    first = next(iter(max_memory))
    _check_front(checkpoint, device_map, first)
    return Placement(torch.device(first), device_map)


def place_whole(
    checkpoint: Checkpoint, *, device: str, max_memory: dict[int | str, int] | None
) -> torch.device:
    """Decides where a model goes whose family cannot be spread over devices.

    Args:
        checkpoint: What is loaded; its dtype decides its size.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        max_memory: Bytes per device, of which the first counts; measured when None.

    Raises:
        UsageError: For a device that does not exist.
        ModelError: When the model does not fit on the device.
    """
    main = _main_device(device)
    room: int | None = None
    if max_memory is not None:
        room = next(iter(max_memory.values()))
    elif main.type == "cuda":
        room = int(torch.cuda.mem_get_info(main)[0] * _SHARE)
    if room is not None and checkpoint.bytes > room:
        raise ModelError(
            f"'{checkpoint.ref}' takes {checkpoint.bytes} bytes where {main} has room for {room}, "
            f"and models of the family '{checkpoint.family}' are not spread over devices",
            "use a larger device, or cpu",
        )
    return main


def _main_device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        main = torch.device(device)
    except RuntimeError:
        raise UsageError(f"there is no device '{device}'", "use cpu, cuda:0 or auto") from None
    if main.type == "cuda":
        count = torch.cuda.device_count()
        number = main.index or 0
        if number >= count:
            raise UsageError(f"there is no device '{device}'", f"torch sees {count} GPUs")
        return torch.device("cuda", number)
    return main


def _memory(device: str, main: torch.device, free: int) -> dict[int | str, int]:
    """Returns the budget: all GPUs for ``auto``, one GPU otherwise, then the machine's memory."""
    known: dict[int | str, int] = get_max_memory()
    if device == "auto":
        return {key: int(size * _SHARE) for key, size in known.items()}
    return {main.index or 0: free, "cpu": int(known["cpu"] * _SHARE)}


def _infer(
    checkpoint: Checkpoint, model_class: Any, config: Any, max_memory: dict[int | str, int]
) -> dict[str, Any]:
    with init_empty_weights():
        model = model_class(config)
    model.tie_weights()
    device_map: dict[str, Any] = infer_auto_device_map(
        model,
        max_memory=max_memory,
        no_split_module_classes=model._no_split_modules,
        dtype=getattr(torch, checkpoint.dtype),
    )
    return device_map


def _check_front(checkpoint: Checkpoint, device_map: dict[str, Any], first: int | str) -> None:
    """Checks that what is used outside a module's forward was not offloaded."""
    front = ("model.vision_tower", "model.multi_modal_projector", "model.image_newline")
    for name, device in device_map.items():
        # An entry may name a part of these, or a whole that contains them ("" is the model).
        touched = any(part.startswith(name) or name.startswith(part) for part in front)
        # The newline is read as a plain parameter, which accelerate does not bring back.
        if touched and device != first:
            raise ModelError(
                f"'{checkpoint.ref}': the budget of device {first} does not even hold the vision "
                f"tower and projector ('{name}' would go to {device})",
                "use a larger device",
            )
