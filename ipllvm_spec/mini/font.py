"""Bitmap glyphs of 5 by 7 pixels, drawn for this project, so that text renders alike everywhere.

Each glyph is seven rows of five bits, the most significant bit on the left.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

GLYPH_WIDTH = 5
GLYPH_HEIGHT = 7

_ROWS = {
    "A": "0E1111111F1111",
    "B": "1E11111E11111E",
    "C": "0F10101010100F",
    "D": "1E11111111111E",
    "E": "1F10101E10101F",
    "F": "1F10101E101010",
    "G": "0F10101311110F",
    "K": "11121418141211",
    "L": "1010101010101F",
    "M": "111B1511111111",
    "N": "11191513111111",
    "O": "0E11111111110E",
    "P": "1E11111E101010",
    "R": "1E11111E141211",
    "S": "0F10100E01011E",
    "T": "1F040404040404",
    "0": "0E13151515190E",
    "1": "040C040404040E",
    "2": "0E11010608101F",
    "3": "1E01010E01011E",
    "4": "02060A121F0202",
    "5": "1F101E0101110E",
    "6": "0608101E11110E",
    "7": "1F010204040808",
    "8": "0E11110E11110E",
    "9": "0E11110F01020C",
    "+": "0004041F040400",
    "-": "0000001F000000",
    "=": "00001F001F0000",
    ">": "08040201020408",
    "?": "0E110102040004",
}


def _bitmap(rows: str) -> NDArray[np.bool_]:
    bits = [[(int(rows[i : i + 2], 16) >> (4 - x)) & 1 for x in range(5)] for i in range(0, 14, 2)]
    return np.array(bits, dtype=np.bool_)


GLYPHS: Mapping[str, NDArray[np.bool_]] = MappingProxyType(
    {name: _bitmap(rows) for name, rows in _ROWS.items()}
)
"""Glyph name to a (7, 5) mask."""
