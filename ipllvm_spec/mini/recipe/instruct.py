"""Stages 3 and 4: projector alignment, then instruction tuning; the tower stays frozen."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer

from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.recipe.language import OptionHeads, answer_loss, scene_rows, shares_at
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.packing import ATTENTION, Packer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.visual import slots_of, visual_tokens
from ipllvm_spec.mini.recipe.world import World

ALIGNING = {"captions": 0.7, "terse": 0.3}


def trainable(model: Any, *, language: bool) -> list[tuple[str, torch.nn.Parameter]]:
    """Freezes what a stage does not train and returns the rest."""
    kept = []
    for name, p in model.named_parameters():
        wanted = "vision_tower" not in name and (
            language or "multi_modal_projector" in name or "image_newline" in name
        )
        p.requires_grad_(wanted)
        if wanted:
            kept.append((name, p))
    return kept


def train_on_scenes(
    model: Any,
    world: World,
    features: torch.Tensor,
    backend: Tokenizer,
    meter: Meter,
    *,
    family: str,
    steps: int,
    seed: int,
    align: bool = False,
    shuffled: bool = False,
    fresh: bool = True,
    matrix_rate: float = 3e-3,
) -> None:
    """Trains projector (and language model) on questions about scenes.

    Args:
        model: an assembled LLVM.
        world: the training scenes.
        features: tower features of the world's scenes.
        backend: the tokenizer.
        meter: gets the losses.
        family: see assemble.FAMILIES.
        steps: length of the stage.
        seed: of all choices.
        align: stage 3: projector only, mostly captions.
        shuffled: draw a fresh order of the visual tokens for every scene of every step.
        fresh: whether the language model has yet to learn to read scenes.
        matrix_rate: peak rate of the inner matrices.
    """
    torch.manual_seed(seed)
    rng = seeded(f"scenes:{seed}:{align}:{shuffled}")
    model.model.language_model.config._attn_implementation = ATTENTION
    packer = Packer(backend, style="chatml" if family == "llava_onevision" else "llama")
    named = trainable(model, language=not align)
    options = None if align else OptionHeads()
    if options is not None:
        named += list(options.named_parameters())
    optimizer = Optimizer(named, steps=steps, matrix_rate=matrix_rate)
    slots = slots_of(family)
    for step in range(steps):
        shares = ALIGNING if align else shares_at(step / steps, fresh=fresh)
        asked, index, rows = scene_rows(world, rng, shares=shares)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            visual = visual_tokens(family, model, features[index])
            if shuffled:
                order = torch.rand(visual.shape[:2]).argsort(dim=1)
                visual = visual.gather(1, order[..., None].expand_as(visual))
            batch = packer.pack(rows, slots=slots)
            loss, share = answer_loss(model, batch, visual, options=options)
        optimizer.step(loss)
        meter.log(step, **{asked: float(loss.detach()), f"right_{asked}": share})
    model.model.language_model.config._attn_implementation = "sdpa"
