"""``ipllvm probe``: a classifier for an encoder that has none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ipllvm_spec.cli_data import LockOption
from ipllvm_spec.cli_options import out


def probe(
    model: Annotated[
        str, typer.Argument(help="An encoder: a key of models.toml, a folder, a locked hub id.")
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="NAME=PATH: a classification set, and labelled training images in the layout of "
            "its published rows (parquet files, or a folder of save_to_disk)."
        ),
    ],
    *,
    target: Annotated[Path, typer.Option("--out", help="Folder to write; absent or empty.")],
    measured: Annotated[
        str | None,
        typer.Option(
            help="The data that will be measured: twin, published or a path. If absent, the "
            "published ones where the training labels are theirs, else the twin."
        ),
    ] = None,
    penalty: Annotated[float, typer.Option(help="Ridge, in units of a feature's variance.")] = 0.01,
    device: Annotated[str, typer.Option(help="Where the encoder runs: cpu, cuda:0, ...")] = "cpu",
    lock: LockOption = None,
) -> None:
    """Fit a linear probe on an encoder and write both as one checkpoint folder.

    The folder holds the encoder's config, weights and preprocessor, and probe.safetensors; it is
    then a model like any other, for example --models FOLDER -k occlusion_encoders. The probe is
    ridge regression from embeddings to classes in closed form: the same images give the same
    probe, and its digest is part of the model's identity. Images are read a batch at a time; for
    ImageNet some fifty a class are enough.

    Refused: a class without an image, an image that is among those to be measured (which must be
    on this machine for that), and a folder that is not empty.
    """
    from ipllvm_spec.models.probe_fitting import fit_checkpoint
    from ipllvm_spec.spec.lock import LockFile

    fitted = fit_checkpoint(
        model,
        data,
        out=target,
        measured=measured,
        penalty=penalty,
        device=device,
        lock=LockFile.load(lock),
    )
    out.print(
        f"{fitted.folder}: {fitted.classes} classes from {fitted.images} images, width "
        f"{fitted.width}; right on {fitted.own:.1%} of its own training images",
        markup=False,
        highlight=False,
    )
