"""The lock file: which commit each hub id stood for when it was fetched.

Users commit ``ipllvm.lock``. A later run fetches and verifies these commits and never moves to
another one by itself, so two machines with one lock file measure the same weights and rows.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from ipllvm_spec.errors import LockError
from ipllvm_spec.spec.paths import lock_path

Kind = Literal["dataset", "model"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_VERSION = 1
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?", re.ASCII)
_HEADER = "# The commit that each hub id stood for when it was fetched. Commit this file.\n"


class LockFile:
    """Commits of hub models and data sets, read from and written to one small TOML file.

    Attributes:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path, entries: Mapping[Kind, Mapping[str, str]] | None = None) -> None:
        self.path = path
        given = entries or {}
        self._entries: dict[Kind, dict[str, str]] = {
            kind: dict(given.get(kind, {})) for kind in KINDS
        }

    @classmethod
    def load(cls, path: Path | None = None) -> LockFile:
        """Reads a lock file; a file that does not exist is an empty lock.

        Args:
            path: The file; the one in use (``ipllvm_spec.spec.paths.lock_path``) when None.

        Raises:
            LockError: When the file is malformed.
        """
        place = path or lock_path()
        try:
            data = tomllib.loads(place.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(place)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _malformed(place, str(error)) from None
        return cls(place, _checked(data, place))

    def commit_for(self, kind: Kind, hub_id: str) -> str | None:
        """Returns the locked commit (40 hex digits), or None when the id was never locked."""
        return self._entries[kind].get(hub_id)

    def model_commit(self, hub_id: str) -> str | None:
        """Returns the locked commit of a model, or None."""
        return self.commit_for("model", hub_id)

    def record(self, kind: Kind, hub_id: str, commit: str, *, replace: bool = False) -> None:
        """Locks an id to a commit. ``save`` writes it to disk.

        Args:
            kind: What the id names.
            hub_id: ``owner/name``.
            commit: The commit that was fetched.
            replace: Move an id that is locked to another commit, on the user's explicit wish.

        Raises:
            LockError: When the id is locked to another commit, or ``commit`` is not a commit.
        """
        if not _COMMIT.fullmatch(commit):
            raise LockError(
                f"'{commit}' is not a commit of {hub_id}: 40 hexadecimal digits are needed",
                "a branch or tag can move; fetch by id and let the fetch resolve the commit",
            )
        if not _HUB_ID.fullmatch(hub_id):
            raise LockError(f"'{hub_id}' is not a hub id", "write it as owner/name")
        if not replace and self.commit_for(kind, hub_id) is not None:
            self.verify(kind, hub_id, commit)
        self._entries[kind][hub_id] = commit

    def verify(self, kind: Kind, hub_id: str, commit: str) -> None:
        """Demands that an id is locked to exactly this commit.

        Raises:
            LockError: When it is locked to another commit or not at all.
        """
        locked = self.commit_for(kind, hub_id)
        if locked is None:
            raise LockError(
                f"{kind} {hub_id} is not in {self.path}",
                f"run `ipllvm fetch {hub_id}` and commit {self.path.name}",
            )
        if locked != commit:
            raise LockError(
                f"{kind} {hub_id}: {self.path} locks commit {locked}, but this is {commit}",
                f"fetch the locked commit, or delete the line from {self.path.name} to move on; "
                "results of the two commits are not comparable",
            )

    def text(self) -> str:
        """Returns the file's content: sorted, so that equal locks are equal bytes."""
        lines = [_HEADER, f"version = {_VERSION}\n"]
        for kind in KINDS:
            if self._entries[kind]:
                lines.append(f"\n[{kind}]\n")
                lines += [
                    f'"{id_}" = "{sha}"\n' for id_, sha in sorted(self._entries[kind].items())
                ]
        return "".join(lines)

    def save(self) -> None:
        """Writes the file as a whole: a reader sees the old or the new content, never a part.

        Raises:
            LockError: When the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                    file.write(self.text())
                # mkstemp makes the file private; users share and commit this one.
                Path(draft).chmod(0o644)
                Path(draft).replace(self.path)
            except OSError:
                with contextlib.suppress(OSError):
                    Path(draft).unlink()
                raise
        except OSError as error:
            raise LockError(
                f"the lock file {self.path} cannot be written ({error.strerror})",
                "make its folder writable, or set IPLLVM_LOCK to a file that is",
            ) from None


def _malformed(path: Path, what: str) -> LockError:
    return LockError(
        f"the lock file {path} is malformed: {what}",
        "restore it from version control; after a merge conflict keep one commit per id",
    )


def _checked(data: Mapping[str, Any], path: Path) -> dict[Kind, dict[str, str]]:
    if data.get("version") != _VERSION:
        raise _malformed(path, f"version is {data.get('version')!r}, not {_VERSION}")
    for key in sorted(data.keys() - {"version", *KINDS}):
        raise _malformed(path, f"unknown key '{key}'; known: version, {', '.join(KINDS)}")
    entries: dict[Kind, dict[str, str]] = {}
    for kind in KINDS:
        table = data.get(kind, {})
        if not isinstance(table, Mapping):
            raise _malformed(path, f"'{kind}' is not a table")
        for hub_id, commit in table.items():
            if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
                raise _malformed(path, f"{kind} '{hub_id}' has {commit!r}, not a commit")
        entries[kind] = dict(table)
    return entries
