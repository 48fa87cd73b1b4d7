"""The last part of stage 4: comparisons from drills, then questions as the benchmarks ask them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer

from ipllvm_spec.mini.questions.formats import CAPTION_PROMPT, Question
from ipllvm_spec.mini.recipe.drills import draw_asked, draw_drill
from ipllvm_spec.mini.recipe.instruct import trainable
from ipllvm_spec.mini.recipe.language import CAPTION_ROWS, OptionHeads, answer_loss
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.packing import ATTENTION, Packer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.visual import slots_of, visual_tokens
from ipllvm_spec.mini.recipe.world import World

ROWS = 12
QUESTIONS = {"open": 14, "short": 8, "letters": 6}
#: Letters are harder than yes and no, so drills ask for them more often.
DRILLS = {"letters": 0.65, "short": 0.35}


@dataclass(frozen=True)
class Phase:
    """A part of the schedule.

    Attributes:
        steps: Optimiser steps.
        drills: Share of the steps that are drills, in text.
        shares: Shares of the families of questions among the others.
    """

    steps: int
    drills: float
    shares: Mapping[str, float]


def train_as_asked(
    model: Any,
    world: World,
    features: torch.Tensor,
    backend: Tokenizer,
    meter: Meter,
    *,
    family: str,
    phases: tuple[Phase, ...],
    seed: int,
    shuffled: bool = False,
    matrix_rate: float = 2e-3,
) -> None:
    """Trains projector and language model on drills and on what the twins ask.

    Args:
        model: The LLVM, in float32; its tower is not touched.
        world: Training scenes.
        features: Tower features of the scenes.
        backend: Tokenizer.
        meter: Logs losses and shares of right answer tokens.
        family: See ``assemble.FAMILIES``.
        phases: The schedule; the learning rate falls along all of it.
        seed: Of all choices.
        shuffled: Draw a fresh order of the visual tokens for every scene of every step.
        matrix_rate: Peak rate of the inner matrices.
    """
    torch.manual_seed(seed)
    rng = Random(f"asked:{family}:{seed}:{shuffled}")
    config = model.model.language_model.config
    config._attn_implementation = ATTENTION
    packer = Packer(backend, style="chatml" if family == "llava_onevision" else "llama")
    heads = OptionHeads()
    named = [*trainable(model, language=True), *_prefixed(heads)]
    optimizer = Optimizer(
        named, steps=sum(phase.steps for phase in phases), matrix_rate=matrix_rate
    )
    schedule = [phase for phase in phases for _ in range(phase.steps)]
    for step, phase in enumerate(schedule):
        drill = rng.random() < phase.drills
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if drill:
                asked = _pick(DRILLS, rng)
                drawn = draw_drill(world, rng, family=asked)
                batch, visual = packer.pack(drawn.rows, slots=0, texts=drawn.texts), None
            else:
                asked = _pick(phase.shares, rng)
                index, rows = _scenes(world, rng, asked)
                visual = visual_tokens(family, model, features[index])
                if shuffled:
                    order = torch.rand(visual.shape[:2]).argsort(dim=1)
                    visual = visual.gather(1, order[..., None].expand_as(visual))
                batch = packer.pack(rows, slots=slots_of(family))
            options = heads if asked == "letters" else None
            loss, share = answer_loss(model, batch, visual, options=options)
        optimizer.step(loss)
        name = f"drill_{asked}" if drill else asked
        meter.log(step, **{name: float(loss.detach()), f"right_{name}": share})
    config._attn_implementation = "sdpa"


def _scenes(world: World, rng: Random, asked: str) -> tuple[list[int], list[list[Question]]]:
    if asked == "captions":
        index = [rng.randrange(len(world)) for _ in range(CAPTION_ROWS)]
        return index, [[Question(CAPTION_PROMPT, world.caption(i), "caption")] for i in index]
    return draw_asked(world, rng, family=asked, rows=ROWS, questions=QUESTIONS[asked])


def _pick(shares: Mapping[str, float], rng: Random) -> str:
    return rng.choices(list(shares), list(shares.values()))[0]


def _prefixed(heads: OptionHeads) -> list[tuple[str, torch.nn.Parameter]]:
    return [(f"heads.{name}", parameter) for name, parameter in heads.named_parameters()]
