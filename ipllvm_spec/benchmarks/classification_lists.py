"""The published class lists, templates, and index lists of the classification sets.

``classes/<set>.json`` holds the class names and CLIP's prompt templates in the order of the
published labels, with the labels as the data spell them; ``indices/<set>.json`` holds the rows of
the published split that a language model is asked about.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.classification_parsing import normalized

#: Most rows that a language model is asked about, as in the paper.
ASKED = 1000

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class ClassList:
    """The classes of one published set.

    Attributes:
        names: Class names of CLIP's protocol by label.
        labels: The labels as the data spell them; empty where those are lists of synonyms.
        templates: Prompt templates with one ``{}`` for the class name.
        aliases: Other words for a class, by class name.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]]

    def fits(self, seen: Mapping[int, str]) -> bool:
        """Whether labels of a data set are the published ones.

        Args:
            seen: Label text by label, "" where the data have numbers only.
        """
        if not all(0 <= number < len(self.names) for number in seen):
            return False
        named = [self._is(number, text) for number, text in seen.items() if text]
        # ImageNet's labels are lists of synonyms, of which CLIP's names improve about a fifth.
        return sum(named) >= len(named) * (1.0 if self.labels else 0.5)

    def _is(self, number: int, text: str) -> bool:
        """Whether a label's text is the published one, or has the class name as a synonym."""
        spelt = {self.names[number], self.labels[number] if self.labels else self.names[number]}
        texts = {text} if self.labels else {text, *text.split(",")}
        return not {normalized(spaced(one)) for one in spelt}.isdisjoint(
            normalized(spaced(one)) for one in texts
        )


def spaced(label: str) -> str:
    """Returns a label as words: ``apple_pie`` and ``SeaLake`` become "apple pie", "Sea Lake"."""
    return " ".join(_WORD.sub(" ", label).replace("_", " ").split())


@cache
def class_list(name: str) -> ClassList:
    """Returns the published classes of a set, for example ``food101``."""
    data = _read("classes", name)
    return ClassList(
        names=tuple(data["names"]),
        labels=tuple(data["labels"]),
        templates=tuple(data["templates"]),
        aliases=MappingProxyType({key: tuple(found) for key, found in data["aliases"].items()}),
    )


def first_rows(
    rows: Sequence[Mapping[str, Any]], column: str, *, benchmark: str
) -> dict[int, tuple[int, Mapping[str, Any]]]:
    """Returns number and content of the first row of each label.

    Raises:
        DataError: For a label that is no integer.
    """
    first: dict[int, tuple[int, Mapping[str, Any]]] = {}
    for index, row in enumerate(rows):
        label = fields.integer(row, column, benchmark=benchmark, index=index)
        first.setdefault(label, (index, row))
    return first


def own_names(
    seen: Mapping[int, str], where: Mapping[int, int], *, benchmark: str
) -> dict[int, str]:
    """Returns the labels of unpublished data as words.

    Args:
        seen: Label text by label.
        where: The row of each, for the error.
        benchmark: For the error.

    Raises:
        DataError: When a label has no text, or two have the same.
    """
    taken: dict[str, int] = {}
    for label, text in seen.items():
        key = normalized(spaced(text))
        if not key:
            raise fields.row_error(
                benchmark,
                where[label],
                f"label {label} names no class: it is not one of the published labels, and the "
                "data do not name it",
                advice="store the column as a ClassLabel with names, or use the published data",
            )
        other = taken.setdefault(key, label)
        if other != label:
            raise fields.row_error(
                benchmark,
                where[label],
                f"labels {other} and {label} are both '{text}'",
                advice="give each class a name of its own",
            )
    return {label: spaced(text) for label, text in seen.items()}


def asked_rows(name: str, rows: int) -> tuple[int, ...]:
    """Returns the rows that a language model is asked about, ascending.

    The published list where the data have the rows of the published split; for other data the
    same rule.

    Args:
        name: The set.
        rows: Rows of the data.
    """
    published = _read("indices", name)
    return tuple(published["indices"]) if rows == published["rows"] else drawn_rows(name, rows)


def drawn_rows(name: str, rows: int, *, most: int = ASKED) -> tuple[int, ...]:
    """Draws rows by a rule that needs no random generator to repeat.

    Those are taken whose ``sha256("<set>/<row>")`` is smallest; all when there are no more.

    Args:
        name: The set.
        rows: Rows of the data, numbered from 0.
        most: How many are drawn.
    """
    order = sorted(range(rows), key=lambda row: hashlib.sha256(f"{name}/{row}".encode()).digest())
    return tuple(sorted(order[:most]))


@cache
def _read(folder: str, name: str) -> Mapping[str, Any]:
    file = resources.files("ipllvm_spec.benchmarks").joinpath(folder, f"{name}.json")
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType(data)
