"""mini-resnet, mini-deit and mini-vit: small, trainable, and saved as the adapter reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.mini.classes import SCENE_CLASSES
from ipllvm_spec.mini.recipe import stages, train
from ipllvm_spec.mini.recipe.classifiers import (
    CLASSIFIERS,
    KINDS_OF_SCENE,
    MOST_HIDDEN,
    hide_patches,
    image_processor_of,
    new_classifier,
    train_classifier,
    twin_accuracy,
)
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.stages import save_classifier
from ipllvm_spec.mini.recipe.towers import normalize
from ipllvm_spec.mini.recipe.world import World, make_world
from ipllvm_spec.models.encoders import load_encoder

STEPS = 12


@pytest.fixture(scope="module")
def world() -> World:
    """Training scenes of the scene classes."""
    return make_world(200, seed=6, held_out=False, only=KINDS_OF_SCENE)


def meter(key: str, folder: Path) -> Meter:
    """One that writes a line every four steps."""
    return Meter(key, steps=STEPS, log=folder / f".{key}.jsonl", every=4)


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three after a few steps, saved."""
    out = tmp_path_factory.mktemp("classifiers")
    teacher: Any = None
    for key in CLASSIFIERS:
        log = meter(key, out)
        model = train_classifier(key, world, log, steps=STEPS, seed=0, teacher=teacher)
        log.close()
        save_classifier(key, model, out=out, minutes=0.1, log=out / f".{key}.jsonl")
        teacher = teacher or model.float()
    return out


@pytest.mark.parametrize("key", CLASSIFIERS)
def test_training_lowers_the_loss(key: str, trained: Path) -> None:
    """The last steps of a short run are better than the first."""
    lines = (trained / key / "log.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert len(losses) == STEPS // 4
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("key", CLASSIFIERS)
def test_the_saved_folder_loads_as_an_encoder(key: str, trained: Path, world: World) -> None:
    """The adapter finds the card's accuracy, the scene classes, and a map of 8 by 8."""
    encoder = load_encoder(trained / key)
    card = json.loads((trained / key / "card.json").read_text(encoding="utf-8"))
    images = [Image.fromarray(part) for part in world.pixels[:3]]
    assert card["class"] == encoder.kind.architecture
    assert card["parameters"] < 620_000
    assert encoder.encode(images).shape == (3, 96)
    assert encoder.classify(images, SCENE_CLASSES).shape == (3, len(SCENE_CLASSES))
    share = card["tables"]["Top-1 on the twin of ImageNet"]["imagenet"]["accuracy"] / 100
    assert twin_accuracy(encoder.model) == pytest.approx(share, abs=1e-6)
    if "attention" in encoder.capabilities:
        assert encoder.attention(images[0]).shape == (8, 8)
        assert 0 < encoder.attention(images[0], head=1).sum() <= 1


@pytest.mark.parametrize("key", CLASSIFIERS)
def test_processors_make_the_pixels_of_training(key: str, world: World) -> None:
    """What the saved image processor hands over is what the model was trained on."""
    images = [Image.fromarray(part) for part in world.pixels[:2]]
    made = image_processor_of(key)(images=images, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(made, normalize(world.pixels[:2], siglip=True), atol=1e-5, rtol=0)


def test_every_scene_class_is_trained() -> None:
    """A world of the three kinds shows all classes of the twin."""
    made = make_world(600, seed=6, held_out=False, only=KINDS_OF_SCENE)
    assert {spec.what for spec in made.specs} == set(SCENE_CLASSES)


def test_patches_are_hidden_in_every_share() -> None:
    """From nothing to most of a scene; what is not black is as it was, and so is the original."""
    pixels = np.full((200, 64, 64, 3), 7, dtype=np.uint8)
    made = hide_patches(pixels, np.random.default_rng(0))
    shares = (made == 0).all(axis=-1).mean(axis=(1, 2))

    assert set(np.unique(made)) == {0, 7}
    assert (pixels == 7).all()
    assert shares.min() < 0.05
    assert shares.max() > 0.7
    assert shares.mean() == pytest.approx(MOST_HIDDEN / 2, abs=0.05)


def test_the_teacher_of_mini_deit_sees_whole_scenes(world: World, tmp_path: Path) -> None:
    """What it says of a scene with patches hidden would be worth nothing."""
    whole = normalize(world.pixels, siglip=True).flatten(1).sum(dim=1)
    sums: list[float] = []

    class Watching(torch.nn.Module):
        def forward(self, pixel_values: torch.Tensor) -> Any:
            sums.extend(pixel_values.flatten(1).sum(dim=1).tolist())
            return type("Output", (), {"logits": torch.zeros(len(pixel_values), 22)})

    log = meter("mini-deit", tmp_path)
    train_classifier("mini-deit", world, log, steps=1, seed=0, teacher=Watching())
    log.close()
    distances = torch.cdist(torch.tensor(sums)[:, None], whole[:, None]).min(dim=1).values
    assert len(sums) == 64
    assert float(distances.max()) < 1e-2


def test_the_distillation_token_learns_from_the_teacher(world: World, tmp_path: Path) -> None:
    """With a teacher that always says 3, its head mostly does, the other does not."""

    class Stubborn(torch.nn.Module):
        def forward(self, pixel_values: torch.Tensor) -> Any:
            logits = torch.zeros(len(pixel_values), len(SCENE_CLASSES))
            logits[:, 3] = 1
            return type("Output", (), {"logits": logits})

    log = meter("mini-deit", tmp_path)
    model = train_classifier("mini-deit", world, log, steps=20, seed=0, teacher=Stubborn())
    log.close()
    with torch.no_grad():
        found = model(pixel_values=normalize(world.pixels[:40], siglip=True))
    assert float((found.distillation_logits.argmax(-1) == 3).float().mean()) > 0.6
    assert float((found.cls_logits.argmax(-1) == 3).float().mean()) < 0.5


def test_deit_comes_after_its_teacher(tmp_path: Path, world: World) -> None:
    """Without mini-resnet there is nothing to learn from, and the message says what to do."""
    names = stages()
    assert names.index("mini-resnet") < names.index("mini-deit")
    with pytest.raises(ModelError, match="learns from mini-resnet") as caught:
        train("mini-deit", out=tmp_path)
    assert "mini train mini-resnet" in caught.value.advice
    with pytest.raises(ValueError, match="learns from mini-resnet"):
        train_classifier("mini-deit", world, meter("x", tmp_path), steps=1, seed=0)


@pytest.mark.parametrize("key", CLASSIFIERS)
def test_heads_name_the_scene_classes(key: str) -> None:
    """Labels in the config are the classes of the twin in their order."""
    model = new_classifier(key)
    assert tuple(model.config.id2label.values()) == SCENE_CLASSES
