"""Stages 3 and 4 of every LLVM: what each starts from, how long it trains, how it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    CLIPModel,
    LlavaForConditionalGeneration,
    SiglipModel,
)

from ipllvm_spec.mini.recipe.assemble import assemble, backend_of, parts_of
from ipllvm_spec.mini.recipe.device import training_device
from ipllvm_spec.mini.recipe.evaluate import held_out_accuracy
from ipllvm_spec.mini.recipe.instruct import Material, Phase, train_phases
from ipllvm_spec.mini.recipe.language import new_language_model
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.saving import save_checkpoint, to_shipped
from ipllvm_spec.mini.recipe.visual import tower_features
from ipllvm_spec.mini.recipe.world import World, make_world
from ipllvm_spec.models.meteor.weights import save_meteor

CAPTIONS = {"captions": 0.7, "terse": 0.3}
READ = {"captions": 0.3, "terse": 0.5, "open": 0.2}
REREAD = {
    "captions": 0.15, "open": 0.5, "short": 0.15, "letters": 0.1, "hinted": 0.05, "math": 0.05
}  # fmt: skip
AGAIN = {"captions": 0.5, "open": 0.5}
OPEN = {
    "captions": 0.1, "open": 0.42, "short": 0.22, "letters": 0.18, "hinted": 0.04, "math": 0.04
}  # fmt: skip
ASKED = {
    "captions": 0.05, "open": 0.18, "short": 0.27, "letters": 0.3,
    "hinted": 0.08, "math": 0.08, "class": 0.04,
}  # fmt: skip
"""Shares of the families of questions, in the order of training: captions and terse questions say
most about a scene for their length; letters and yes/no need what those have taught."""


HELD_OUT = 1200
"""Scenes on which an LLVM is measured."""


@dataclass(frozen=True)
class Plan:
    """How one LLVM is made.

    Attributes:
        family: See assemble.FAMILIES.
        tower: Checkpoint of the frozen tower.
        language: Checkpoint of the language model, or of an LLVM to start from (its projector too
            where the tower is the same).
        phases: Stages 3 and 4.
        scenes: Number of training scenes.
        shuffled: Visual tokens in a fresh random order at every step.
        matrix_rate: Peak rate of the inner matrices in stage 4.
        why: One sentence for the model card.
        seed: Of the training.
    """

    family: str
    tower: str
    language: str
    phases: tuple[Phase, ...]
    scenes: int
    shuffled: bool
    matrix_rate: float
    why: str
    seed: int = 0

    @property
    def steps(self) -> int:
        """All steps of stages 3 and 4."""
        return sum(phase.steps for phase in self.phases)

    @property
    def aligning(self) -> int:
        """Steps of stage 3."""
        return sum(phase.steps for phase in self.phases if phase.align)


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "mini-llava-draft": Plan(
            family="llava",
            tower="mini-clip",
            language="mini-lm-llama",
            phases=(
                Phase(150, CAPTIONS, align=True),
                Phase(700, READ, drills=0.05),
                Phase(1900, OPEN, drills=0.08, asked=True),
                Phase(3200, ASKED, drills=0.05, asked=True),
            ),
            scenes=48_000,
            shuffled=False,
            matrix_rate=2e-3,
            why="mini-llava before its second round; not shipped.",
        ),
        "mini-llava": Plan(
            family="llava",
            tower="mini-clip",
            language="mini-llava-draft",
            phases=(
                Phase(1400, REREAD, drills=0.05, asked=True),
                Phase(3600, ASKED, drills=0.05, asked=True),
            ),
            scenes=48_000,
            shuffled=False,
            matrix_rate=1.5e-3,
            why="One grid of 64 visual tokens, always trained in reading order.",
            seed=1,
        ),
        "mini-llava-shuffled": Plan(
            family="llava",
            tower="mini-clip",
            # Where a token lies is what the second round teaches, and what this mini must not use.
            language="mini-llava-draft",
            phases=(Phase(300, OPEN, asked=True), Phase(2200, ASKED, drills=0.04, asked=True)),
            scenes=48_000,
            shuffled=True,
            matrix_rate=1.5e-3,
            why="mini-llava after one round, tuned on with its visual tokens in a fresh random order.",
        ),
        "mini-llava-next": Plan(
            family="llava_next",
            tower="mini-clip-32",
            language="mini-llava",
            phases=(
                Phase(150, CAPTIONS, align=True),
                Phase(250, OPEN, asked=True),
                Phase(900, ASKED, drills=0.04, asked=True),
            ),
            scenes=36_000,
            shuffled=False,
            matrix_rate=1.5e-3,
            why="A shrunk view and a grid of four tiles with newline tokens.",
        ),
        "mini-llava-onevision": Plan(
            family="llava_onevision",
            tower="mini-siglip",
            language="mini-llava",
            phases=(
                Phase(200, CAPTIONS, align=True),
                Phase(350, OPEN, asked=True),
                Phase(900, ASKED, drills=0.04, asked=True),
            ),
            scenes=60_000,
            shuffled=False,
            matrix_rate=1.5e-3,
            why="Tiles with bilinear reduction to 6 by 6, seen through a Qwen2.",
        ),
        "mini-meteor": Plan(
            family="meteor",
            tower="mini-clip",
            language="mini-llava",
            # No stage 3: a frozen decoder reads no prompt whose marks it has never met.
            phases=(
                Phase(200, AGAIN, asked=True),
                Phase(300, OPEN, asked=True),
                Phase(950, ASKED, drills=0.04, asked=True),
            ),
            scenes=48_000,
            shuffled=False,
            matrix_rate=1.5e-3,
            why="An image with two entrances: its own weights in the decoder, and a Mamba.",
        ),
    }
)


def language_of(folder: Path) -> Any:
    """The language model in a checkpoint, be it one itself or part of an LLVM (float32)."""
    if "llava" not in folder.name:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    whole = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    causal: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        whole.config.text_config
    )
    causal.model.load_state_dict(whole.model.language_model.state_dict())
    causal.lm_head.load_state_dict(whole.lm_head.state_dict())
    return causal


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
        whole = LlavaForConditionalGeneration.from_pretrained(out / plan.language)
        projector = whole.model.multi_modal_projector.float().state_dict()
        # two linear layers in this order, whatever a family calls them
        names = model.model.multi_modal_projector.state_dict()
        weights = dict(zip(names, projector.values(), strict=True))
        model.model.multi_modal_projector.load_state_dict(weights)
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
