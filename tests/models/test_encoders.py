"""Zero-shot classification by the shipped CLIP and SigLIP minis."""

import json
import shutil
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.scenes import OBJECT_COLORS, SHAPES
from ipllvm_spec.models.encoders import load_encoder
from ipllvm_spec.models.registry import PACKAGED

MINIS = ("mini-clip", "mini-siglip")
TEMPLATES = ("a photo of a {}.", "a {} in a video game.", "art of the {}.")


@pytest.fixture(scope="module", params=MINIS)
def encoder(request):
    """A shipped encoder."""
    return load_encoder(request.param)


@pytest.fixture(scope="module")
def singles():
    """Images of one shape each, with what they show."""
    rng = Random(5)
    things, images = [], []
    while len(images) < 60:
        spec = KINDS["single"].sample(rng)
        scene = KINDS["single"].draw(spec)
        if scene.held_out:
            things.append(spec.things[0])
            images.append(Image.fromarray(scene.pixels))
    return things, images


def test_minis_name_shapes_and_colors(encoder, singles):
    """Held-out single shapes are classified by shape and by colour."""
    things, images = singles
    asked = {
        "shape": (SHAPES, "a photo of a {}"),
        "color": (tuple(OBJECT_COLORS), "a photo of a {} shape"),
    }
    for what, (names, template) in asked.items():
        best = encoder.classify(images, names, templates=[template]).argmax(dim=1).tolist()
        right = sum(
            names[at] == getattr(thing, what) for at, thing in zip(best, things, strict=True)
        )
        assert right / len(things) >= 0.9, what


def test_class_embeddings_are_means_of_unit_vectors(encoder):
    """Encode, scale to length 1, average over templates, scale again: by hand, one at a time."""
    names = ("circle", "red square")
    found = encoder.class_embeddings(names, TEMPLATES)
    assert found.shape == (2, encoder.width)
    for row, name in zip(found, names, strict=True):
        each = [encoder.text_embeddings([t.replace("{}", name)])[0] for t in TEMPLATES]
        torch.testing.assert_close(torch.stack(each).norm(dim=1), torch.ones(3))
        mean = torch.stack(each).mean(dim=0)
        torch.testing.assert_close(row, mean / mean.norm(), atol=1e-5, rtol=0)


def test_text_embeddings_are_those_of_transformers(encoder):
    """The model's own features, padded as each family was trained."""
    siglip = encoder.family == "siglip"
    words = encoder._tokenizer(
        "a photo of a red circle",
        padding="max_length" if siglip else False,
        max_length=48,
        return_tensors="pt",
    )
    if siglip:
        words = {"input_ids": words["input_ids"]}
    with torch.inference_mode():
        own = encoder.model.get_text_features(**words).pooler_output
    torch.testing.assert_close(
        encoder.text_embeddings(["a photo of a red circle"]),
        own / own.norm(),
        atol=1e-5,
        rtol=0,
    )


def test_batches_do_not_matter(encoder, singles, monkeypatch):
    """Images and texts of unequal length get the same embeddings in batches of any size."""
    texts = ["circle", "a photo of a very long and red thing", "x"]
    images = [*singles[1][:3], Image.new("L", (30, 80), 200)]
    whole = encoder.text_embeddings(texts), encoder.encode(iter(images))
    monkeypatch.setattr("ipllvm_spec.models.zero_shot._TEXTS", 1)
    monkeypatch.setattr("ipllvm_spec.models.vision.IMAGES", 2)
    torch.testing.assert_close(encoder.text_embeddings(texts), whole[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(encoder.encode(images), whole[1], atol=1e-5, rtol=0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(8, 90), st.integers(8, 90)))
def test_cosines_are_in_range_and_permute_with_the_classes(encoder, seed, size):
    """Whatever the image, cosines lie in [-1, 1] and follow their classes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    found = encoder.classify([image], SHAPES)
    assert found.shape == (1, len(SHAPES))
    assert found.abs().max() <= 1 + 1e-5
    turned = encoder.classify([image], SHAPES[::-1])
    torch.testing.assert_close(turned.flip(1), found, atol=1e-5, rtol=0)


def test_nothing_to_encode(encoder):
    """No image and no text give empty embeddings of the right width."""
    assert encoder.encode([]).shape == (0, encoder.width)
    assert encoder.text_embeddings([]).shape == (0, encoder.width)


@pytest.mark.parametrize("templates", [[], ["a photo"], ["a {}", "none"]])
def test_templates_need_a_place(encoder, templates):
    """A template without a place for the class would make all classes equal."""
    with pytest.raises(ValueError, match="place"):
        encoder.class_embeddings(["a"], templates)


@pytest.mark.parametrize("key", MINIS)
def test_bfloat16(key, singles):
    """In bfloat16 the classes stay, the identity does not."""
    full, half = load_encoder(key), load_encoder(key, dtype="bfloat16")
    assert half.model.dtype == torch.bfloat16
    assert half.identity.digest == full.identity.digest
    assert half.identity != full.identity
    made = [e.classify(singles[1], SHAPES, templates=TEMPLATES) for e in (full, half)]
    assert made[1].dtype == torch.float32
    assert (made[0].argmax(dim=1) == made[1].argmax(dim=1)).float().mean() >= 0.9


def test_a_folder_is_loaded_as_its_key(tmp_path):
    """A copy of a checkpoint elsewhere has the same identity but for its name."""
    copy = shutil.copytree(PACKAGED / "mini-clip", tmp_path / "copy")
    one, other = load_encoder("mini-clip").identity, load_encoder(copy).identity
    assert (one.digest, one.processor_digest) == (other.digest, other.processor_digest)


def test_what_is_no_encoder(tmp_path):
    """Other architectures, damaged folders and unknown dtypes are errors that say so."""
    with pytest.raises(ModelError, match=r"of the type 'llava'.*no known vision encoder"):
        load_encoder("mini-llava")
    with pytest.raises(ModelError, match="cannot run in int8"):
        load_encoder("mini-clip", dtype="int8")
    with pytest.raises(ModelError, match="no model folder"):
        load_encoder(tmp_path / "none")
    copy = shutil.copytree(PACKAGED / "mini-clip", tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config["vision_config"]["num_hidden_layers"] += 1
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"lacks \d+ weights of its own architecture"):
        load_encoder(copy)
