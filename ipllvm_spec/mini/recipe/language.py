"""Stage 2: the base language models, trained on text alone.

A row is a caption followed by a question about it, or a drill (see draws.py).
"""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.recipe.device import autocast, training_device
from ipllvm_spec.mini.recipe.draws import draw_drill, draw_scenes, pick
from ipllvm_spec.mini.recipe.losses import Helpers, answer_loss
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.packing import ATTENTION, Packer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.tokens import BOS, END, EOS, PAD
from ipllvm_spec.mini.recipe.world import World

WIDTH, DEPTH, HEADS, INNER = 128, 8, 4, 384
SHARES = {
    "captions": 0.18,
    "open": 0.36,
    "short": 0.18,
    "letters": 0.18,
    "hinted": 0.06,
    "math": 0.04,
}
DRILLS = 0.5
"""Share of the steps that are drills."""


def new_language_model(backend: Tokenizer, *, style: str) -> Any:
    """A fresh language model of a style ("llama" or "chatml")."""
    shape: dict[str, Any] = {
        "vocab_size": backend.get_vocab_size(),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0},
        "tie_word_embeddings": False,
        # the default of 0.02 is made for wide models; here it delays in-context copying threefold
        "initializer_range": 0.08,
        "attn_implementation": ATTENTION,
        "pad_token_id": backend.token_to_id(PAD),
        "eos_token_id": backend.token_to_id(EOS if style == "llama" else END),
    }
    if style == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=backend.token_to_id(BOS)))
    return Qwen2ForCausalLM(Qwen2Config(**shape, bos_token_id=None))


def train_language_model(
    world: World, backend: Tokenizer, meter: Meter, *, style: str, steps: int, seed: int
) -> Any:
    """Trains a base language model on captions, questions about captions, and drills.

    Args:
        world: Scenes to draw from.
        backend: The tokenizer.
        meter: Gets the losses.
        style: "llama" or "chatml".
        steps: Length of the stage.
        seed: Of all choices.
    """
    torch.manual_seed(seed)
    rng = seeded(f"language:{style}:{seed}")
    device = training_device()
    model = new_language_model(backend, style=style).to(device)
    packer, helpers = Packer(backend, style=style), Helpers(WIDTH).to(device)
    named = [*model.named_parameters(), *helpers.named_parameters()]
    optimizer = Optimizer(named, steps=steps)
    for step in range(steps):
        with autocast():
            if rng.random() < DRILLS:
                name, drill = draw_drill(world, rng)
                batch = packer.pack(drill.rows, slots=0, texts=drill.texts)
                name = f"drill_{name}"
            else:
                name = pick(SHARES, rng)
                index, rows = draw_scenes(world, rng, family=name)
                batch = packer.pack(rows, slots=0, texts=[world.caption(i) for i in index])
            loss, shares = answer_loss(model, batch.to(device), None, helpers=helpers)
        optimizer.step(loss)
        found = {f"{key}_{name}": share for key, share in shares.items()}
        meter.log(step, **{name: float(loss.detach())}, **found)
    return model.eval()
