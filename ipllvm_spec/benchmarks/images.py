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


def has_image(cell: Any) -> bool:
    """Whether an undecoded ``datasets`` image cell holds or names an image at all."""
    return isinstance(cell, Mapping) and bool(cell.get("bytes") or cell.get("path"))


class Digester:
    """Digests of images, each distinct file content decoded once and held by none.

    Attributes:
        failures: Why an image could not be decoded, by the digest that stands in for it.
    """

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self._known: dict[bytes, str] = {}

    def digest(self, cell: Any) -> str:
        """Returns the digest (hex) of an undecoded ``datasets`` image cell, "" for an empty one.

        An image that cannot be decoded gets a digest of its bytes, or of the name of a file that
        cannot be read: it stays a row of its own until the loader leaves it out.
        """
        if not has_image(cell):
            return ""
        try:
            content = image_bytes(cell)
        except UndecodableImageError as error:
            return self._failed(b"unreadable:" + str(cell["path"]).encode(), error)
        key = hashlib.sha256(content).digest()
        if key not in self._known:
            self._known[key] = self.of_content(content, key)
        return self._known[key]

    def of_content(self, content: bytes, key: bytes) -> str:
        """Returns the digest of an encoded image that was not seen before.

        Args:
            content: The file.
            key: Its sha256.
        """
        try:
            return pixel_digest(decode(content))
        except UndecodableImageError as error:
            return self._failed(b"undecodable:" + key, error)

    def _failed(self, what: bytes, error: UndecodableImageError) -> str:
        digest = hashlib.sha256(what).hexdigest()
        self.failures[digest] = str(error)
        return digest


class FileDigester(Digester):
    """Digests of the encoded files: nothing is decoded, for a look at the data in passing."""

    def of_content(self, content: bytes, key: bytes) -> str:  # noqa: ARG002
        """Returns the digest of the file."""
        return key.hex()
