"""Numbers, lists and words within free text, each in one spelling, so that spellings compare.

A number is read without currency sign, percent sign and thousands separators. Digits within a
word ("H2O", "x_1") and raised digits ("cm²") are no numbers.
"""

from __future__ import annotations

import re
import unicodedata
from math import isfinite

# A minus after a word, a digit or a closing bracket is a hyphen: "3-5" holds 3 and 5.
_SIGN = r"(?:(?<![\w)\]%.])(?P<sign>-)[$€£]?)?"
# Neither the rest of a word nor of a number such as "v1.5" or "2.3.4".
_START = r"(?<![A-Za-z_])(?<!\d)(?<!\d\.)"
_NUMBER = re.compile(
    rf"{_SIGN}{_START}"
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
    r"(?P<power>[eE][-+]?\d+(?![A-Za-z\d]))?"
)
_LIST = re.compile(r"\[([^\[\]]*)\]")
_TOKEN = re.compile(rf"{_NUMBER.pattern}|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\w")
#: Minus signs that keyboards do not have.
_MINUS = str.maketrans("−﹣－", "---")  # noqa: RUF001


def plain(text: str) -> str:
    """Returns NFKC text with one sort of minus; raised digits and fractions become spaces.

    NFKC alone would make "10²" the number 102 and "½" the numbers 1 and 2.
    """
    kept = "".join(" " if unicodedata.category(sign) == "No" else sign for sign in text)
    return unicodedata.normalize("NFKC", kept.translate(_MINUS))


def numbers(text: str) -> tuple[str, ...]:
    """Returns the numbers in a text in order, as ``float`` reads them: "-$1,234.50" is -1234.50.

    Examples:
        >>> numbers("3-5 of 1,200 (7%)")
        ('3', '5', '1200', '7')
    """
    return tuple(_spelled(match) for match in _NUMBER.finditer(plain(text)))


def _spelled(match: re.Match[str]) -> str:
    return (match["sign"] or "") + match["digits"].replace(",", "") + (match["power"] or "")


def as_integer(text: str) -> str | None:
    """Returns a number as MathVista spells integers, cut towards zero: "14.0" and "14.7" are 14.

    Returns:
        None for what ``float`` cannot read ("1,000", "7%"), for infinity and for NaN.
    """
    value = _finite(text)
    return None if value is None else str(int(value))


def as_float(text: str, *, places: int) -> str | None:
    """Returns a number as MathVista spells floats: rounded in binary, "2" with one place is 2.0.

    Args:
        text: The number.
        places: Decimal places to keep, 0 or more.

    Returns:
        None for what ``float`` cannot read, for infinity and for NaN.
    """
    value = _finite(text)
    return None if value is None else str(round(value, places))


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def as_list(text: str) -> str | None:
    """Returns a bracketed list with one space after each comma; its entries are left alone.

    Returns:
        None for text that is no list, and for an empty one.
    """
    match = _LIST.fullmatch(text.strip())
    entries = [entry.strip() for entry in match[1].split(",")] if match else []
    return f"[{', '.join(entries)}]" if any(entries) else None


def last_list(text: str) -> str | None:
    """Returns the last bracketed list of a text that has entries, spelled as by ``as_list``."""
    found = (as_list(match[0]) for match in _LIST.finditer(plain(text)))
    return next((spelled for spelled in reversed(list(found)) if spelled), None)


def tokens(text: str) -> tuple[str, ...]:
    """Returns words, case folded, and numbers, each in one spelling; punctuation is dropped.

    Examples:
        >>> tokens("X = -1, or $1,200.00!")
        ('x', '-1', 'or', '1200')
    """
    return tuple(
        _short(_spelled(match)) if match["digits"] else match[0].casefold()
        for match in _TOKEN.finditer(plain(text))
    )


def _short(number: str) -> str:
    """Returns the shortest spelling: 5 for "5.0"; what is too large for a float stays as it is."""
    value = _finite(number)
    return number if value is None else f"{value:.15g}"
