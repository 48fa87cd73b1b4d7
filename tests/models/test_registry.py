"""From a reference to a checkpoint: keys, paths, variants and every way in which it can fail."""

import json
import shutil
import subprocess
import sys
from copy import deepcopy

import pytest
import torch

from ipllvm_spec.errors import LockError, ModelError, UnknownNameError
from ipllvm_spec.models.encoder_kinds import ENCODER_FAMILIES
from ipllvm_spec.models.registry import (
    FAMILIES,
    PACKAGED,
    adapter_class,
    capabilities,
    load,
    resolve,
)
from ipllvm_spec.spec.entries import ModelEntry
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.lock import LockFile


@pytest.fixture
def copy(checkpoints, tmp_path):
    """A copy of the tiny LLaVA that a test may change."""
    return shutil.copytree(checkpoints["llava"], tmp_path / "copy")


def entry(folder, **more):
    """A registry with one key, ``tiny``."""
    return {"tiny": ModelEntry(key="tiny", title="Tiny", path=str(folder), **more)}


@pytest.mark.parametrize("name", ["llava", "llava_next-mistral", "llava_onevision"])
def test_a_local_path_gets_its_family_from_its_config(checkpoints, name):
    """No key is needed: config.json says which adapter fits."""
    found = resolve(str(checkpoints[name]), entries={})
    assert found.family == name.partition("-")[0]
    assert found.identity.digest.startswith("sha256:")
    assert found.identity.ref == found.ref == str(checkpoints[name])
    assert capabilities(found) == {"answers", "pixels", "visual_tokens", "hidden"}


def test_a_key_and_its_path_have_the_same_digests(copy):
    """Stored answers belong to weights, not to the name under which they were asked."""
    by_key = resolve("tiny", entries=entry(copy))
    by_path = resolve(str(copy), entries={})
    assert by_key.identity.digest == by_path.identity.digest
    assert by_key.identity.processor_digest == by_path.identity.processor_digest


def test_resolving_does_not_import_torch(copy):
    """Planning and collecting can identify checkpoints in a process without torch."""
    code = (
        "import sys; from ipllvm_spec.models.registry import resolve; "
        f"resolve({str(copy)!r}); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_families_name_classes_that_exist():
    """Each adapter class says the family under which it is registered."""
    for family in FAMILIES:
        assert adapter_class(family).family == family


def test_every_declared_family_is_known():
    """models.toml names only families that have an adapter."""
    declared = {model.family for model in load_suite().models.values()}
    assert declared <= {*FAMILIES, *ENCODER_FAMILIES}


@pytest.mark.parametrize(
    "case",
    [
        ("float32", "auto", "cuda:0", "float32"),
        ("bfloat16", "auto", "cuda:0", "bfloat16"),
        ("bfloat16", "auto", "cpu", "float32"),
        ("bfloat16", "bfloat16", "cpu", "bfloat16"),
        ("float32", "float16", "cuda:0", "float16"),
    ],
    ids=str,
)
def test_compute_dtype(checkpoints, tmp_path, llava, case):
    """A declared dtype is obeyed; without one the stored one is used, widened on a CPU."""
    stored, declared, device, used = case
    folder = shutil.copytree(checkpoints["llava"], tmp_path / "copy")
    deepcopy(llava.model).to(getattr(torch, stored)).save_pretrained(folder)
    found = resolve("tiny", entries=entry(folder, dtype=declared), device=device)
    assert found.dtype == found.identity.dtype == used
    assert found.bytes == found.parameters * (4 if used == "float32" else 2)


def test_variants_are_part_of_the_identity(copy):
    """Suffixes are taken off the reference and listed in order."""
    whole = resolve("tiny", entries=entry(copy))
    broken = resolve("tiny~zero_tower~forced_a", entries=entry(copy))
    assert broken.variants == broken.identity.variant == ("zero_tower", "forced_a")
    assert broken.identity.digest == whole.identity.digest
    assert broken.identity != whole.identity


def test_a_folder_may_have_a_tilde_in_its_name(copy):
    """An existing folder is never taken apart."""
    folder = copy.rename(copy.parent / "step~100")
    assert resolve(str(folder), entries={}).variants == ()


def test_an_unknown_variant_is_an_error(copy):
    """The nearest right name is in the advice."""
    with pytest.raises(UnknownNameError, match=r"zero_towre.*\n.*'zero_tower'"):
        resolve(f"{copy}~zero_towre", entries={})


def test_an_unknown_key_is_an_error():
    """A typo in a key is answered with the nearest key of models.toml."""
    with pytest.raises(UnknownNameError, match="did you mean 'mini-llava'"):
        resolve("mini-lava")


def test_a_missing_folder_is_an_error(tmp_path):
    """A path that leads nowhere is no hub id."""
    with pytest.raises(ModelError, match="there is no model folder"):
        resolve(str(tmp_path / "nowhere"), entries={})


def test_an_unknown_family_is_an_error(copy):
    """The message has the architecture found and the families known."""
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "llava_qwen", "architectures": ["LlavaQwenForCausalLM"]}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"llava_qwen.*LlavaQwenForCausalLM") as caught:
        resolve(str(copy), entries={})
    assert all(family in caught.value.advice for family in FAMILIES)


def test_a_family_other_than_declared_is_an_error(copy):
    """An entry of models.toml that points at another architecture is a mistake to be told."""
    with pytest.raises(ModelError, match=r"'llava_next'.*'llava'"):
        resolve("tiny", entries=entry(copy, family="llava_next"))


def test_a_mini_that_is_not_there_is_an_error():
    """The advice is how to make it, not to check a path that nobody typed."""
    gone = {"gone": ModelEntry(key="gone", title="Gone", path="no-such-mini", mini=True)}
    with pytest.raises(ModelError, match="ipllvm mini train"):
        resolve("gone", entries=gone)


def test_missing_weights_are_not_made_up(copy):
    """A checkpoint that lacks a tensor is an error, never silently filled with random numbers."""
    from safetensors.torch import load_file, save_file

    path = copy / "model.safetensors"
    weights = load_file(path)
    gone = next(name for name in weights if "linear_2.weight" in name)
    del weights[gone]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights of its own architecture.*linear_2"):
        load(resolve(str(copy), entries={}))


@pytest.mark.parametrize("lock", [False, True])
def test_a_hub_id_that_is_not_locked_is_an_error(tmp_path, lock):
    """Nothing is fetched on the way: the advice is the command that does it."""
    used = LockFile.load(tmp_path / "ipllvm.lock") if lock else None
    with pytest.raises(LockError, match="not in the lock file") as caught:
        resolve("llava-1.5-7b", lock=used)
    assert "ipllvm fetch llava-1.5-7b" in caught.value.advice
    with pytest.raises(LockError, match="some-lab/some-llava"):
        resolve("some-lab/some-llava", lock=used)


def test_shipped_checkpoints_resolve():
    """Every mini whose folder is shipped is found by key, with its family as declared."""
    shipped = {
        key: model
        for key, model in load_suite().models.items()
        if model.path is not None and (PACKAGED / model.path / "config.json").is_file()
    }
    for key, model in shipped.items():
        found = resolve(key)
        assert found.family == model.family
        assert found.folder == PACKAGED / str(model.path)
