"""Held-out accuracy: greedy answers found in one forward pass of packed questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from tokenizers import Tokenizer

from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import Question, draw_questions
from ipllvm_spec.mini.recipe.device import autocast
from ipllvm_spec.mini.recipe.losses import run_packed
from ipllvm_spec.mini.recipe.meteor import packer_of
from ipllvm_spec.mini.recipe.packing import ATTENTION, Batch, Packer
from ipllvm_spec.mini.recipe.visual import Shown, shown, slots_of
from ipllvm_spec.mini.recipe.world import World

ROWS, QUESTIONS = 24, 6


@torch.no_grad()
def _accuracy(
    model: Any,
    world: World,
    *,
    seed: int,
    packer: Packer,
    pack: Callable[[list[list[Question]], list[int]], tuple[Batch, Shown | None]],
    name_of: Callable[[str], str] = str,
) -> Mapping[str, float]:
    """Share of questions whose every answer token is the most likely one, by name and in all."""
    decoder = model.get_decoder()
    decoder.config._attn_implementation = ATTENTION
    rng = seeded(f"evaluate:{seed}")
    right: dict[str, list[float]] = defaultdict(list)
    for at in range(0, len(world), ROWS):
        index = list(range(at, min(at + ROWS, len(world))))
        rows = [
            draw_questions(KINDS[world.kinds[i]], world.specs[i], rng, n=QUESTIONS, captions=0.2)
            for i in index
        ]
        index, rows = packer.arrange(index, rows)
        with autocast():
            batch, visual = pack(rows, index)
            batch = batch.to(model.device)
            out = run_packed(model, batch, visual)
            logits = model.lm_head(out.last_hidden_state[batch.rows, batch.cols])
        hits = (logits.argmax(-1) == batch.targets).tolist()
        segments = ((batch.cols - batch.layout.prefix) // batch.layout.length).tolist()
        whole: dict[tuple[int, int], bool] = defaultdict(lambda: True)
        for row, k, hit in zip(batch.rows.tolist(), segments, hits, strict=True):
            whole[row, k] &= hit
        for (row, k), good in whole.items():
            right[name_of(rows[row][k].label)].append(float(good))
            right["all"].append(float(good))
    decoder.config._attn_implementation = "sdpa"
    return {k: sum(v) / len(v) for k, v in sorted(right.items())}


def held_out_accuracy(
    model: Any,
    world: World,
    features: torch.Tensor,
    backend: Tokenizer,
    *,
    family: str,
    shuffled: bool = False,
    seed: int = 0,
) -> Mapping[str, float]:
    """Accuracy of an LLVM on held-out scenes.

    Args:
        model: the LLVM.
        world: the scenes.
        features: tower features of the scenes.
        backend: the tokenizer.
        family: see assemble.FAMILIES.
        shuffled: permute the visual tokens of every scene.
        seed: of questions and orders.

    Returns:
        Accuracy by "<kind>/<topic>/<format>", and by "all".
    """
    packer = packer_of(family, backend)
    generator = torch.Generator().manual_seed(seed)

    def pack(rows: list[list[Question]], index: list[int]) -> tuple[Batch, Shown]:
        visual = shown(family, model, features[index].to(model.device))
        if shuffled:
            order = torch.rand(visual.tokens.shape[:2], generator=generator).argsort(dim=1)
            visual = visual.ordered(order)
        return packer.pack(rows, slots=slots_of(family)), visual

    return _accuracy(model, world, seed=seed, packer=packer, pack=pack)


def language_accuracy(
    model: Any, world: World, backend: Tokenizer, *, seed: int = 0
) -> Mapping[str, float]:
    """Accuracy of a base language model on held-out scenes given as captions, by format."""
    packer = Packer(backend, style="llama")

    def pack(rows: list[list[Question]], index: list[int]) -> tuple[Batch, None]:
        return packer.pack(rows, slots=0, texts=[world.caption(i) for i in index]), None

    return _accuracy(
        model,
        world,
        seed=seed,
        packer=packer,
        pack=pack,
        name_of=lambda label: label.rpartition("/")[2],
    )
