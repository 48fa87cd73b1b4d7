"""Stages 3 and 4 of every LLVM along its plan, and how it is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    CLIPModel,
    SiglipModel,
)

from ipllvm_spec.mini.recipe.assemble import assemble, backend_of, parts_of
from ipllvm_spec.mini.recipe.device import training_device
from ipllvm_spec.mini.recipe.evaluate import held_out_accuracy
from ipllvm_spec.mini.recipe.instruct import Material, train_phases
from ipllvm_spec.mini.recipe.language import new_language_model
from ipllvm_spec.mini.recipe.plans import PLANS
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.saving import save_checkpoint, to_shipped
from ipllvm_spec.mini.recipe.visual import tower_features
from ipllvm_spec.mini.recipe.world import World, make_world
from ipllvm_spec.models.meteor.weights import save_meteor

HELD_OUT = 1200
"""Scenes on which an LLVM is measured."""


def language_of(folder: Path) -> Any:
    """The language model in a checkpoint, be it one itself or part of an LLVM (float32)."""
    if "llava" not in folder.name:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    whole = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    causal: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        whole.config.text_config
    )
    causal.model.load_state_dict(whole.model.language_model.state_dict())
    causal.lm_head.load_state_dict(whole.lm_head.state_dict())
    return causal


def _take_projector(model: Any, folder: Path) -> None:
    """Copies the projector of an LLVM, and its newline token where both have one."""
    whole = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    # two linear layers in this order, whatever a family calls them
    ours = model.model.multi_modal_projector
    weights = whole.model.multi_modal_projector.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), weights, strict=True)))
    if hasattr(model.model, "image_newline") and hasattr(whole.model, "image_newline"):
        model.model.image_newline.data.copy_(whole.model.image_newline.data)


def train_llvm(key: str, *, out: Path, backend: Tokenizer) -> None:
    """Trains and saves one LLVM from the checkpoints its plan names."""
    plan = PLANS[key]
    backend = backend_of(plan.family, backend)
    made = SiglipModel if plan.family == "llava_onevision" else CLIPModel
    # the tower runs in the precision it ships in, so that its features are those of the checkpoint
    tower = made.from_pretrained(out / plan.tower, dtype=torch.bfloat16).vision_model.eval()
    tower = tower.to(training_device())
    world = make_world(plan.scenes, seed=2, held_out=False)
    test = make_world(HELD_OUT, seed=3, held_out=True)
    features = tower_features(plan.family, tower, world.pixels, dtype=torch.bfloat16)
    seen = tower_features(plan.family, tower, test.pixels, dtype=torch.bfloat16)
    torch.manual_seed(plan.seed)
    language = language_of(out / plan.language)
    if plan.family == "llava_onevision":
        # Qwen2 is Llama with biases in its attention, so at zero biases the weights carry over
        qwen = new_language_model(backend, style="chatml")
        qwen.load_state_dict(language.state_dict(), strict=False)
        language = qwen
    model: Any = assemble(plan.family, tower, language, backend).to(training_device())
    start = PLANS.get(plan.language)
    if start is not None and start.tower == plan.tower:
        _take_projector(model, out / plan.language)
    log = out / f".{key}.jsonl"
    meter = Meter(key, steps=plan.steps, log=log)
    train_phases(
        model,
        Material(plan.family, world, features, shuffled=plan.shuffled),
        backend,
        meter,
        phases=plan.phases,
        seed=plan.seed,
        matrix_rate=plan.matrix_rate,
    )
    meter.close()
    save_llvm(
        key, model, out=out, backend=backend, minutes=meter.minutes, log=log, test=(test, seen)
    )
    log.unlink(missing_ok=True)


def save_llvm(
    key: str,
    model: Any,
    *,
    out: Path,
    backend: Tokenizer,
    minutes: float,
    log: Path,
    test: tuple[World, torch.Tensor],
) -> None:
    """Rounds a trained LLVM to bfloat16, measures it on held-out scenes and saves it."""
    plan = PLANS[key]
    to_shipped(model)
    world, seen = test
    tables = {}
    for title, shuffled in (("in reading order", False), ("shuffled tokens", True)):
        found = held_out_accuracy(
            model, world, seen, backend, family=plan.family, shuffled=shuffled
        )
        tables[title] = found
        print(key, title, round(found["all"], 4), flush=True)  # noqa: T201
    by_kind: dict[str, dict[str, float]] = {}
    for title, found in tables.items():
        for name, share in found.items():
            by_kind.setdefault(name, {})[title] = 100 * share
    card = {
        "key": key,
        "class": type(model).__name__,
        "what": plan.why,
        "data": f"{plan.scenes:,} scenes, questions drawn anew at every step",
        "steps": f"{plan.aligning} (stage 3) + {plan.steps - plan.aligning} (stage 4)",
        "seed": plan.seed,
        "minutes": round(minutes, 1),
        "tower": plan.tower,
        "language": plan.language,
        "tables": {"Held-out accuracy by kind, topic and format": by_kind},
    }
    save_checkpoint(
        out / key,
        model=model,
        parts=parts_of(plan.family, backend),
        card=card,
        log=log,
        write=save_meteor if plan.family == "meteor" else None,
    )
