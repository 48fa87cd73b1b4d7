"""The stages of the recipe, in order, each a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import (
    CLIPModel,
    CLIPProcessor,
    ResNetForImageClassification,
    SiglipImageProcessorPil,
)

from ipllvm_spec.errors import ModelError, unknown_name
from ipllvm_spec.mini.classes import SCENE_CLASSES
from ipllvm_spec.mini.recipe.assemble import clip_image_processor
from ipllvm_spec.mini.recipe.classifiers import (
    ABOUT,
    CLASSIFIERS,
    FLOOR,
    KINDS_OF_SCENE,
    TEACHER,
    image_processor_of,
    train_classifier,
    twin_accuracy,
)
from ipllvm_spec.mini.recipe.device import training_device
from ipllvm_spec.mini.recipe.evaluate import language_accuracy
from ipllvm_spec.mini.recipe.language import train_language_model
from ipllvm_spec.mini.recipe.llvms import train_llvm
from ipllvm_spec.mini.recipe.plans import PLANS
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.saving import save_checkpoint, to_shipped
from ipllvm_spec.mini.recipe.texts import tune_texts
from ipllvm_spec.mini.recipe.tokens import load_backend, wrap
from ipllvm_spec.mini.recipe.towers import TILE, train_clip, train_siglip, tune_tiles
from ipllvm_spec.mini.recipe.world import make_world
from ipllvm_spec.mini.recipe.zeroshot import zero_shot, zero_shot_classes

SCENES, SEED, WORLD_SEED = 48_000, 0, 1
#: Scenes of ImageNet's twin's classes that classifiers learn.
CLASSED_SCENES = 12_000
STEPS: Mapping[str, int] = MappingProxyType(
    {
        "mini-clip": 1400,
        "mini-siglip": 1700,
        "mini-clip-32": 450,
        "mini-lm-llama": 1800,
    }
)
#: Steps of the text side alone, after those of the whole tower.
TEXT_STEPS = 400
_TEXTS = ("mini-clip", "mini-siglip")
_TOWERS = {
    "mini-clip": "Contrastive and dense training at 64 px; mini-llava reads its layer -2.",
    "mini-siglip": "Sigmoid and dense training on 32 px tiles and shrunk scenes.",
    "mini-clip-32": "mini-clip with its position table resampled to 4 by 4, tuned on 32 px tiles.",
}
_LANGUAGES = {
    "mini-lm-llama": "Trained from nothing on text alone: captions and questions about them.",
}


def stages() -> tuple[str, ...]:
    """Names of the stages; each needs only earlier ones."""
    return (*STEPS, *PLANS, *CLASSIFIERS)


def train(stage: str, *, out: Path, force: bool = False) -> None:
    """Trains one stage, or all that are missing.

    Args:
        stage: one of stages(), or "all".
        out: folder of the checkpoints, one folder a stage.
        force: train also what is there.

    Raises:
        UnknownNameError: no stage has that name.
    """
    if stage != "all" and stage not in stages():
        raise unknown_name("stage", stage, (*stages(), "all"))
    for name in stages() if stage == "all" else (stage,):
        if (out / name / "card.json").exists() and not force:
            continue
        if name in CLASSIFIERS:
            _train_classifier(name, out=out)
            continue
        backend = load_backend(out / "mini-tokenizer")
        if name in PLANS:
            train_llvm(name, out=out, backend=backend)
        elif name in _TOWERS:
            _train_tower(name, out=out, backend=backend)
        else:
            _train_language(name, out=out, backend=backend)


def _card(key: str, model: Any, *, what: str, minutes: float) -> dict[str, Any]:
    return {
        "key": key,
        "class": type(model).__name__,
        "what": what,
        "data": f"{SCENES:,} scenes (seed {WORLD_SEED})",
        "steps": f"{STEPS[key]} + {TEXT_STEPS} (text side)" if key in _TEXTS else STEPS[key],
        "seed": SEED,
        "minutes": round(minutes, 1),
    }


def _train_tower(key: str, *, out: Path, backend: Tokenizer) -> None:
    world = make_world(SCENES, seed=WORLD_SEED, held_out=False)
    log = out / f".{key}.jsonl"
    texts = TEXT_STEPS if key in _TEXTS else 0
    meter = Meter(key, steps=STEPS[key] + texts, log=log)
    fits: dict[str, Callable[..., Any]] = {
        "mini-clip": partial(train_clip, world, backend, meter),
        "mini-siglip": partial(train_siglip, world, backend, meter),
        "mini-clip-32": lambda **kw: tune_tiles(
            world, CLIPModel.from_pretrained(out / "mini-clip", dtype=torch.float32), meter, **kw
        ),
    }
    model = fits[key](steps=STEPS[key], seed=SEED)
    if texts:
        tune_texts(model, world, backend, meter, steps=texts, seed=SEED, first=STEPS[key])
    meter.close()
    save_tower(key, model, out=out, backend=backend, minutes=meter.minutes, log=log)


def save_tower(
    key: str, model: Any, *, out: Path, backend: Tokenizer, minutes: float, log: Path
) -> None:
    """Measures a tower and saves it."""
    to_shipped(model)
    card = _card(key, model, what=_TOWERS[key], minutes=minutes)
    tokenizer = wrap(backend, style="tower")
    side = {"height": TILE, "width": TILE}
    parts: tuple[Any, ...]
    if key == "mini-siglip":
        parts = (SiglipImageProcessorPil(size=side, resample=3), tokenizer)
    elif key == "mini-clip":
        parts = (
            CLIPProcessor(clip_image_processor(), tokenizer),  # type: ignore[no-untyped-call]
        )
    else:
        parts = ()
    if parts:
        # only the towers that still have their text side are measured against text
        single = make_world(600, seed=4, held_out=True, only=("single",))
        found = zero_shot(model, single, backend)
        rows = {name: {"accuracy": 100 * share} for name, share in found.items()}
        classes = {
            name: {"accuracy": round(100 * share, 1)}
            for name, share in zero_shot_classes(model, backend).items()
        }
        card["tables"] = {
            "Zero-shot accuracy on single shapes": rows,
            "Zero-shot accuracy on the twins of the classification sets": classes,
        }
        card["missed"] = [f"{n}: {100 * s:.1f} % of 80 %" for n, s in found.items() if s < 0.8]
    save_checkpoint(out / key, model=model, parts=parts, card=card, log=log)
    log.unlink(missing_ok=True)


def _train_language(key: str, *, out: Path, backend: Tokenizer) -> None:
    world = make_world(SCENES, seed=WORLD_SEED, held_out=False)
    log = out / f".{key}.jsonl"
    meter = Meter(key, steps=STEPS[key], log=log)
    model = train_language_model(world, backend, meter, style="llama", steps=STEPS[key], seed=SEED)
    meter.close()
    save_language(key, model, out=out, backend=backend, minutes=meter.minutes, log=log)


def save_language(
    key: str, model: Any, *, out: Path, backend: Tokenizer, minutes: float, log: Path
) -> None:
    """Measures a base language model and saves it."""
    to_shipped(model)
    test = make_world(600, seed=3, held_out=True)
    found = language_accuracy(model, test, backend)
    card = _card(key, model, what=_LANGUAGES[key], minutes=minutes)
    rows = {name: {"accuracy": 100 * share} for name, share in found.items()}
    card["tables"] = {"Held-out accuracy on captions": rows}
    model.config._attn_implementation = "sdpa"
    save_checkpoint(
        out / key, model=model, parts=(wrap(backend, style="llama"),), card=card, log=log
    )
    log.unlink(missing_ok=True)


def _train_classifier(key: str, *, out: Path) -> None:
    teacher: Any = None
    if key == "mini-deit":
        if not (out / TEACHER / "card.json").exists():
            raise ModelError(f"{key} learns from {TEACHER}", f"run ipllvm mini train {TEACHER}")
        teacher = ResNetForImageClassification.from_pretrained(out / TEACHER, dtype=torch.float32)
        teacher = teacher.eval().to(training_device())
    world = make_world(CLASSED_SCENES, seed=WORLD_SEED, held_out=False, only=KINDS_OF_SCENE)
    log = out / f".{key}.jsonl"
    meter = Meter(key, steps=CLASSIFIERS[key], log=log)
    model = train_classifier(key, world, meter, steps=CLASSIFIERS[key], seed=SEED, teacher=teacher)
    meter.close()
    save_classifier(key, model, out=out, minutes=meter.minutes, log=log)


def save_classifier(key: str, model: Any, *, out: Path, minutes: float, log: Path) -> None:
    """Measures a classifier and saves it."""
    # Running means of a ResNet are saved too, so they are rounded with the weights.
    model.to(torch.bfloat16).float()
    share = twin_accuracy(model)
    card = {
        "key": key,
        "class": type(model).__name__,
        "what": ABOUT[key],
        "data": f"{CLASSED_SCENES:,} scenes of {len(SCENE_CLASSES)} classes (seed {WORLD_SEED})",
        "steps": CLASSIFIERS[key],
        "seed": SEED,
        "minutes": round(minutes, 1),
        "tables": {"Top-1 on the twin of ImageNet": {"imagenet": {"accuracy": 100 * share}}},
        "missed": [f"imagenet: {100 * share:.1f} % of {100 * FLOOR:.0f} %"] * (share < FLOOR),
    }
    parts = (image_processor_of(key),)
    save_checkpoint(out / key, model=model, parts=parts, card=card, log=log)
    log.unlink(missing_ok=True)
