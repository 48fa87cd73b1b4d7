"""Stage 1, second half: the text side learns CLIP's templates while the images stay as they are.

Published encoders have met "a blurry photo of a {}" in their captions; ours have not, and an
ensemble of such templates would measure how they fail on unknown words. With the vision side
locked, what the language models read of the towers is the same before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ipllvm_spec.benchmarks.classification_lists import class_list
from ipllvm_spec.mini.classes import CLASSES, SCENE_CLASSES
from ipllvm_spec.mini.recipe.device import autocast, training_device
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.tokens import wrap
from ipllvm_spec.mini.recipe.towers import TEXT_LENGTH, normalize, tiles_of
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.rows.classes import SCENE_KINDS
from ipllvm_spec.mini.scenes import OBJECT_COLORS, SHAPES

IMAGES, CAPTIONS, CHUNK = 64, 96, 256
#: Scenes whose captions are seen again, so that the text side does not forget them.
KEPT = 8000


@dataclass(frozen=True)
class Group:
    """Classes that exclude each other, and scenes that show one of them.

    Attributes:
        names: The classes.
        templates: Texts with one {} for a class.
        scenes: Indices into the world.
        labels: The class of each scene.
    """

    names: tuple[str, ...]
    templates: tuple[str, ...]
    scenes: NDArray[np.int64]
    labels: NDArray[np.int64]


def groups_of(world: World) -> list[Group]:
    """The classification sets, the classes of scenes, and the shapes and colours of singles."""
    found = []
    for name, names in CLASSES.items():
        shown = [(i, world.specs[i].what) for i, kind in enumerate(world.kinds) if kind == name]
        found.append(_group(shown, names, class_list(name).templates))
    kinds = {kind for kind, _ in SCENE_KINDS}
    shown = [(i, world.specs[i].what) for i, kind in enumerate(world.kinds) if kind in kinds]
    found.append(_group(shown, SCENE_CLASSES, class_list("imagenet").templates))
    things = [(int(i), world.specs[i].things[0]) for i in world.singles]
    found.append(_group([(i, t.shape) for i, t in things], SHAPES, ("a photo of a {}",)))
    colors = [(i, t.color) for i, t in things]
    found.append(_group(colors, OBJECT_COLORS, ("a photo of a {} shape",)))
    return found


def _group(
    shown: Sequence[tuple[int, str]], names: tuple[str, ...], templates: tuple[str, ...]
) -> Group:
    scenes = np.array([i for i, _ in shown], dtype=np.int64)
    labels = np.array([names.index(what) for _, what in shown], dtype=np.int64)
    return Group(names, templates, scenes, labels)


def tune_texts(
    model: Any, world: World, backend: Tokenizer, meter: Meter, *, steps: int, seed: int, first: int
) -> Any:
    """Trains the text side on templates and captions, in turn.

    Args:
        model: A CLIPModel or SiglipModel; its vision side is not touched.
        world: Training scenes.
        backend: The tokenizer.
        meter: Gets the losses.
        steps: Length of this half.
        seed: Of all choices.
        first: Steps of the first half, for the log.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    siglip = model.config.model_type == "siglip"
    groups = groups_of(world)
    kept = rng.choice(len(world), size=min(KEPT, len(world)), replace=False)
    scenes = np.unique(np.concatenate([kept, *(group.scenes for group in groups)]))
    images = _embedded(model, world.pixels[scenes], siglip=siglip)
    place = {int(scene): row for row, scene in enumerate(scenes)}
    tokenizer = wrap(backend, style="tower")
    named = [
        (name, p)
        for name, p in model.named_parameters()
        if name.startswith("text_") or name == "logit_scale"
    ]
    optimizer = Optimizer(named, steps=steps, matrix_rate=1e-3)
    for step in range(steps):
        captions = step % 2 == 0
        if captions:
            index = rng.choice(kept, size=min(CAPTIONS, len(kept)), replace=False)
            texts = [world.caption(int(i)) for i in index]
            goal = torch.arange(len(index))
        else:
            group = groups[int(rng.integers(len(groups)))]
            drawn = rng.integers(len(group.scenes), size=IMAGES)
            index, goal = group.scenes[drawn], torch.from_numpy(group.labels[drawn])
            template = rng.integers(len(group.templates), size=len(group.names))
            texts = [
                group.templates[t].format(name)
                for t, name in zip(template, group.names, strict=True)
            ]
        shown = images[[place[int(i)] for i in index]].to(model.device)
        with autocast():
            said = _texts(model, tokenizer, texts, siglip=siglip)
        logits = model.logit_scale.exp().clamp(max=100.0) * shown @ said.T
        goal = goal.to(model.device)
        loss = torch.nn.functional.cross_entropy(logits, goal)
        if captions:
            loss = 0.5 * (loss + torch.nn.functional.cross_entropy(logits.T, goal))
        optimizer.step(loss)
        name = "captions" if captions else "templates"
        share = float((logits.argmax(-1) == goal).float().mean())
        meter.log(first + step, **{name: float(loss.detach()), f"match_{name}": share})
    return model.eval()


@torch.no_grad()
def _embedded(model: Any, pixels: NDArray[np.uint8], *, siglip: bool) -> torch.Tensor:
    """Embeddings of scenes of length 1, (n, width), on the CPU."""
    made = []
    for at in range(0, len(pixels), CHUNK):
        part = pixels[at : at + CHUNK]
        views = tiles_of(part)[:, 0] if siglip else part
        values = normalize(views, siglip=siglip).to(model.device)
        made.append(model.get_image_features(pixel_values=values).pooler_output.float().cpu())
    return torch.nn.functional.normalize(torch.cat(made), dim=-1)


def _texts(model: Any, tokenizer: Any, texts: Sequence[str], *, siglip: bool) -> torch.Tensor:
    words = tokenizer(
        list(texts),
        padding="max_length" if siglip else True,
        truncation=True,
        max_length=TEXT_LENGTH,
        return_tensors="pt",
    ).to(training_device())
    names = ("input_ids",) if siglip else ("input_ids", "attention_mask")
    found = model.get_text_features(**{name: words[name] for name in names}).pooler_output
    return torch.nn.functional.normalize(found.float(), dim=-1)
