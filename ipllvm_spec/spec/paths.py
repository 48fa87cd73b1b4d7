"""Where this project keeps files on a user's machine. Free of heavy imports."""

from __future__ import annotations

import os
from pathlib import Path

#: Name of the lock file; users commit it beside their own pytest configuration.
LOCK_NAME = "ipllvm.lock"


def cache_dir() -> Path:
    """Returns the folder for everything that can be rebuilt or fetched again.

    ``IPLLVM_CACHE`` wins, then ``XDG_CACHE_HOME``/ipllvm, then ``~/.cache/ipllvm``. The folder is
    not created here: asking where it is must work on a read-only disk.
    """
    if chosen := os.environ.get("IPLLVM_CACHE"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG rules say that a relative value is invalid and must be ignored.
    if base and Path(base).is_absolute():
        return Path(base) / "ipllvm"
    return Path.home() / ".cache" / "ipllvm"


def lock_path() -> Path:
    """Returns the lock file in use: ``IPLLVM_LOCK``, or ``ipllvm.lock`` in the working folder."""
    if chosen := os.environ.get("IPLLVM_LOCK"):
        return Path(chosen).expanduser().absolute()
    return Path.cwd() / LOCK_NAME
