"""From a model reference to a checkpoint, without its weights and without torch.

``resolve`` finds the folder, checks the files and computes the identity that keys stored answers;
``load`` and ``prompt_encoder`` come after and import torch when they are called.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ipllvm_spec.errors import ModelError, nearest, unknown_name
from ipllvm_spec.models.encoder_kinds import ENCODER_FAMILIES, encoder_kind
from ipllvm_spec.models.files import Shard, check_weights, read_config
from ipllvm_spec.models.hub import is_hub_id, locked_commit, snapshot_folder
from ipllvm_spec.models.identity import Identity, processor_digest, weights_digest
from ipllvm_spec.models.probe_files import ProbeFile, read_probe
from ipllvm_spec.models.variants import check_variants
from ipllvm_spec.spec.cases import split_ref
from ipllvm_spec.spec.entries import ModelEntry
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.lock import LockFile

if TYPE_CHECKING:
    from ipllvm_spec.models.core import SpliceAdapter
    from ipllvm_spec.models.prompts import PromptEncoder

#: Adapter class of each family by ``model_type`` of config.json, as ``module:class`` so that a
#: checkpoint can be resolved without importing torch.
FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "llava": "ipllvm_spec.models.llava:LlavaAdapter",
        "llava_next": "ipllvm_spec.models.llava_next:LlavaNextAdapter",
        "llava_onevision": "ipllvm_spec.models.llava_onevision:LlavaOnevisionAdapter",
        "meteor": "ipllvm_spec.models.meteor:MeteorAdapter",
    }
)

#: Families whose ``model_type`` is that of their language model, by architecture.
ARCHITECTURES: Mapping[str, str] = MappingProxyType({"MeteorForCausalLM": "meteor"})

#: Subfolders with a config and weights of their own, for families published in several
#: repositories, with the repository that belongs there.
PARTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"meteor": MappingProxyType({"mamba": "BK-Lee/Meteor-Mamba"})}
)

#: Where the package keeps the small checkpoints that it ships.
PACKAGED = Path(__file__).resolve().parent.parent / "mini" / "checkpoints"

_SAVED_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found and checked but not loaded.

    Attributes:
        ref: What the user gave.
        folder: Where its files are.
        family: Key in ``FAMILIES``, or one of ``ENCODER_FAMILIES``.
        dtype: Compute dtype: ``float32``, ``float16`` or ``bfloat16``.
        variants: Broken variants to derive at load time, in order.
        identity: Weights, processor, dtype and variants.
        parameters: Number of stored weights.
        probe: The linear probe beside an encoder's weights; None without one.
    """

    ref: str
    folder: Path
    family: str
    dtype: str
    variants: tuple[str, ...]
    identity: Identity
    parameters: int
    probe: ProbeFile | None = field(default=None, compare=False, repr=False)

    @property
    def bytes(self) -> int:
        """Size of the weights in memory in the compute dtype."""
        return self.parameters * _BYTES[self.dtype]


def resolve(
    ref: str,
    *,
    lock: LockFile | None = None,
    entries: Mapping[str, ModelEntry] | None = None,
    device: str = "cpu",
) -> Checkpoint:
    """Finds a checkpoint, checks its files and computes its identity.

    Args:
        ref: A key of models.toml, a local path or a locked hub id, each with ``~variant``
            suffixes for broken variants.
        lock: The user's lock file, needed for hub ids only.
        entries: Registry of keys; models.toml when None.
        device: Where the model will run. Half-precision weights without a declared dtype are
            computed in float32 on ``cpu``, which has no fast half-precision kernels.

    Raises:
        UnknownNameError: When the reference is neither a key, a folder nor a hub id.
        ModelError: When the folder has no config, no whole safetensors weights or an unknown
            family, its probe is damaged or of another encoder, or a hub checkpoint is not on this
            machine.
        LockError: When a hub id is not locked.
    """
    base, variants = (ref, ()) if Path(ref).is_dir() else split_ref(ref)
    check_variants(ref, variants)
    entry = _entry(base, entries)
    place = _locate(base, entry, lock)
    family = _family(place.folder, read_config(place.folder), entry)
    parts = _parts(place.folder, family)
    shards = check_weights(place.folder)
    dtype = _dtype(entry, shards, device)
    shards += tuple(shard for part in parts for shard in check_weights(part))
    files = [*(shard.path for shard in shards), *(part / "config.json" for part in parts)]
    digest = f"commit:{place.commit}" if place.commit else weights_digest(place.folder, files)
    probe = read_probe(place.folder) if family in ENCODER_FAMILIES else None
    if probe is not None:
        probe.demand_encoder(weights_digest(place.folder, files), where=place.folder)
    return Checkpoint(
        ref=ref,
        folder=place.folder,
        family=family,
        dtype=dtype,
        variants=variants,
        identity=Identity(
            ref=ref,
            digest=digest,
            processor_digest=processor_digest(place.folder),
            dtype=dtype,
            # Not among the weights: the digest says which encoder, this says which probe on it.
            variant=variants if probe is None else (*variants, probe.variant),
        ),
        parameters=sum(shard.parameters for shard in shards),
        probe=probe,
    )


def adapter_class(family: str) -> type[SpliceAdapter]:
    """Imports the adapter class of a family (and with it torch).

    Raises:
        ModelError: For a family of encoders, which answer no prompts.
    """
    if family not in FAMILIES:
        raise ModelError(
            f"the family '{family}' is one of vision encoders, which answer no prompts",
            f"give a model of one of {', '.join(sorted(FAMILIES))}",
        )
    module, _, name = FAMILIES[family].partition(":")
    kind: type[SpliceAdapter] = getattr(importlib.import_module(module), name)
    return kind


def load(checkpoint: Checkpoint, device: str = "cpu", **options: Any) -> SpliceAdapter:
    """Loads a checkpoint's weights; see ``models.loading.load_adapter`` for the options."""
    from ipllvm_spec.models.loading import load_adapter  # imports torch

    return load_adapter(checkpoint, device=device, **options)


def prompt_encoder(checkpoint: Checkpoint) -> PromptEncoder:
    """Builds the prompt encoder alone: token counts for a plan need no weights."""
    from ipllvm_spec.models.loading import load_prompts  # imports torch

    return load_prompts(checkpoint)


def capabilities(checkpoint: Checkpoint) -> frozenset[str]:
    """Returns what a checkpoint can do: sites of interventions and ways to be asked."""
    if checkpoint.family in ENCODER_FAMILIES:
        own = encoder_kind(checkpoint.folder, read_config(checkpoint.folder)).capabilities
        return own if checkpoint.probe is None else own | {"classify"}
    return adapter_class(checkpoint.family).capabilities


@dataclass(frozen=True)
class _Place:
    folder: Path
    commit: str | None = None


def _entry(base: str, entries: Mapping[str, ModelEntry] | None) -> ModelEntry | None:
    if entries is None:
        entries = load_suite().models
    if base in entries:
        return entries[base]
    if Path(base).expanduser().is_dir() or "/" in base or is_hub_id(base):
        return None
    raise unknown_name("model", base, entries)


def _locate(base: str, entry: ModelEntry | None, lock: LockFile | None) -> _Place:
    if entry is not None and entry.path is not None:
        packaged = PACKAGED / entry.path
        if entry.mini and not packaged.is_dir():
            raise ModelError(
                f"the small checkpoint '{entry.key}' is not in this installation ('{packaged}')",
                "reinstall ipllvm-spec, or train it with `ipllvm mini train`",
            )
        return _Place(packaged if packaged.is_dir() else Path(entry.path).expanduser())
    folder = Path(base).expanduser()
    hub = entry.hub if entry is not None else None
    if hub is None and folder.is_dir():
        return _Place(folder)
    if hub is None and not is_hub_id(base):
        raise ModelError(f"there is no model folder '{folder}'", "check the path")
    hub = hub or base
    commit = locked_commit(hub, ref=base, lock=lock)
    return _Place(snapshot_folder(hub, commit, ref=base), commit)


def _parts(folder: Path, family: str) -> tuple[Path, ...]:
    """Returns the folders of a checkpoint's further parts, each checked to have a config."""
    parts = PARTS.get(family, {})
    for name, source in parts.items():
        if not (folder / name).is_dir():
            raise ModelError(
                f"'{folder}' has no subfolder '{name}', without which the family '{family}' is "
                "not whole",
                f"put the files of {source} into it",
            )
        read_config(folder / name)
    return tuple(folder / name for name in parts)


def _family(folder: Path, config: Mapping[str, Any], entry: ModelEntry | None) -> str:
    model_type = str(config.get("model_type", ""))
    for architecture in config.get("architectures") or ():
        model_type = ARCHITECTURES.get(architecture, model_type)
    if entry is not None and entry.family not in (None, model_type):
        raise ModelError(
            f"models.toml says that '{entry.key}' is of the family '{entry.family}', but "
            f"'{folder}' is of '{model_type}'",
            "correct models.toml or the checkpoint",
        )
    if model_type in FAMILIES:
        return model_type
    if model_type in ENCODER_FAMILIES:
        return encoder_kind(folder, config).family
    architectures = ", ".join(map(str, config.get("architectures") or ["none named"]))
    raise ModelError(
        f"'{folder}' is of the unknown family '{model_type}' (architectures: {architectures})",
        f"known families: {', '.join(sorted(FAMILIES))}; {nearest(model_type, FAMILIES)}"
        if model_type
        else f"known families: {', '.join(sorted(FAMILIES))}",
    )


def _dtype(entry: ModelEntry | None, shards: tuple[Shard, ...], device: str) -> str:
    if entry is not None and entry.dtype != "auto":
        return entry.dtype
    saved = {_SAVED_DTYPES[name] for shard in shards for name in shard.dtypes & set(_SAVED_DTYPES)}
    # A mixture is computed in the wider type: nothing that was stored is rounded.
    if device == "cpu" or len(saved) != 1:
        return "float32"
    return saved.pop()
