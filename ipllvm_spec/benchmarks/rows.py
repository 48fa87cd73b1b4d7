"""The rows of an opened data set: texts in small batches, images one at a time, nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import datasets
from PIL.Image import Image

from ipllvm_spec.benchmarks.base import IMAGE_DIGEST
from ipllvm_spec.benchmarks.fields import LABEL_NAME
from ipllvm_spec.benchmarks.images import Digester, decode, image_bytes


@dataclass(frozen=True)
class Rows:
    """The rows of one data set; images stay on disk until one is asked for.

    Attributes:
        where: The data set as error messages name it.
        revision: ``twin``, ``local``, or the commit of published data.
        dataset: A ``datasets.Dataset`` whose images are left encoded.
        image_column: The column that holds the image; None for text alone.
    """

    where: str
    revision: str
    dataset: Any
    image_column: str | None = "image"

    def __len__(self) -> int:
        return len(self.dataset)

    @cached_property
    def texts(self) -> Any:
        """The data set without its images."""
        if self.image_column is None:
            return self.dataset
        return self.dataset.remove_columns([self.image_column])

    @cached_property
    def class_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the classes by column, for the columns whose type has them."""
        return {
            column: tuple(feature.names)
            for column, feature in self.texts.features.items()
            if isinstance(feature, datasets.ClassLabel)
        }

    @cached_property
    def _images(self) -> Any:
        return self.dataset.select_columns([self.image_column])

    def cell(self, index: int) -> Any:
        """Returns the encoded image of one row as ``datasets`` gives it, None when it has none."""
        return None if self.image_column is None else self._images[index][self.image_column]

    def image(self, index: int) -> Image:
        """Decodes the image of one row to RGB.

        Raises:
            UndecodableImageError: When it is damaged or missing.
        """
        return decode(image_bytes(self.cell(index)))

    def records(self, digester: Digester | None = None) -> Records:
        """Returns the rows without their images, each with its ``IMAGE_DIGEST``.

        Args:
            digester: Makes the digests and remembers what could not be decoded; a new one when
                None.
        """
        return Records(self, digester or Digester())


class Records(Sequence[Mapping[str, Any]]):
    """What ``Benchmark.items`` reads: rows that come from disk when they are looked at."""

    def __init__(self, rows: Rows, digester: Digester) -> None:
        self._rows = rows
        self._digester = digester
        # A benchmark may look twice; an image is decoded once.
        self._digests: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self._record(place, self._rows.texts[place]) for place in places]
        return self._record(places, self._rows.texts[places])

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        # datasets reads a few rows at a time here, which is much faster than one by one.
        for index, texts in enumerate(self._rows.texts):
            yield self._record(index, texts)

    def _record(self, index: int, texts: dict[str, Any]) -> Mapping[str, Any]:
        for column, names in self._rows.class_names.items():
            label = texts[column]
            known = label is not None and 0 <= label < len(names)
            texts[column + LABEL_NAME] = names[label] if known else None
        if self._rows.image_column is None:
            return texts
        return Record(texts, lambda: self._digest(index))

    def _digest(self, index: int) -> str:
        if index not in self._digests:
            self._digests[index] = self._digester.digest(self._rows.cell(index))
        return self._digests[index]


class Record(Mapping[str, Any]):
    """The columns of a row, and the digest of its image, which is decoded only for that."""

    __slots__ = ("_digest", "_texts")

    def __init__(self, texts: Mapping[str, Any], digest: Callable[[], str]) -> None:
        self._texts = texts
        self._digest = digest

    def __getitem__(self, column: str) -> Any:
        return self._digest() if column == IMAGE_DIGEST else self._texts[column]

    def __contains__(self, column: object) -> bool:
        return column == IMAGE_DIGEST or column in self._texts

    def __iter__(self) -> Iterator[str]:
        yield from self._texts
        yield IMAGE_DIGEST

    def __len__(self) -> int:
        return len(self._texts) + 1
