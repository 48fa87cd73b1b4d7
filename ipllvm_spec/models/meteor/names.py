"""Where each of our weights is found in the published layout.

Two parts: the language part (InternLM2's names, ``Plora_A`` and ``Plora_B`` for the low-rank
weights, ``vision_proj`` and CLIP below ``vit``) and ``mamba`` (``backbone``, its own
``vision_proj``, and ``tor_proj``). Those of ``Plora_A``, ``Plora_B``, the numbers within the
projectors and the part that holds ``tor_proj`` are assumed, not looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from ipllvm_spec.models.meteor.config import MAMBA


@dataclass(frozen=True, order=True)
class Source:
    """A tensor of the published layout.

    Attributes:
        part: Subfolder, empty for the language part.
        name: Its name there.
    """

    part: str
    name: str

    def __str__(self) -> str:
        """The name with its subfolder, as a path."""
        return f"{self.part}/{self.name}" if self.part else self.name


@dataclass(frozen=True)
class Target:
    """One of our weights that a published tensor gives.

    Attributes:
        name: Its name in ``MeteorModel``.
        share: ``q``, ``k`` or ``v`` when the tensor holds all three; empty for the whole of it.
    """

    name: str
    share: str = ""


#: Published tensors that are known and not used, by part: tables that are computed, and a head
#: that is never asked.
IGNORED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "": (
            r"model\.layers\.\d+\.attention\.rotary_emb\.inv_freq",
            r"vit\.vision_tower\.vision_model\.embeddings\.position_ids",
        ),
        MAMBA: (r"lm_head\.weight",),
    }
)

_PLAIN: tuple[tuple[str, str, str], ...] = (
    (r"lm_head\.weight", "", "output.weight"),
    (r"model\.language_model\.embed_tokens\.weight", "", "model.tok_embeddings.weight"),
    (r"model\.language_model\.norm\.weight", "", "model.norm.weight"),
    (r"model\.vision_tower\.(.+)", "", r"vit.vision_tower.vision_model.\1"),
    (r"model\.multi_modal_projector\.(.+)", "", r"vision_proj.\1"),
    (r"model\.rationale\.mamba\.(.+)", MAMBA, r"backbone.\1"),
    (r"model\.rationale\.projector\.(.+)", MAMBA, r"vision_proj.\1"),
    (r"model\.rationale\.out\.(.+)", MAMBA, r"tor_proj.\1"),
)

_LAYER = re.compile(
    r"model\.language_model\.layers\.(?P<layer>\d+)\.(?P<module>[\w.]+?)"
    r"(?:\.(?P<role>down|up))?\.weight"
)

_MODULES = {
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.qkv": "attention.wqkv",
    "self_attn.q_proj": "attention.wqkv",
    "self_attn.k_proj": "attention.wqkv",
    "self_attn.v_proj": "attention.wqkv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
}

_ROLES = {None: "", "down": ".Plora_A", "up": ".Plora_B"}

_SHARES = {"self_attn.q_proj": "q", "self_attn.k_proj": "k", "self_attn.v_proj": "v"}


def sources(names: Iterable[str]) -> dict[Source, list[Target]]:
    """Returns the published tensors that give our weights, with what each gives.

    Args:
        names: Names of ``MeteorModel.state_dict()``.

    Raises:
        KeyError: For a name that no weight of Meteor has.
    """
    found: dict[Source, list[Target]] = {}
    for name in names:
        source, share = _source(name)
        found.setdefault(source, []).append(Target(name, share))
    return found


def is_ignored(source: Source) -> bool:
    """Whether a published tensor is known and not used."""
    return any(re.fullmatch(pattern, source.name) for pattern in IGNORED.get(source.part, ()))


def split_qkv(fused: torch.Tensor, *, heads: int, groups: int) -> dict[str, torch.Tensor]:
    """Divides a fused matrix as InternLM2 arranges it.

    Per group of key-value heads its rows are those of the group's query heads, then one key head,
    then one value head.

    Args:
        fused: ((heads + 2 groups) * head_dim, columns).
        heads: Query heads.
        groups: Key-value heads.

    Returns:
        ``q``, ``k`` and ``v``, each with heads in order.
    """
    each = heads // groups
    grouped = fused.reshape(groups, each + 2, -1, fused.shape[-1])
    parts = {"q": grouped[:, :each], "k": grouped[:, each], "v": grouped[:, each + 1]}
    return {name: part.reshape(-1, fused.shape[-1]) for name, part in parts.items()}


def fuse_qkv(parts: Mapping[str, torch.Tensor], *, heads: int, groups: int) -> torch.Tensor:
    """Undoes ``split_qkv``."""
    columns = parts["q"].shape[-1]
    each = heads // groups
    query = parts["q"].reshape(groups, each, -1, columns)
    others = [parts[name].reshape(groups, 1, -1, columns) for name in ("k", "v")]
    return torch.cat([query, *others], dim=1).reshape(-1, columns)


def _source(name: str) -> tuple[Source, str]:
    for pattern, part, published in _PLAIN:
        if match := re.fullmatch(pattern, name):
            return Source(part, match.expand(published)), ""
    match = _LAYER.fullmatch(name)
    if match is None:
        raise KeyError(name)
    module = match["module"]
    within = f"{_MODULES[module]}{_ROLES[match['role']]}.weight"
    return Source("", f"model.layers.{match['layer']}.{within}"), _SHARES.get(module, "")
