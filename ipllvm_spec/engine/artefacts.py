"""What is computed on the way to answers and dear enough to keep: bytes by content key.

An artefact is no answer: its image or array is used again by later cells, and a view may show it.
It is kept beside the answers, like them the first writer's, and no export carries it; whoever
needs it elsewhere makes it again from the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipllvm_spec.engine.store import Store


class Artefact(NamedTuple):
    """One thing kept with its key, in the order of the table's columns.

    Attributes:
        artefact_key: ``keys.digest`` of everything that decides the content.
        kind: What it is, for example ``synthetic_image``.
        description: What it was made of and by whom, as canonical JSON; for people and views.
        data: The content, in the form that its kind declares (a PNG file, a safetensors file).
    """

    artefact_key: str
    kind: str
    description: str
    data: bytes


def find(store: Store, key: str) -> Artefact | None:
    """Returns the artefact under a key, or None."""
    found = store.fetch("SELECT * FROM artefacts WHERE artefact_key = ?", (key,))
    return Artefact(*found[0]) if found else None


def of_kind(store: Store, kind: str) -> Iterator[Artefact]:
    """Yields all artefacts of a kind in the order of their keys, one in memory at a time."""
    query = "SELECT artefact_key FROM artefacts WHERE kind = ? ORDER BY artefact_key"
    for (key,) in store.fetch(query, (kind,)):
        found = find(store, key)
        if found is not None:
            yield found


def kept_descriptions(store: Store, kind: str) -> list[str]:
    """Returns the descriptions of all artefacts of a kind, without their data, in key order."""
    query = "SELECT description FROM artefacts WHERE kind = ? ORDER BY artefact_key"
    return [text for (text,) in store.fetch(query, (kind,))]


def put(store: Store, artefacts: Sequence[Artefact]) -> None:
    """Stores artefacts at once; one that is there already under its key stays.

    Raises:
        StoreError: When the disk is full or the file was damaged meanwhile.
    """
    # OR IGNORE would also pass over an artefact without data.
    query = "INSERT INTO artefacts VALUES (?, ?, ?, ?) ON CONFLICT (artefact_key) DO NOTHING"
    with store.transaction() as execute:
        execute(query, artefacts)
