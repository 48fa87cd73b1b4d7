"""Synthetic images: a caption from the store, an image made of it once, kept in the store.

Whoever measures a cell with synthetic images measures the captions first; they are answers like
any others, in a cell of their own.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PIL import Image

from ipllvm_spec.engine import keys
from ipllvm_spec.engine.artefacts import Artefact
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import DataError, EngineError
from ipllvm_spec.models.generators import ImageGenerator
from ipllvm_spec.spec.seeds import derive_seed

if TYPE_CHECKING:
    from ipllvm_spec.engine.library import Context

#: Kind of the artefacts kept here.
KIND = "synthetic_image"


@dataclass(frozen=True)
class FolderImages:
    """Images that lie ready in a folder, for one benchmark.

    Attributes:
        folder: ``FOLDER/BENCHMARK``.
        digest: Over the names and contents of all its files.
    """

    folder: Path
    digest: str

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides the images: the folder's content, wherever it lies."""
        return {"name": "folder", "content": self.digest}

    def image(self, item_id: str) -> Image.Image:
        """Returns the image of an item.

        Raises:
            DataError: When it is missing or cannot be read.
        """
        path = self.folder / f"{quote(item_id, safe='')}.png"
        try:
            with Image.open(path) as opened:
                return opened.convert("RGB")
        except OSError as error:
            raise DataError(
                f"the synthetic image of item '{item_id}' cannot be read: {error}",
                f"put it at '{path}', or leave --units where images are missing",
            ) from None


def folder_images(folder: str, benchmark: str) -> FolderImages:
    """Reads a folder of synthetic images of one benchmark.

    Args:
        folder: Has a subfolder for each benchmark.
        benchmark: Name of the benchmark.

    Raises:
        DataError: When it has no image of this benchmark.
    """
    place = Path(folder).expanduser() / benchmark
    files = sorted(place.glob("*.png"))
    if not files:
        raise DataError(
            f"there is no image in '{place}'",
            f"put the synthetic images of {benchmark} there as ITEM.png",
        )
    found = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    return FolderImages(place, keys.digest(found))


@dataclass(frozen=True)
class Synthesis:
    """How the synthetic images of a cell are made.

    Attributes:
        maker: The generator, or images that lie ready.
        captions: The cell of the captions; None where the images lie ready.
    """

    maker: ImageGenerator | FolderImages
    captions: Context | None

    @property
    def description(self) -> dict[str, Any]:
        """What decides the images, for the key of the cell that shows them."""
        made: dict[str, Any] = {"generator": dict(self.maker.identity)}
        return made | ({"captions": self.captions.key} if self.captions is not None else {})


def artefact_key(identity: Mapping[str, Any], caption: str, seed: int) -> str:
    """Returns the key of a synthetic image: everything that decides its pixels."""
    return keys.digest([KIND, dict(identity), caption, seed])


class SyntheticImages:
    """Makes synthetic images, or finds those that were made before. Thread-safe.

    Args:
        store: Holds captions and images; None where there are none.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store

    def images(self, synthesis: Synthesis) -> Callable[[str], Image.Image]:
        """Returns what gives the synthetic image of an item id."""
        if isinstance(synthesis.maker, FolderImages):
            return synthesis.maker.image
        assert synthesis.captions is not None
        return partial(self._made, synthesis.maker, synthesis.captions)

    def _made(self, generator: ImageGenerator, captions: Context, item_id: str) -> Image.Image:
        caption = self._caption(captions, item_id)
        # One image whose items ask different things is made once: the seed is the image's own.
        own = captions.course.items[item_id].image_digest
        seed = derive_seed(captions.cell.suite_seed, KIND, own) if generator.seeded else 0
        key = artefact_key(generator.identity, caption, seed)
        assert self._store is not None
        found = self._store.artefact(key)
        if found is None:
            made = generator.make(caption, seed=seed)
            described = {
                "caption": caption,
                "captioner": captions.model.digest,
                "generator": dict(generator.identity),
                "seed": seed,
                "understood": made.understood,
            }
            data = io.BytesIO()
            made.image.save(data, format="PNG")
            found = Artefact(key, KIND, keys.canonical(described), data.getvalue())
            self._store.put_artefacts([found])
        with Image.open(io.BytesIO(found.data)) as opened:
            return opened.convert("RGB")

    def _caption(self, captions: Context, item_id: str) -> str:
        assert self._store is not None
        rows = self._store.rows([captions.item_key(item_id)], failed=True)
        row = next(iter(rows.values()), None)
        if row is None:
            raise EngineError(
                f"item '{item_id}' has no caption by '{captions.cell.model}' yet",
                "measure through EngineClient.measure, which asks for the captions first",
            )
        if row.status != "ok":
            raise DataError(
                f"'{captions.cell.model}' wrote no caption of item '{item_id}': {row.text}",
                "choose another captioner, or repair that image",
            )
        return row.text
