"""The encoders that see images alone: mini-resnet, mini-deit and mini-vit.

Each learns the scene classes of ImageNet's twin and nothing else. The classes come in pairs that
are each other's mirror image (a beach is sky above sand, a harbor sand above sky), so the class
token cannot do with which textures there are: it has to look at the patches that say what is
where. Those are both sides of the horizon in a view, the bricks that end a silhouette in a
landmark, and the places where an artwork's pattern changes. That is what attention of mini-vit
means as saliency; scenes of other kinds it has never seen.

mini-deit alone is trained with patches hidden, as published DeiTs are trained with regions erased
and published ResNets are not: it is the mini that can do without. Its teacher sees whole scenes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from transformers import (
    ConvNextImageProcessorPil,
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    DeiTImageProcessorPil,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from ipllvm_spec.interventions.grids import Pixels
from ipllvm_spec.interventions.occlusion import on_pixels
from ipllvm_spec.mini.classes import SCENE_CLASSES
from ipllvm_spec.mini.recipe.device import autocast, training_device
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.towers import normalize
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.rows.classes import SCENE_KINDS, imagenet_rows
from ipllvm_spec.mini.scenes import PATCH, SIZE

WIDTH, DEPTH, HEADS, INNER = 96, 4, 4, 384
BATCH = 64
#: Steps by stage: 2 to 6 minutes each on one core.
CLASSIFIERS: Mapping[str, int] = MappingProxyType(
    {"mini-resnet": 800, "mini-deit": 900, "mini-vit": 900}
)
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "mini-resnet": "A convolutional classifier of the scene classes of ImageNet's twin.",
        "mini-deit": "A vision transformer trained with patches hidden. Its distillation token "
        "learns what mini-resnet chooses for the whole scene, its class token the scene class.",
        "mini-vit": "A vision transformer that classifies scenes; its CLS attention is the "
        "saliency of the minis.",
    }
)
TEACHER = "mini-resnet"
#: Patches along a side that mini-deit has hidden from it, and the largest share of them.
GRIDS, MOST_HIDDEN = (4, 8, 14), 0.8
#: Kinds of scene to draw a world of, see ``make_world``.
KINDS_OF_SCENE = tuple(kind for kind, _ in SCENE_KINDS)
FLOOR = 0.9


def new_classifier(key: str) -> Any:
    """Makes an untrained classifier of the scene classes.

    Args:
        key: One of CLASSIFIERS.
    """
    labels: dict[str, Any] = {
        "id2label": dict(enumerate(SCENE_CLASSES)),
        "label2id": {name: number for number, name in enumerate(SCENE_CLASSES)},
    }
    if key == "mini-resnet":
        return ResNetForImageClassification(
            ResNetConfig(
                embedding_size=24,
                hidden_sizes=[24, 48, 96],
                depths=[2, 2, 2],
                layer_type="basic",
                **labels,
            )
        )
    shape: dict[str, Any] = {
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "image_size": SIZE,
        "patch_size": PATCH,
        **labels,
    }
    if key == "mini-deit":
        return DeiTForImageClassificationWithTeacher(DeiTConfig(**shape))
    return ViTForImageClassification(ViTConfig(**shape))


def image_processor_of(key: str) -> Any:
    """The image processor that the published checkpoints of the class have, at 64 px."""
    side = {"height": SIZE, "width": SIZE}
    if key == "mini-resnet":
        return ConvNextImageProcessorPil(size={"shortest_edge": SIZE}, crop_pct=1.0)
    if key == "mini-deit":
        return DeiTImageProcessorPil(size=side, crop_size=side)
    return ViTImageProcessorPil(size=side)


def train_classifier(
    key: str, world: World, meter: Meter, *, steps: int, seed: int, teacher: Any = None
) -> Any:
    """Trains one classifier.

    Args:
        key: One of CLASSIFIERS.
        world: Training scenes of KINDS_OF_SCENE.
        meter: Gets the loss and the share of right classes of each batch.
        steps: Length of the schedule.
        seed: Of weights and batches.
        teacher: The trained mini-resnet, for mini-deit.

    Raises:
        ValueError: When mini-deit has no teacher.
    """
    if key == "mini-deit" and teacher is None:
        raise ValueError("mini-deit learns from mini-resnet, which was not given")
    torch.manual_seed(seed)
    device = training_device()
    rng = np.random.default_rng(seed)
    model = new_classifier(key).to(device).train()
    labels = torch.tensor([SCENE_CLASSES.index(spec.what) for spec in world.specs])
    optimizer = Optimizer(model.named_parameters(), steps=steps)
    for step in range(steps):
        index = rng.integers(len(world), size=BATCH)
        shown = world.pixels[index]
        whole = normalize(shown, siglip=True).to(device)
        pixels = whole
        if key == "mini-deit":
            pixels = normalize(hide_patches(shown, rng), siglip=True).to(device)
        goal = labels[index].to(device)
        values: dict[str, float] = {}
        with autocast():
            found = model(pixel_values=pixels)
        if key == "mini-deit":
            with torch.no_grad():
                told = teacher(pixel_values=whole).logits.argmax(-1)
            logits = found.cls_logits.float()
            second = found.distillation_logits.float()
            loss = 0.5 * (_entropy(logits, goal) + _entropy(second, told))
            values["agree"] = float((second.argmax(-1) == told).float().mean())
        else:
            logits = found.logits.float()
            loss = _entropy(logits, goal)
        optimizer.step(loss)
        values["right"] = float((logits.argmax(-1) == goal).float().mean())
        meter.log(step, loss=float(loss.detach()), **values)
    return model.eval()


@torch.no_grad()
def twin_accuracy(model: Any) -> float:
    """Share of ImageNet's twin, whose scenes are all held out, that a classifier gets right."""
    rows = imagenet_rows()
    pixels = normalize(np.stack([row["image"] for row in rows]), siglip=True)
    parameter = next(model.parameters())
    best = model(pixel_values=pixels.to(parameter.device, parameter.dtype)).logits.argmax(-1)
    return float((best.cpu() == torch.tensor([row["label"] for row in rows])).float().mean())


def hide_patches(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Blackens random patches of scenes, of each another share on another grid.

    Args:
        pixels: (n, height, width, 3).
        rng: Draws grids, shares and patches.

    Returns:
        A copy of the same shape.
    """
    made = pixels.copy()
    for scene in made:
        grid = int(rng.choice(GRIDS))
        chosen = rng.random((grid, grid)) < rng.uniform(0, MOST_HIDDEN)
        scene[on_pixels(chosen, (scene.shape[1], scene.shape[0]))] = 0
    return made


def _entropy(logits: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, goal)
