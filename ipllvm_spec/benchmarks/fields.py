"""Reading one field of one row, with an error that says which row and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from ipllvm_spec.benchmarks.base import IMAGE_DIGEST
from ipllvm_spec.errors import DataError

#: What a column can hold, as written in ``Benchmark.columns``.
TEXT = "text"
INTEGER = "integer"
FLOAT = "number"
LIST = "list of text"
STRUCT = "record"
ANY = "anything"
IMAGE = "image"


#: Ending of the column in which the loader gives the text of a class label.
LABEL_NAME = "_name"


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


def optional_text(row: Mapping[str, Any], column: str, *, benchmark: str, index: int) -> str:
    """Returns a text field, "" where it is absent or null.

    Raises:
        DataError: When the field holds something else than text.
    """
    if row.get(column) is None:
        return ""
    return text(row, column, benchmark=benchmark, index=index)


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


def number(row: Mapping[str, Any], column: str, *, benchmark: str, index: int) -> float:
    """Returns a finite number.

    Raises:
        DataError: When the field is absent, null, no number, infinite or NaN.
    """
    value = row.get(column)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise row_error(benchmark, index, f"column '{column}' holds {value!r}, not a number")
    return float(value)


def optional_number(
    row: Mapping[str, Any], column: str, *, benchmark: str, index: int
) -> float | None:
    """Returns a finite number, None where it is absent or null.

    Raises:
        DataError: When the field holds something else.
    """
    if row.get(column) is None:
        return None
    return number(row, column, benchmark=benchmark, index=index)


def list_of_text(
    row: Mapping[str, Any], column: str, *, benchmark: str, index: int, optional: bool = False
) -> tuple[str, ...]:
    """Returns a list of texts.

    Args:
        row: The row.
        column: The column.
        benchmark: For the error.
        index: For the error, 0-based.
        optional: Whether an absent or null list is taken as an empty one.

    Raises:
        DataError: When the field is no list, or holds an entry that is no text.
    """
    value = row.get(column)
    if value is None and optional:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise row_error(benchmark, index, f"column '{column}' holds {value!r}, not a list of text")
    return tuple(value)


def record(row: Mapping[str, Any], column: str, *, benchmark: str, index: int) -> Mapping[str, Any]:
    """Returns a nested record.

    Raises:
        DataError: When the field is absent, null or no record.
    """
    value = row.get(column)
    if not isinstance(value, Mapping):
        raise row_error(benchmark, index, f"column '{column}' holds {value!r}, not a record")
    return value


def label_name(row: Mapping[str, Any], column: str) -> str:
    """Returns the class name of an integer label, "" where the data do not name their classes.

    The loader adds it under ``<column>_name`` for columns of the type ``ClassLabel``.
    """
    return str(row.get(f"{column}{LABEL_NAME}") or "")


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
    """Returns the digest that the loader put in place of the image; "" for a row without one.

    Reading it decodes the image, once: rows that are not asked about should not be asked for it.
    """
    return str(row.get(IMAGE_DIGEST, ""))
