"""Every error a user can meet. Each message says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class IpllvmError(Exception):
    """Base of all errors that are the user's to read rather than ours to debug.

    Args:
        problem: What is wrong and where, as one sentence.
        advice: What to do about it, as one sentence; empty only when ``problem`` says it.
    """

    def __init__(self, problem: str, advice: str = "") -> None:
        self.problem = problem
        self.advice = advice
        super().__init__(problem if not advice else f"{problem}\n  -> {advice}")


class SpecError(IpllvmError):
    """A TOML spec does not say what the schema allows."""


class UnknownNameError(IpllvmError):
    """A model, benchmark, profile, property or claim of that name does not exist."""


class ModelError(IpllvmError):
    """A checkpoint cannot be loaded, identified or used."""


class DataError(IpllvmError):
    """A benchmark's data are missing, changed or damaged."""


class LockError(IpllvmError):
    """The lock file and what was fetched disagree, or a hub id was never locked."""


class InertInterventionError(IpllvmError):
    """An intervention that should change the model's input changed nothing."""


class EngineError(IpllvmError):
    """The engine process could not start, died twice, or was asked something impossible."""


class StoreError(IpllvmError):
    """The result store cannot be opened, written, imported or exported."""


class JudgeError(IpllvmError):
    """The judge model cannot be reached, refuses, or answers with something else."""


class UsageError(IpllvmError):
    """Options contradict each other or have values that cannot work."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns ``"did you mean 'x'?"`` for the closest known name, or the list of known names.

    Args:
        name: What the user wrote.
        known: The names that would have been right.
    """
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(choices) if choices else "none is known"


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Builds the error for a name that matches nothing, with the nearest right name."""
    return UnknownNameError(f"unknown {kind} '{name}'", nearest(name, known))
