"""From an encoder and labelled training images to a checkpoint with a linear probe."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ipllvm_spec.benchmarks.classification import Classification
from ipllvm_spec.benchmarks.classification_lists import spaced
from ipllvm_spec.benchmarks.classification_parsing import normalized
from ipllvm_spec.benchmarks.data import LoadedItems, items_of, load_items
from ipllvm_spec.benchmarks.registry import BENCHMARKS, get_benchmark
from ipllvm_spec.benchmarks.sources import open_rows
from ipllvm_spec.errors import DataError, LockError, ModelError, UsageError
from ipllvm_spec.models.encoders import load_checkpoint
from ipllvm_spec.models.files import check_weights, weight_files
from ipllvm_spec.models.identity import setting_files, weights_digest
from ipllvm_spec.models.probe_files import ProbeFile, write_probe
from ipllvm_spec.models.probes import PENALTY, LinearProbe, fit_probe
from ipllvm_spec.models.registry import Checkpoint, capabilities, resolve
from ipllvm_spec.spec.lock import LockFile

#: Names or rows that an error message lists.
_SHOWN = 5


@dataclass(frozen=True)
class Fitted:
    """A checkpoint that was written.

    Attributes:
        folder: Where.
        classes: Number of classes.
        images: Training images.
        width: Dimension of the embeddings.
        own: Share of its training images that the probe gets right, 0-1.
    """

    folder: Path
    classes: int
    images: int
    width: int
    own: float


@dataclass(frozen=True)
class _Labelled:
    """Training images: their items, and each item's class as an index into ``names``."""

    loaded: LoadedItems
    labels: tuple[int, ...]
    names: tuple[str, ...]


def fit_checkpoint(
    model: str,
    data: str,
    *,
    out: Path,
    measured: str | None = None,
    penalty: float = PENALTY,
    device: str = "cpu",
    lock: LockFile | None = None,
) -> Fitted:
    """Fits a probe on an encoder and writes both as a checkpoint of their own.

    Images are decoded as they are encoded, a batch at a time; their embeddings stay in memory, and
    fitting takes up to 28 bytes times their width for each image.

    Args:
        model: A key of models.toml, a folder, or a locked hub id.
        data: ``NAME=PATH``: a classification set, and training images in the layout of its rows;
            of several splits in a folder, ``train`` is meant.
        out: Folder to write; absent or empty.
        measured: ``twin``, ``published`` or the path of the data that will be measured; when
            None, published data where the training labels are the published ones, else the twin.
        penalty: See ``probes.fit_probe``.
        device: ``cpu``, ``cuda``, ``cuda:0``, ...
        lock: Commits of published models and data.

    Raises:
        UsageError: When the folder is taken, ``data`` is no classification set, or the penalty is
            not above 0.
        ModelError: When the model is no whole encoder.
        DataError: When data are missing or damaged, a class that is measured has no training
            image, or a training image is one that is measured: equal pixels, so copies that were
            resized or compressed again are not noticed.
    """
    benchmark, path = _classification(data)
    _demand_free(out)
    if not penalty > 0:
        raise UsageError(f"the penalty must be above 0, not {penalty}", "0.01 is the default")
    checkpoint = _encoder(model, lock=lock, device=device)
    training = _training(benchmark, path)
    _demand_apart(training, benchmark, measured, lock=lock)
    encoder = load_checkpoint(checkpoint, device=device)
    loaded = training.loaded
    features = encoder.encode(loaded.image(item.item_id) for item in loaded.items)
    probe = fit_probe(features, training.labels, training.names, penalty=penalty)
    _write(checkpoint, probe, out=out, loaded=loaded, penalty=penalty)
    found = probe.scores(features).argmax(dim=1)
    right = float((found == torch.tensor(training.labels)).double().mean())
    return Fitted(out, len(training.names), len(features), encoder.width, right)


def _classification(data: str) -> tuple[Classification, Path]:
    name, _, path = data.partition("=")
    benchmark = get_benchmark(name)
    if not isinstance(benchmark, Classification):
        sets = [key for key, where in BENCHMARKS.items() if where.startswith("classification:")]
        raise UsageError(
            f"'{name}' is no classification set, and a probe names classes",
            f"use one of {', '.join(sets)}",
        )
    if not path:
        raise UsageError(
            f"'{data}' names no training images", f"write for example {name}=./{name}-train"
        )
    # Training sets are seen whole, not only as many images as a language model is asked about.
    whole = get_benchmark(name, "all")
    assert isinstance(whole, Classification)
    return whole, Path(path).expanduser()


def _demand_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"'{out}' is there already and not an empty folder", "choose another name for --out"
        )


def _encoder(model: str, *, lock: LockFile | None, device: str) -> Checkpoint:
    checkpoint = resolve(model, lock=lock, device=torch.device(device).type)
    if "encode" not in capabilities(checkpoint):
        raise ModelError(
            f"'{model}' ({checkpoint.family}) is no vision encoder, so it has no embeddings to "
            "fit a probe on",
            "give a CLIP, SigLIP, ViT, DeiT, DINO or ResNet",
        )
    if checkpoint.variants:
        raise ModelError(
            f"'{model}' is broken at load time ({', '.join(checkpoint.variants)}) and cannot be "
            "written as a checkpoint",
            "fit the probe on the whole encoder and put the variant behind the folder's name",
        )
    return checkpoint


def _training(benchmark: Classification, path: Path) -> _Labelled:
    name = benchmark.name
    if not path.exists():
        raise DataError(
            f"the training images '{path}' of {name} do not exist",
            "give a folder of parquet files, one written by save_to_disk, or one parquet file",
        )
    rows = open_rows(path, benchmark, where=str(path), revision="local", split="train")
    loaded = items_of(benchmark, rows)
    column = list(rows.texts[benchmark.label_column])
    given = [column[item.row] for item in loaded.items]
    names = benchmark.classes(loaded.items).names
    # Classes of published labels are all that are published, others those that the data show.
    own = bool(loaded.items[0].choices)
    order = sorted(set(column)) if own else range(len(names))
    place = {label: number for number, label in enumerate(order)}
    labels = tuple(place[label] for label in given)
    _demand_all([names[number] for number in sorted({*place.values()} - {*labels})], path, names)
    return _Labelled(loaded, labels, names)


def _demand_all(missing: Sequence[str], where: Path | str, names: Sequence[str]) -> None:
    """Refuses data that do not show all classes."""
    if missing:
        more = ", ..." if len(missing) > _SHOWN else ""
        raise DataError(
            f"{len(missing)} of {len(names)} classes have no image in '{where}': "
            f"{', '.join(missing[:_SHOWN])}{more}",
            "a probe can only name classes that it has seen: add images of each",
        )


def _demand_apart(
    training: _Labelled,
    benchmark: Classification,
    measured: str | None,
    *,
    lock: LockFile | None,
) -> None:
    """Refuses training images without a measured class, or with an image that is measured."""
    loaded = training.loaded
    source = measured or ("twin" if loaded.items[0].choices else "published")
    try:
        asked = load_items(benchmark, source, lock=lock)
    except (DataError, LockError) as error:
        raise type(error)(
            "training images are compared with those that are measured, which cannot be read: "
            f"{error.problem}",
            f"{error.advice}; or name other data that will be measured with --measured",
        ) from None
    seen = {normalized(spaced(name)) for name in training.names}
    names = benchmark.classes(asked.items).names
    absent = [name for name in names if normalized(spaced(name)) not in seen]
    _demand_all(absent, loaded.rows.where, names)
    taken = {item.image_digest for item in asked.items}
    both = [item.row for item in loaded.items if item.image_digest in taken]
    if both:
        more = ", ..." if len(both) > _SHOWN else ""
        raise DataError(
            f"{len(both)} of {len(loaded.items)} training images in '{loaded.rows.where}' are "
            f"among those that {benchmark.name} measures ({asked.rows.where}): rows "
            f"{', '.join(map(str, both[:_SHOWN]))}{more}",
            "a probe must not have seen what it is measured on: take these images out, or train "
            "on another split",
        )


def _write(
    checkpoint: Checkpoint, probe: LinearProbe, *, out: Path, loaded: LoadedItems, penalty: float
) -> None:
    """Writes encoder and probe; the folder appears under its name when it is whole."""
    source = checkpoint.folder
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".probe-") as scratch:
            folder = Path(scratch) / "checkpoint"
            for file in (*weight_files(source), *setting_files(source)):
                target = folder / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                # Contents: the files of a snapshot are links into the Hub client's cache.
                shutil.copyfile(file, target)
            shards = [shard.path for shard in check_weights(folder)]
            stored = ProbeFile(
                names=probe.names,
                mean=probe.mean.numpy(),
                weights=probe.weights.numpy(),
                prior=probe.prior.numpy(),
                penalty=penalty,
                data=loaded.content_digest,
                images=len(loaded.items),
                encoder=weights_digest(folder, shards),
            )
            write_probe(folder, stored)
            folder.replace(out)
    except OSError as error:
        raise UsageError(f"cannot write '{out}': {error}", "choose another --out") from error
