"""Decoding one image at a time, and what identifies it."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageOps

from ipllvm_spec.benchmarks.fields import UndecodableImageError

# Everything that Pillow's decoders are seen to raise on damaged files (fuzzed in the tests).
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


def image_bytes(cell: Any) -> bytes:
    """Returns the encoded image of an undecoded ``datasets`` image cell.

    Args:
        cell: ``{"bytes": ..., "path": ...}`` or None.

    Raises:
        UndecodableImageError: When the cell is empty or names a file that cannot be read.
    """
    content = cell.get("bytes") if isinstance(cell, Mapping) else None
    if isinstance(content, bytes) and content:
        return content
    path = cell.get("path") if isinstance(cell, Mapping) else None
    if not path:
        raise UndecodableImageError("the row has no image")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UndecodableImageError(f"the image file cannot be read ({error})") from None


def decode(content: bytes) -> Image.Image:
    """Decodes to RGB, upright.

    Raises:
        UndecodableImageError: For anything that is not a whole image.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            image.load()
            # As datasets.Image does: without it phone photographs would be asked lying down.
            if image.getexif().get(ExifTags.Base.Orientation) is not None:
                return ImageOps.exif_transpose(image).convert("RGB")
            return image.convert("RGB")
    except _DAMAGE as error:
        detail = str(error) or type(error).__name__
        raise UndecodableImageError(f"the image cannot be decoded ({detail})") from None


def pixel_digest(image: Image.Image) -> str:
    """Returns sha256 (hex) over size and RGB pixels: equal for equal pixels in any file format."""
    header = f"{image.width}x{image.height}:".encode()
    return hashlib.sha256(header + image.tobytes()).hexdigest()


class Digester:
    """Digests of images, each distinct file content decoded once and held by none.

    An image that cannot be decoded keeps a digest of its bytes, so that it stays one item among
    the others and becomes an error only when it is asked for.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def digest(self, cell: Any) -> str:
        """Returns the digest (hex) of an undecoded ``datasets`` image cell."""
        try:
            content = image_bytes(cell)
        except UndecodableImageError:
            return hashlib.sha256(b"no image").hexdigest()
        key = hashlib.sha256(content).digest()
        if key not in self._known:
            try:
                self._known[key] = pixel_digest(decode(content))
            except UndecodableImageError:
                self._known[key] = hashlib.sha256(b"undecodable:" + key).hexdigest()
        return self._known[key]
