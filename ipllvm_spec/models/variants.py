"""Broken variants of a checkpoint, derived at load time: proof that a check can fail.

``mini-llava~zero_tower`` is mini-llava with one thing broken. Nothing is stored. Hooks and seeded
changes only; importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ipllvm_spec.errors import ModelError, unknown_name
from ipllvm_spec.models.variants_seeing import SEEING
from ipllvm_spec.spec.seeds import derive_seed

if TYPE_CHECKING:
    import torch

    from ipllvm_spec.models.core import SpliceAdapter
    from ipllvm_spec.models.vision import VisionEncoder

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


def _forced_1(adapter: SpliceAdapter) -> None:
    """Answers "1" whatever is asked."""
    adapter.forced = "1"


def _same_embedding(encoder: VisionEncoder) -> None:
    """Gives every image the embedding of a black one: nothing is told apart."""
    embed = encoder._pooled

    def pooled(pixels: torch.Tensor) -> torch.Tensor:
        return embed(pixels * 0)

    setattr(encoder, "_pooled", pooled)  # noqa: B010 (a method is replaced, for type checkers)


def _no_positions(encoder: VisionEncoder) -> None:
    """Zeroes the position embeddings: the encoder sees what is there and not where."""
    found = [
        weight
        for name, weight in encoder.tower().named_parameters()
        if "position_embedding" in name
    ]
    if not found:
        raise ModelError(
            f"'{encoder.identity.ref}' ({encoder.kind.architecture}) has no position embeddings",
            "leave the variant no_positions out",
        )
    for weight in found:
        weight.data.zero_()


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
        "forced_1": _forced_1,
        **SEEING,
    }
)

#: The same for vision encoders.
ENCODER_VARIANTS: Mapping[str, Callable[[VisionEncoder], None]] = MappingProxyType(
    {"no_positions": _no_positions, "same_embedding": _same_embedding}
)


def check_variants(ref: str, variants: Sequence[str]) -> None:
    """Checks the ``~`` suffixes of a model reference.

    Raises:
        UnknownNameError: For a variant that does not exist, with the nearest name.
    """
    for name in variants:
        if name not in VARIANTS and name not in ENCODER_VARIANTS:
            raise unknown_name(f"variant in '{ref}':", name, {**VARIANTS, **ENCODER_VARIANTS})


def break_adapter(adapter: SpliceAdapter, variants: Sequence[str]) -> None:
    """Applies variants in order to an adapter that was just loaded.

    Raises:
        ModelError: For a variant of vision encoders.
    """
    for name in variants:
        _known(adapter.identity.ref, name, VARIANTS, "language models")
        VARIANTS[name](adapter)


def break_encoder(encoder: VisionEncoder, variants: Sequence[str]) -> None:
    """Applies variants in order to an encoder that was just loaded.

    Raises:
        ModelError: For a variant of language models, or one that the architecture rules out.
    """
    for name in variants:
        _known(encoder.identity.ref, name, ENCODER_VARIANTS, "vision encoders")
        ENCODER_VARIANTS[name](encoder)


def _known(ref: str, name: str, variants: Mapping[str, object], kind: str) -> None:
    if name not in variants:
        raise ModelError(
            f"'{ref}' asks for {name}, which is no variant of {kind}",
            f"variants of {kind}: {', '.join(variants)}",
        )
