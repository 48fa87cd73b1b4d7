"""Checkpoints from the Hugging Face hub: fetched at a commit, used at that commit. Free of torch.

No revision is invented: the first fetch asks the hub which commit its main branch is at and writes
it to the lock file; everything later uses and verifies that commit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ipllvm_spec.errors import LockError, ModelError, UsageError, unknown_name
from ipllvm_spec.models.files import check_weights, read_config
from ipllvm_spec.spec.generators import GeneratorEntry, load_generators
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.lock import LockFile

#: What of a repository is fetched: no pickled weights, no code.
PATTERNS = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")

#: Module of each generator that is fetched; it says which ``FILES`` it needs.
_GENERATORS = {"sdxl_lightning": "ipllvm_spec.models.sdxl"}

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def is_hub_id(text: str) -> bool:
    """Whether a reference has the form ``organisation/name``."""
    return _HUB_ID.fullmatch(text) is not None


def locked_commit(hub_id: str, *, ref: str, lock: LockFile | None) -> str:
    """Returns the commit that the lock file records for a hub id.

    Args:
        hub_id: ``organisation/name``.
        ref: What the user gave, for the advice.
        lock: The user's lock file.

    Raises:
        LockError: When the id was never locked.
    """
    commit = lock.model_commit(hub_id) if lock is not None else None
    if commit is None:
        raise LockError(
            f"'{hub_id}' is not in the lock file and there is no folder '{hub_id}'"
            if ref == hub_id
            else f"model '{ref}' ('{hub_id}' on the hub) is not in the lock file",
            f"run `ipllvm fetch {ref}` once with network access and commit ipllvm.lock",
        )
    return commit


def snapshot_folder(hub_id: str, commit: str, *, ref: str, files: Sequence[str] = PATTERNS) -> Path:
    """Returns the local folder of a fetched checkpoint. Never goes to the network.

    Args:
        hub_id: ``organisation/name``.
        commit: Its locked commit.
        ref: What the user gave, for the advice.
        files: Patterns of what is needed of it.

    Raises:
        ModelError: When that commit is not on this machine.
    """
    from huggingface_hub import snapshot_download  # slow to import
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # The same patterns as in fetch: the hub's client checks that nothing of them is missing.
        folder = snapshot_download(
            hub_id, revision=commit, local_files_only=True, allow_patterns=list(files)
        )
    except LocalEntryNotFoundError:
        raise ModelError(
            f"'{hub_id}' at commit {commit} is not, or not wholly, on this machine",
            f"run `ipllvm fetch {ref}` with network access, or set HF_HOME to the folder that "
            "has it",
        ) from None
    return Path(folder)


def fetch(ref: str, lock_path: Path | None = None) -> str:
    """Downloads a published checkpoint and locks its commit.

    A locked id is fetched at its locked commit; only an id that is not in the lock file is
    resolved to the commit its main branch is at now.

    Args:
        ref: A key of models.toml, a generator of synthetic images, or a hub id.
        lock_path: Lock file to read and write; the one in use when None.

    Returns:
        The commit, 40 hex digits; of a generator that of its last part.

    Raises:
        UsageError: When ``ref`` is a checkpoint that is not on the hub.
        ModelError: When the hub cannot be reached, refuses, or has no safetensors there.
        LockError: When the lock file is malformed or cannot be written.
    """
    lock = LockFile.load(lock_path)
    generators = load_generators()
    if ref in generators and ref not in load_suite().models:
        # Its parts are no checkpoints of transformers; loading them tells whether they are whole.
        commit = ""
        for part, hub_id in _parts(ref, generators[ref]).items():
            commit, _ = _download(hub_id, lock, files=_files(ref, part))
            lock.record("model", hub_id, commit)
    else:
        hub_id = _hub_id(ref)
        commit, folder = _download(hub_id, lock, files=PATTERNS)
        read_config(folder)
        check_weights(folder)
        lock.record("model", hub_id, commit)
    lock.save()
    return commit


def _parts(ref: str, entry: GeneratorEntry) -> Mapping[str, str]:
    if not entry.hub:
        raise UsageError(f"there is nothing to fetch for the generator '{ref}'", "just use it")
    return entry.hub


def _files(generator: str, part: str) -> Sequence[str]:
    files: Mapping[str, Sequence[str]] = import_module(_GENERATORS[generator]).FILES
    return files[part]


def _download(hub_id: str, lock: LockFile, *, files: Sequence[str]) -> tuple[str, Path]:
    """Downloads a repository at its locked commit, or at that of its main branch."""
    from huggingface_hub import HfApi, snapshot_download  # slow to import

    # As Any: the base class of network errors comes from whichever HTTP library the hub's client
    # uses, and is not exported for type checkers.
    hub_errors: Any = import_module("huggingface_hub.errors")
    commit = lock.model_commit(hub_id)
    try:
        if commit is None:
            commit = str(HfApi().model_info(hub_id).sha)
        folder = Path(snapshot_download(hub_id, revision=commit, allow_patterns=list(files)))
    except hub_errors.GatedRepoError:
        raise ModelError(
            f"'{hub_id}' asks to accept terms first",
            f"accept them at https://huggingface.co/{hub_id} and log in with `hf auth login`",
        ) from None
    except hub_errors.RepositoryNotFoundError:
        raise ModelError(
            f"the hub has no model '{hub_id}', or you may not see it",
            "check the id; for a private one log in with `hf auth login`",
        ) from None
    except (hub_errors.HTTPError, hub_errors.OfflineModeIsEnabled, OSError) as error:
        raise ModelError(
            f"'{hub_id}' could not be fetched: {str(error).splitlines()[0]}",
            "check the network and HF_HUB_OFFLINE, then run the command again; what was "
            "downloaded is kept",
        ) from None
    return commit, folder


def _hub_id(ref: str) -> str:
    models = load_suite().models
    if ref not in models:
        if is_hub_id(ref):
            return ref
        raise unknown_name("model", ref, models)
    hub = models[ref].hub
    if hub is None:
        raise UsageError(
            f"model '{ref}' is shipped with the package, so there is nothing to fetch",
            "give a published model: " + ", ".join(key for key in models if models[key].hub),
        )
    return hub
