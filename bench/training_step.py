"""What a training step of mini-llava costs in bfloat16 and in float32, and what padding would add.

Draws the same steps of the last phase twice, on a fresh decoder and random features: the cost does
not depend on what is learned. Prints seconds a step in each precision, their ratio, which of the
two the recipe chooses on this machine, and the share of places of the packed rows that hold a
token (the others are left out before the decoder).
Usage: ``python bench/training_step.py [--steps 12]``
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import torch

from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.recipe import device, instruct, losses, towers
from ipllvm_spec.mini.recipe.assemble import assemble
from ipllvm_spec.mini.recipe.draws import draw_asked, pick
from ipllvm_spec.mini.recipe.language import new_language_model
from ipllvm_spec.mini.recipe.losses import Helpers, answer_loss
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.packing import ATTENTION, Packer
from ipllvm_spec.mini.recipe.plans import PLANS
from ipllvm_spec.mini.recipe.tokens import load_backend
from ipllvm_spec.mini.recipe.visual import slots_of
from ipllvm_spec.mini.recipe.world import make_world

CHECKPOINTS = Path(towers.__file__).parent.parent / "checkpoints"
WARM_UP = 2


def run(dtype: torch.dtype, *, steps: int) -> tuple[float, float]:
    """Returns seconds a step, and the share of places that hold a token."""
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    backend = load_backend(CHECKPOINTS / "mini-tokenizer")
    config = CLIPConfig(
        text_config=towers.text_shape(backend), vision_config=towers.vision_shape(64)
    )
    model = assemble(
        "llava", CLIPModel(config).vision_model, new_language_model(backend, style="llama"), backend
    )
    decoder = model.model.language_model.config
    decoder._attn_implementation = ATTENTION
    world = make_world(400, seed=2, held_out=False)
    features = torch.randn(len(world), 64, towers.WIDTH)
    material = instruct.Material("llava", world, features)
    packer, helpers = Packer(backend, style="llama"), Helpers(decoder.hidden_size)
    named = [*instruct.trainable(model, language=True), *helpers.named_parameters()]
    optimizer = Optimizer(named, steps=1000)
    shares = PLANS["mini-llava"].phases[-1].shares
    rng, begun, kept, places = seeded("bench"), 0.0, 0, 0
    modules = (device, instruct, losses)
    patches = [patch.object(module, "compute_dtype", lambda: dtype) for module in modules]
    for one in patches:
        one.start()
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            begun = time.perf_counter()
        index, rows = draw_asked(world, rng, family=pick(shares, rng))
        batch = packer.pack(rows, slots=slots_of("llava"))
        kept, places = kept + len(batch.layout.kept), places + batch.ids.numel()
        with device.autocast():
            loss, _ = answer_loss(model, batch, material.visual(model, index), helpers=helpers)
        optimizer.step(loss)
    seconds = (time.perf_counter() - begun) / steps
    for one in patches:
        one.stop()
    return seconds, kept / places


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    half, share = run(torch.bfloat16, steps=steps)
    full, _ = run(torch.float32, steps=steps)
    print(f"bfloat16  {half:6.2f} s a step")
    print(f"float32   {full:6.2f} s a step, {full / half:.2f} of bfloat16")
    print(f"chosen here: {device.compute_dtype()}")
    print(f"places of packed rows that hold a token: {share:.0%}")


if __name__ == "__main__":
    main()
