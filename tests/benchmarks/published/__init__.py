"""Rows of small data sets as they are published: names, types and splits of their columns.

Each module exports ``FEATURES`` (name to ``datasets`` features), ``SPLITS`` (name to split) and
``ROWS`` (name to a function of the number of rows).
"""

import io

import datasets
import numpy as np
from PIL import Image

from ipllvm_spec.benchmarks.base import IMAGE_DIGEST

STRING = datasets.Value("string")


def png(seed, *, size=(12, 8), mode="RGB"):
    """Encodes noise that depends on the seed alone."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, format="PNG")
    return file.getvalue()


def cell(seed):
    """The cell of an image column."""
    return {"bytes": png(seed), "path": None}


def records(rows, *, image_column="image"):
    """What the loader hands to a benchmark: digests d0, d1, ... in place of the images."""
    numbers = {}
    digests = [
        f"d{numbers.setdefault(row[image_column]['bytes'], len(numbers))}"
        if row.get(image_column)
        else ""
        for row in rows
    ]
    return [
        {column: value for column, value in row.items() if column != image_column}
        | {IMAGE_DIGEST: digest}
        for row, digest in zip(rows, digests, strict=True)
    ]
