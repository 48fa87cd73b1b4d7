"""Encoders that see images alone, from tiny checkpoints in the published layout."""

import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models import registry
from ipllvm_spec.models.encoder_kinds import ENCODERS
from ipllvm_spec.models.encoders import load_encoder
from ipllvm_spec.models.probes import probed
from ipllvm_spec.models.registry import load, resolve

LABELS = ("tench, Tinca tinca", "goldfish", "Crane", "axolotl, mud puppy")
SIDE, PATCH = (24, 36), 6
VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": SIDE,
    "patch_size": PATCH,
    "id2label": dict(enumerate(LABELS)),
}
RESNET = {
    "embedding_size": 8,
    "hidden_sizes": [8, 16],
    "depths": [1, 1],
    "layer_type": "basic",
    "id2label": dict(enumerate(LABELS)),
}
#: Class in transformers: its config, and preprocessor_config.json as its published sibling has it.
SIZE = {"height": SIDE[0], "width": SIDE[1]}
MADE = {
    "ViTForImageClassification": (
        transformers.ViTConfig(**VIT),
        {"image_processor_type": "ViTImageProcessor", "size": SIZE},
    ),
    "ViTModel": (
        transformers.ViTConfig(**VIT),
        {"feature_extractor_type": "ViTFeatureExtractor", "size": SIZE},
    ),
    "DeiTForImageClassification": (
        transformers.DeiTConfig(**VIT),
        {
            "feature_extractor_type": "DeiTFeatureExtractor",
            "size": {"height": 30, "width": 45},
            "crop_size": SIZE,
        },
    ),
    "DeiTForImageClassificationWithTeacher": (
        transformers.DeiTConfig(**VIT),
        {"image_processor_type": "DeiTImageProcessor", "size": SIZE, "do_center_crop": False},
    ),
    "ResNetForImageClassification": (
        transformers.ResNetConfig(**RESNET),
        {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 32, "crop_pct": 0.875},
    ),
}
HEADS = tuple(name for name in MADE if name != "ViTModel")
TRANSFORMERS = tuple(name for name in MADE if not name.startswith("ResNet"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One checkpoint of each class, in the files of the published ones."""
    root = tmp_path_factory.mktemp("encoders")
    for name, (config, settings) in MADE.items():
        torch.manual_seed(3)
        model = getattr(transformers, name)(config)
        with torch.no_grad():
            for weight in model.parameters():
                # Weights of the usual size give nearly uniform attention.
                weight.mul_(4.0 if weight.ndim == 2 else 1.0)
        model.save_pretrained(root / name)
        (root / name / "preprocessor_config.json").write_text(json.dumps(settings))
    return root


@pytest.fixture(scope="module")
def encoders(folders):
    """Each of them, loaded."""
    return {name: load_encoder(folders / name) for name in MADE}


def pixels_of(folder, images, **options):
    """What the image processor of transformers makes of the images."""
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    written = settings.get("image_processor_type") or settings["feature_extractor_type"]
    stem = written.replace("FeatureExtractor", "ImageProcessor")
    kind = getattr(transformers, f"{stem}Pil")
    return kind.from_dict(settings)(images=images, return_tensors="pt", **options)["pixel_values"]


@pytest.fixture
def images(make_image):
    """Three images of different shapes."""
    return [make_image(50, 40, 1), make_image(30, 70, 2), make_image(24, 24, 3)]


@pytest.mark.parametrize("name", HEADS)
@torch.no_grad()
def test_scores_are_the_logits_of_transformers(folders, encoders, images, name):
    """Published processor and class, plainly used, give the same logits."""
    model = getattr(transformers, name).from_pretrained(folders / name).eval()
    plain = model(pixel_values=pixels_of(folders / name, images)).logits
    assert len(plain.unique()) > len(LABELS)
    found = encoders[name].classify(iter(images), LABELS)
    torch.testing.assert_close(found, plain, atol=1e-5, rtol=1e-5)
    asked = encoders[name].classify(images, ["Goldfish", "tinca tinca"])
    torch.testing.assert_close(asked, plain[:, [1, 0]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", MADE)
@torch.no_grad()
def test_embeddings_are_pooled_as_declared(folders, encoders, images, name):
    """The class token after the last norm, or the mean of the last feature map."""
    model = getattr(transformers, name).from_pretrained(folders / name).eval().base_model
    states = model(pixel_values=pixels_of(folders / name, images)).last_hidden_state
    pooled = states.mean(dim=(2, 3)) if name.startswith("ResNet") else states[:, 0]
    found = encoders[name].encode(images)
    assert found.shape == (3, encoders[name].width)
    torch.testing.assert_close(found, pooled, atol=1e-5, rtol=1e-5)
    assert encoders[name].encode([]).shape == (0, encoders[name].width)


@pytest.mark.parametrize("name", TRANSFORMERS)
@torch.no_grad()
def test_attention_is_softmax_of_queries_and_keys(folders, encoders, images, name):
    """Row 0 of the last block by hand; the keys after the special tokens, h rows of w."""
    model = getattr(transformers, name).from_pretrained(folders / name).eval().base_model
    whole = pixels_of(folders / name, images[:1], size=SIZE, do_center_crop=False)
    block = model.layers[-1]
    seen = []
    hook = block.attention.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(args[0] if args else kwargs["hidden_states"]),
        with_kwargs=True,
    )
    model(pixel_values=whole)
    hook.remove()
    states = seen[0][0]
    query, key = (
        part(states).view(-1, 4, 8).transpose(0, 1)
        for part in (block.attention.q_proj, block.attention.k_proj)
    )
    weights = (query @ key.transpose(1, 2) / 8**0.5).softmax(-1)
    special = 2 if name.startswith("DeiT") else 1
    rows = weights[:, 0, special:].reshape(4, SIDE[0] // PATCH, SIDE[1] // PATCH)

    encoder = encoders[name]
    before = encoder.encode(images)
    for head in range(4):
        found = encoder.attention(images[0], head=head)
        np.testing.assert_allclose(found, rows[head].numpy(), atol=1e-5)
        assert 0 < found.sum() <= 1
    mean = encoder.attention(images[0])
    assert mean.shape == (4, 6)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, rows.mean(dim=0).numpy(), atol=1e-5)
    assert torch.equal(encoder.encode(images), before)
    with pytest.raises(ModelError, match="4 attention heads, none of number 4"):
        encoder.attention(images[0], head=4)


def test_attention_follows_the_whole_image(encoders):
    """The processor of DeiT crops; what it cuts off still changes the map."""
    pixels = np.full((40, 60, 3), 128, dtype=np.uint8)
    plain = encoders["DeiTForImageClassification"].attention(Image.fromarray(pixels))
    pixels[:2, :2] = 255
    edge = encoders["DeiTForImageClassification"].attention(Image.fromarray(pixels))
    assert np.abs(edge - plain).max() > 1e-6


def test_clip_has_a_map_of_its_class_token(make_image):
    """The shipped mini-clip gives one for each of its heads."""
    encoder = load_encoder("mini-clip")
    maps = [encoder.attention(make_image(64, 64), head=head) for head in range(4)]
    assert {part.shape for part in maps} == {(8, 8)}
    mean = encoder.attention(make_image(64, 64))
    np.testing.assert_allclose(mean, np.mean(maps, axis=0), atol=1e-6)


def test_a_missing_capability_is_named(encoders, images):
    """No class token, no attention; no head, no classes."""
    for encoder in (encoders["ResNetForImageClassification"], load_encoder("mini-siglip")):
        assert "attention" not in encoder.capabilities
        with pytest.raises(ModelError, match="lacks the capability 'attention'"):
            encoder.attention(images[0])
    backbone = encoders["ViTModel"]
    assert "classify" not in backbone.capabilities
    with pytest.raises(ModelError, match="lacks the capability 'classify'") as caught:
        backbone.classify(images, ["a"])
    assert "probe" in caught.value.advice


def test_wrong_classes_are_an_error(encoders, images):
    """The message says how many are wrong, and which class was meant."""
    with pytest.raises(ModelError, match=r"4 classes: 1 of 2.*'goldfisch'") as caught:
        encoders["ViTForImageClassification"].classify(images, ["tench", "goldfisch"])
    assert "goldfish" in caught.value.advice


def test_a_probe_gives_a_backbone_classes(encoders, images):
    """Fitted on a few images it names them again; its identity is not the backbone's."""
    encoder = probed(encoders["ViTModel"], images, [0, 1, 2], ("red", "green", "blue"))
    assert encoder.classify(images, ("red", "green", "blue")).argmax(dim=1).tolist() == [0, 1, 2]
    assert encoder.classify(images, ("blue", "red")).argmax(dim=1).tolist()[::2] == [1, 0]
    assert encoder.capabilities == {"pixels", "encode", "classify", "attention"}
    assert encoder.identity.variant[0].startswith("probe-")
    assert encoder.attention(images[0]).shape == (4, 6)
    with pytest.raises(ModelError, match=r"the probe on .*'pink'"):
        encoder.classify(images, ["pink"])


def test_dino_needs_no_pooler(folders, tmp_path, images, encoders):
    """Published backbones lack the pooler that the class would have; nothing else may lack."""
    model = transformers.ViTModel.from_pretrained(folders / "ViTModel", add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    settings = (folders / "ViTModel" / "preprocessor_config.json").read_text()
    (tmp_path / "preprocessor_config.json").write_text(settings)
    assert torch.equal(load_encoder(tmp_path).encode(images), encoders["ViTModel"].encode(images))


def test_the_class_decides_not_the_name(folders, tmp_path):
    """What is called DeiT and saved as a ViT is one; an unknown class of the family is an error."""
    for name in MADE:
        found = resolve(str(folders / name), entries={})
        assert found.family == ENCODERS[name].family
        assert registry.capabilities(found) == ENCODERS[name].capabilities
    config = json.loads((folders / "ViTModel" / "config.json").read_text())
    config["architectures"] = ["ViTForMaskedImageModeling"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"ViTForMaskedImageModeling.*no known vision encoder"):
        resolve(str(tmp_path), entries={})


@pytest.mark.parametrize("key", ["mini-clip", "mini-siglip"])
def test_no_encoder_is_taken_for_a_language_model(key):
    """It lacks the capability that claims in words need, and loading it as one is an error."""
    found = resolve(key)
    assert not registry.capabilities(found) & {"answers", "visual_tokens", "hidden"}
    with pytest.raises(ModelError, match="answer no prompts"):
        load(found)
    with pytest.raises(ModelError, match="zero_tower, which is no variant of vision encoders"):
        load_encoder(f"{key}~zero_tower")


@pytest.mark.parametrize("name", ["ViTForImageClassification", "ViTModel"])
def test_without_positions_an_encoder_cannot_tell_where_things_are(folders, images, name):
    """Patches in another order give the same embedding."""
    whole, broken = load_encoder(folders / name), load_encoder(f"{folders / name}~no_positions")
    pixels = np.array(images[0].resize(SIDE[::-1]).convert("RGB"))
    turned = np.roll(pixels, PATCH, axis=1)
    pair = [Image.fromarray(pixels), Image.fromarray(turned)]

    def apart(encoder):
        one, two = encoder.encode(pair)
        return float((one - two).abs().max())

    assert broken.identity.variant == ("no_positions",)
    assert apart(broken) < 1e-4
    assert apart(whole) > 1e-3


def test_a_resnet_has_no_positions_to_lose(folders):
    """A variant that would change nothing is refused."""
    with pytest.raises(ModelError, match="has no position embeddings"):
        load_encoder(f"{folders / 'ResNetForImageClassification'}~no_positions")
