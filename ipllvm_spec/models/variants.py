"""Broken variants of a checkpoint, derived at load time: proof that a check can fail.

``mini-llava~zero_tower`` is mini-llava with one thing broken. Nothing is stored. Hooks and seeded
changes only; importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ipllvm_spec.errors import ModelError, unknown_name
from ipllvm_spec.spec.seeds import derive_seed

if TYPE_CHECKING:
    from ipllvm_spec.models.core import SpliceAdapter

#: Standard deviation of the noise on the noised layer, relative to that of each weight matrix.
NOISE = 2.0


def _zero_tower(adapter: SpliceAdapter) -> None:
    """Zeroes what the vision tower gives to the projector: the image is gone."""
    import torch  # see the module's docstring

    def before(_: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (torch.zeros_like(args[0]), *args[1:])

    for projector in adapter.projectors():
        projector.register_forward_pre_hook(before)


def _permuted_projector(adapter: SpliceAdapter) -> None:
    """Permutes the projector's output features: every token is scrambled, its norm is kept."""
    import torch  # see the module's docstring

    def after(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        order = torch.randperm(output.shape[-1], generator=_generator("permuted_projector"))
        return output[..., order.to(output.device)]

    for projector in adapter.projectors():
        projector.register_forward_hook(after)


def _noised_layer(adapter: SpliceAdapter) -> None:
    """Adds noise to the weight matrices of the middle decoder layer: language is damaged too."""
    import torch  # see the module's docstring

    layers = adapter.model.get_decoder().layers
    index = len(layers) // 2
    for name, weight in layers[index].named_parameters():
        if weight.is_meta:
            raise ModelError(
                f"'{adapter.identity.ref}': layer {index} is offloaded, so it cannot be noised",
                "use a device that holds the whole model",
            )
        if weight.ndim == 2:
            generator = _generator(f"noised_layer.{name}")
            # Drawn in float32 on the CPU: the same noise for every device and dtype.
            noise = torch.randn(weight.shape, generator=generator)
            scale = NOISE * weight.detach().float().std().item()
            weight.data = weight.data + (noise * scale).to(weight)


def _forced_a(adapter: SpliceAdapter) -> None:
    """Answers "A" whatever is asked."""
    adapter.forced = "A"


def _generator(name: str) -> Any:
    import torch  # see the module's docstring

    return torch.Generator().manual_seed(derive_seed("variant", name))


#: What each ``~suffix`` does to a freshly loaded adapter.
VARIANTS: Mapping[str, Callable[[SpliceAdapter], None]] = MappingProxyType(
    {
        "zero_tower": _zero_tower,
        "permuted_projector": _permuted_projector,
        "noised_layer": _noised_layer,
        "forced_a": _forced_a,
    }
)


def check_variants(ref: str, variants: Sequence[str]) -> None:
    """Checks the ``~`` suffixes of a model reference.

    Raises:
        UnknownNameError: For a variant that does not exist, with the nearest name.
    """
    for name in variants:
        if name not in VARIANTS:
            raise unknown_name(f"variant in '{ref}':", name, VARIANTS)


def break_adapter(adapter: SpliceAdapter, variants: Sequence[str]) -> None:
    """Applies variants in order to an adapter that was just loaded."""
    for name in variants:
        VARIANTS[name](adapter)
