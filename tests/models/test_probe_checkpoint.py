"""``ipllvm probe``: from labelled images to a checkpoint folder, and what it refuses."""

import io
import shutil

import datasets
import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.numpy import load_file, save_file

from ipllvm_spec.cli import app
from ipllvm_spec.errors import DataError, IpllvmError, ModelError, UsageError
from ipllvm_spec.models import registry
from ipllvm_spec.models.encoders import load_checkpoint, load_encoder
from ipllvm_spec.models.files import PROBE
from ipllvm_spec.models.probe_fitting import fit_checkpoint
from ipllvm_spec.models.registry import resolve

NAMES = ("red", "green", "blue")
SIDE = {"height": 24, "width": 24}


def shades(number, seed):
    """Noisy images whose channel is their class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = [place % 3 for place in range(number)]
    images = []
    for label in labels:
        pixels = rng.integers(0, 60, (24, 24, 3), dtype=np.uint8)
        pixels[..., label] += 150
        images.append(Image.fromarray(pixels))
    return images, labels


def write_rows(path, images, labels, names=NAMES):
    """A parquet file in the layout of ImageNet's rows."""

    def cell(image):
        file = io.BytesIO()
        image.save(file, format="PNG")
        return {"bytes": file.getvalue(), "path": None}

    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(names))}
    rows = {"image": [cell(image) for image in images], "label": labels}
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(rows, features=datasets.Features(kinds)).to_parquet(str(path))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two encoders that differ in their weights, two sets of training images, measured ones."""
    root = tmp_path_factory.mktemp("probe")
    for seed, name in enumerate(("encoder", "other")):
        torch.manual_seed(seed)
        config = transformers.ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            image_size=24,
            patch_size=6,
        )
        transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(root / name)
        transformers.ViTImageProcessorPil(size=SIDE).save_pretrained(root / name)
    write_rows(root / "data" / "train-00000-of-00001.parquet", *shades(24, 1))
    # In one folder, as published: the other split must not be what is fitted on.
    write_rows(root / "data" / "validation-00000-of-00001.parquet", *shades(6, 2))
    write_rows(root / "more.parquet", *shades(30, 3))
    return root


def fitted(place, out, data="data", model="encoder", **options):
    """A checkpoint written with the tiny encoder."""
    measured = options.pop("measured", str(place / "data"))
    return fit_checkpoint(
        str(place / model), f"imagenet={place / data}", out=out, measured=measured, **options
    )


@pytest.fixture(scope="module")
def probe(place):
    """One such checkpoint."""
    return fitted(place, place / "probed").folder


def test_the_command_writes_a_checkpoint_that_names_classes(place, tmp_path):
    """New images get their classes; the encoder alone names none and stays what it is."""
    from typer.testing import CliRunner

    out = tmp_path / "made" / "probed"
    words = ["probe", str(place / "encoder"), f"imagenet={place / 'data'}", "--out", str(out)]
    done = CliRunner().invoke(app, [*words, "--measured", str(place / "data")])
    assert done.exit_code == 0, done.output
    assert "3 classes from 24 images, width 32" in done.output

    alone, found = resolve(str(place / "encoder")), resolve(str(out))
    assert registry.capabilities(found) - registry.capabilities(alone) == {"classify"}
    assert found.parameters == alone.parameters
    images, labels = shades(12, 9)
    encoder, plain = load_encoder(out), load_encoder(place / "encoder")
    assert encoder.classify(images, NAMES).argmax(dim=1).tolist() == labels
    asked = encoder.classify(images, ("blue", "red"))
    torch.testing.assert_close(asked, encoder.classify(images, NAMES)[:, [2, 0]])
    assert torch.equal(encoder.encode(images), plain.encode(images))
    eager = load_checkpoint(found, attention="eager")
    maps = eager.attention_heads(images[0]), plain.attention_heads(images[0])
    np.testing.assert_allclose(*maps, atol=1e-6)
    with pytest.raises(ModelError, match="no vision encoder"):
        fit_checkpoint("mini-llava", f"imagenet={place / 'data'}", out=tmp_path / "x")


def test_identities_tell_probes_apart(place, probe, tmp_path):
    """The encoder's digest stays; the probe's is a variant, the same for the same images."""
    again = fitted(place, tmp_path / "again").folder
    other = fitted(place, tmp_path / "more", data="more.parquet").folder
    alone, first, second, third = (
        resolve(str(folder)).identity for folder in (place / "encoder", probe, again, other)
    )
    assert alone.digest == first.digest == third.digest
    assert alone.processor_digest == first.processor_digest
    assert alone.variant == ()
    assert first.variant == second.variant != third.variant
    assert (probe / PROBE).read_bytes() == (again / PROBE).read_bytes()
    broken = resolve(f"{probe}~no_positions")
    assert load_checkpoint(broken).identity.variant == ("no_positions", *first.variant)
    assert load_checkpoint(resolve(str(probe))).identity == first


def changed(probe, tmp_path, change):
    """A copy of a checkpoint whose probe was changed: tensors and metadata."""
    from safetensors import safe_open

    folder = shutil.copytree(probe, tmp_path / "changed")
    with safe_open(folder / PROBE, framework="numpy") as file:
        told = dict(file.metadata())
    tensors = load_file(folder / PROBE)
    change(tensors, told)
    save_file(tensors, folder / PROBE, metadata=told)
    return folder


def narrow(tensors, told):
    """Embeddings of width 16."""
    tensors["mean"] = tensors["mean"][:16]
    tensors["weights"] = np.ascontiguousarray(tensors["weights"][:16])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors, _: tensors.pop("prior"), "lacks the tensors prior"),
        (lambda _, told: told.pop("probe"), "do not say what it is"),
        (lambda tensors, _: tensors.update(mean=tensors["mean"][:5]), "'weights' of shape"),
        (lambda tensors, _: tensors["mean"].fill(np.nan), "not finite"),
        (narrow, "for embeddings of width 16, and this encoder's have 32"),
    ],
    ids=["tensor", "metadata", "shapes", "nan", "width"],
)
def test_broken_probes_are_named(probe, tmp_path, change, told):
    """Each of them would otherwise end in wrong classes or a traceback."""
    folder = changed(probe, tmp_path, change)
    with pytest.raises(ModelError, match=told) as caught:
        load_encoder(folder)
    assert "ipllvm probe" in caught.value.advice


def test_a_probe_stays_with_its_encoder(place, probe, tmp_path):
    """Beside other weights, or cut off, it is refused; and it knows its classes only."""
    foreign = shutil.copytree(place / "other", tmp_path / "foreign")
    shutil.copy(probe / PROBE, foreign)
    with pytest.raises(ModelError, match="was fitted on an encoder of the digest"):
        resolve(str(foreign))
    (foreign / PROBE).write_bytes((probe / PROBE).read_bytes()[:-9])
    with pytest.raises(ModelError, match="cannot be read"):
        resolve(str(foreign))
    with pytest.raises(ModelError, match=r"the probe on .*3 classes: 1 of 2 .*'pink'"):
        load_encoder(probe).classify(shades(3, 1)[0], ("red", "pink"))


def test_training_images_are_not_measured_ones(place, tmp_path):
    """Equal pixels in another file count."""
    images, labels = shades(24, 1)
    both = write_rows(tmp_path / "both.parquet", [*images, shades(6, 2)[0][4]], [*labels, 1])
    with pytest.raises(DataError, match=r"1 of 25 training images .* rows 24") as caught:
        fitted(place, tmp_path / "out", data=both)
    assert "another split" in caught.value.advice
    assert not (tmp_path / "out").exists()


def test_every_measured_class_needs_an_image(place, tmp_path):
    """Neither a set that never shows one, nor published labels that do not all occur."""
    images, labels = shades(24, 5)
    few = [place for place, label in enumerate(labels) if label != 2]
    chosen = [images[number] for number in few], [labels[number] for number in few]
    two = write_rows(tmp_path / "two.parquet", *chosen)
    with pytest.raises(DataError, match=r"1 of 3 classes have no image .* blue"):
        fitted(place, tmp_path / "out", data=two)
    fish = write_rows(tmp_path / "fish.parquet", *chosen, names=("tench", "goldfish"))
    with pytest.raises(DataError, match="998 of 1000 classes have no image"):
        fitted(place, tmp_path / "out", data=fish)
    with pytest.raises(DataError, match=r"22 of 22 classes have no image .* beach"):
        fitted(place, tmp_path / "out", measured=None)


def test_nothing_is_overwritten(place, probe, tmp_path):
    """A folder that is not empty stays as it is; an empty one is filled."""
    before = sorted(path.name for path in probe.iterdir())
    with pytest.raises(UsageError, match="not an empty folder"):
        fitted(place, probe, data="more.parquet")
    assert sorted(path.name for path in probe.iterdir()) == before
    (tmp_path / "empty").mkdir()
    assert (fitted(place, tmp_path / "empty").folder / PROBE).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize(
    ("model", "data", "told"),
    [
        ("encoder", "mmstar=x", "no classification set"),
        ("encoder", "imagenet", "names no training images"),
        ("encoder", "imagenet=no-such-folder", "do not exist"),
        ("encoder~no_positions", "imagenet=x", "cannot be written as a checkpoint"),
    ],
)
def test_mistakes_are_told(place, tmp_path, model, data, told):
    """Before anything is encoded."""
    with pytest.raises(IpllvmError, match=told):
        fit_checkpoint(str(place / model), data, out=tmp_path / "out")
