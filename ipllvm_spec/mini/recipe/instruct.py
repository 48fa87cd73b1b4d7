"""Stages 3 and 4: projector alignment, then instruction tuning; the tower stays frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer

from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.recipe.chats import style_of
from ipllvm_spec.mini.recipe.device import autocast, compute_dtype
from ipllvm_spec.mini.recipe.draws import draw_asked, draw_drill, draw_scenes, pick
from ipllvm_spec.mini.recipe.losses import Helpers, answer_loss
from ipllvm_spec.mini.recipe.meteor import packer_of
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.packing import ATTENTION, Batch, Packer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.visual import Shown, shown, slots_of
from ipllvm_spec.mini.recipe.world import World

APART = 2
"""Questions a scene in a step, where each needs a row of its own."""


@dataclass(frozen=True)
class Phase:
    """A part of the schedule.

    Attributes:
        steps: Optimiser steps.
        shares: Shares of the families of questions.
        drills: Share of the steps that are drills, in text.
        asked: Draw only what some twin asks about, in the twins' formats.
        align: Stage 3: the projector alone is trained.
    """

    steps: int
    shares: Mapping[str, float]
    drills: float = 0.0
    asked: bool = False
    align: bool = False


@dataclass(frozen=True)
class Material:
    """What an LLVM is trained on.

    Attributes:
        family: See ``assemble.FAMILIES``.
        world: Training scenes.
        features: Tower features of the scenes.
        shuffled: Draw a fresh order of the visual tokens for every scene of every step.
    """

    family: str
    world: World
    features: torch.Tensor
    shuffled: bool = False

    @property
    def style(self) -> str:
        """Chat style of the family."""
        return style_of(self.family)

    def visual(self, model: Any, index: list[int]) -> Shown:
        """What the model is shown of some scenes."""
        features = self.features[index].to(model.device, compute_dtype())
        made = shown(self.family, model, features)
        if self.shuffled:
            made = made.ordered(torch.rand(made.tokens.shape[:2]).argsort(dim=1))
        return made


ALIGNED = ("multi_modal_projector", "image_newline", "rationale")
"""Parts that stage 3 trains."""


def trainable(model: Any, *, language: bool) -> list[tuple[str, torch.nn.Parameter]]:
    """Freezes what a stage does not train and returns the rest."""
    kept = []
    for name, p in model.named_parameters():
        wanted = "vision_tower" not in name and (language or any(part in name for part in ALIGNED))
        p.requires_grad_(wanted)
        if wanted:
            kept.append((name, p))
    return kept


def train_phases(
    model: Any,
    material: Material,
    backend: Tokenizer,
    meter: Meter,
    *,
    phases: tuple[Phase, ...],
    seed: int,
    matrix_rate: float,
) -> None:
    """Trains projector and language model along a schedule.

    Each run of aligning phases and the run of the others have a learning rate that falls along all
    of it.

    Args:
        model: The LLVM, in float32; its tower is not touched.
        material: Scenes and their features.
        backend: Tokenizer.
        meter: Logs losses and shares of right first answer tokens.
        phases: The schedule.
        seed: Of all choices.
        matrix_rate: Peak rate of the inner matrices in stage 4.
    """
    torch.manual_seed(seed)
    rng = seeded(f"instruct:{material.family}:{seed}:{material.shuffled}")
    config = model.model.language_model.config
    config._attn_implementation = ATTENTION
    packer = packer_of(material.family, backend)
    helpers, done = Helpers(config.hidden_size).to(model.device), 0
    for align in (True, False):
        chosen = [phase for phase in phases if phase.align == align]
        steps = sum(phase.steps for phase in chosen)
        if not steps:
            continue
        named = [*trainable(model, language=not align), *helpers.named_parameters()]
        rate = 5e-3 if align else matrix_rate
        optimizer = Optimizer(named, steps=steps, matrix_rate=rate)
        for phase in _unrolled(chosen):
            with autocast():
                name, batch, visual = _draw(model, material, packer, phase, rng)
                batch = batch.to(model.device)
                loss, shares = answer_loss(model, batch, visual, helpers=helpers)
            optimizer.step(loss)
            found = {f"{key}_{name}": share for key, share in shares.items()}
            meter.log(done, **{name: float(loss.detach())}, **found)
            done += 1
    config._attn_implementation = "sdpa"


def _unrolled(phases: list[Phase]) -> Iterator[Phase]:
    for phase in phases:
        for _ in range(phase.steps):
            yield phase


def _draw(
    model: Any, material: Material, packer: Packer, phase: Phase, rng: Random
) -> tuple[str, Batch, Shown | None]:
    """A batch of the phase, its name in the log, and its visual tokens (None for text)."""
    if rng.random() < phase.drills:
        family, drill = draw_drill(material.world, rng)
        return f"drill_{family}", packer.pack(drill.rows, slots=0, texts=drill.texts), None
    family = pick(phase.shares, rng)
    draw = draw_asked if phase.asked else draw_scenes
    index, rows = packer.arrange(*draw(material.world, rng, family=family), most=APART)
    batch = packer.pack(rows, slots=slots_of(material.family))
    return family, batch, material.visual(model, index)
