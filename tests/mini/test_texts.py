"""The text half of stage 1: images stay as they are, templates are learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from ipllvm_spec.benchmarks.classification_lists import class_list
from ipllvm_spec.mini.classes import CLASSES, SCENE_CLASSES
from ipllvm_spec.mini.recipe import towers
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.texts import groups_of, tune_texts
from ipllvm_spec.mini.recipe.tokens import load_backend
from ipllvm_spec.mini.recipe.world import World, make_world
from ipllvm_spec.mini.recipe.zeroshot import best_classes
from ipllvm_spec.mini.scenes import SHAPES
from ipllvm_spec.models.encoders import load_encoder

CHECKPOINTS = Path(towers.__file__).parent.parent / "checkpoints"
SCENES = ("single", "view", "landmark", "artwork", *CLASSES)


@pytest.fixture(scope="module")
def backend() -> Tokenizer:
    """The shipped tokenizer."""
    return load_backend(CHECKPOINTS / "mini-tokenizer")


@pytest.fixture(scope="module")
def world() -> World:
    """Scenes of every group of classes."""
    return make_world(300, seed=8, held_out=False, only=SCENES)


def tower(family: str, backend: Tokenizer) -> Any:
    """A tower with random weights."""
    torch.manual_seed(0)
    text = towers.text_shape(backend)
    if family == "clip":
        shape = towers.vision_shape(64)
        return CLIPModel(CLIPConfig(text_config=text, vision_config=shape, projection_dim=64))
    text |= {"projection_size": towers.WIDTH}
    return SiglipModel(
        SiglipConfig(text_config=text, vision_config=towers.vision_shape(towers.TILE))
    )


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_what_language_models_read_stays_as_it_is(
    family: str, backend: Tokenizer, world: World, tmp_path: Path
) -> None:
    """No weight of the vision side changes by a bit; those of the text side do."""
    model = tower(family, backend)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    meter = Meter(family, steps=4, log=tmp_path / "log.jsonl")

    tune_texts(model, world, backend, meter, steps=4, seed=0, first=0)
    meter.close()

    same = {name: torch.equal(p, before[name]) for name, p in model.named_parameters()}
    assert all(kept for name, kept in same.items() if name.startswith("vis"))
    assert not any(kept for name, kept in same.items() if name.startswith("text_model.encoder"))


def test_every_group_names_what_its_scenes_show(world: World) -> None:
    """Labels index the names, and every template has a place for one."""
    groups = groups_of(world)

    assert [group.names for group in groups[: len(CLASSES)]] == list(CLASSES.values())
    assert SCENE_CLASSES in [group.names for group in groups]
    for group in groups:
        assert len(group.scenes) == len(group.labels) > 0
        assert group.labels.max() < len(group.names)
        assert all("{}" in template for template in group.templates)


def test_classes_are_chosen_as_the_encoder_adapter_does(backend: Tokenizer, world: World) -> None:
    """The recipe's own table and the adapter agree on every image of the shipped mini-clip."""
    model = CLIPModel.from_pretrained(CHECKPOINTS / "mini-clip", dtype=torch.float32).eval()
    encoder = load_encoder("mini-clip")
    pixels = world.pixels[:40]
    templates = class_list("eurosat").templates

    ours = best_classes(model, pixels, SHAPES, backend, templates=templates)
    shown = [Image.fromarray(part) for part in pixels]
    theirs = encoder.classify(shown, SHAPES, templates=templates).argmax(dim=1)

    assert ours.tolist() == theirs.tolist()
