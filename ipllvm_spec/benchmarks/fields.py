"""Reading one field of one row, with an error that says which row and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipllvm_spec.benchmarks.base import IMAGE_DIGEST
from ipllvm_spec.errors import DataError

#: What a column can hold, as written in ``Benchmark.columns``.
TEXT = "text"
INTEGER = "integer"
IMAGE = "image"


class UndecodableImageError(ValueError):
    """Bytes that are no image. Turned into a ``DataError`` where benchmark and row are known."""


def row_error(benchmark: str, index: int, problem: str, *, advice: str = "") -> DataError:
    """Builds the error for one row; ``index`` is 0-based, as in the data set."""
    return DataError(
        f"{benchmark}, row {index}: {problem}",
        advice or "repair the row, or use the published data or the twin",
    )


def text(row: Mapping[str, Any], column: str, *, benchmark: str, index: int) -> str:
    """Returns a text field.

    Raises:
        DataError: When the field is absent, null or no text.
    """
    value = row.get(column)
    if not isinstance(value, str):
        raise row_error(benchmark, index, f"column '{column}' holds {value!r}, not a text")
    return value


def integer(row: Mapping[str, Any], column: str, *, benchmark: str, index: int) -> int:
    """Returns an integer field.

    Raises:
        DataError: When the field is absent, null or no integer.
    """
    value = row.get(column)
    # bool is an int in Python, and no published index column holds one.
    if not isinstance(value, int) or isinstance(value, bool):
        raise row_error(benchmark, index, f"column '{column}' holds {value!r}, not an integer")
    return value


def one_of(
    row: Mapping[str, Any], column: str, allowed: Sequence[str], *, benchmark: str, index: int
) -> str:
    """Returns a text field, stripped, that must be one of ``allowed``.

    Raises:
        DataError: When it is something else.
    """
    value = text(row, column, benchmark=benchmark, index=index).strip()
    if value not in allowed:
        raise row_error(
            benchmark, index, f"column '{column}' holds {value!r}, not one of {', '.join(allowed)}"
        )
    return value


def image_digest(row: Mapping[str, Any]) -> str:
    """Returns the digest that the loader put in place of the image, or ``""``."""
    return str(row.get(IMAGE_DIGEST, ""))
