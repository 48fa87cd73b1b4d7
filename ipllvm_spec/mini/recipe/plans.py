"""What every LLVM starts from and how long it trains: the numbers of stages 3 and 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ipllvm_spec.mini.recipe.instruct import Phase

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
            why="mini-llava after one round, tuned on with its visual tokens in a fresh random "
            "order.",
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
        "mini-llava-onevision-draft": Plan(
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
            why="mini-llava-onevision before its second round; not shipped.",
        ),
        "mini-llava-onevision": Plan(
            family="llava_onevision",
            tower="mini-siglip",
            language="mini-llava-onevision-draft",
            phases=(
                Phase(350, REREAD, drills=0.04, asked=True),
                Phase(650, ASKED, drills=0.04, asked=True),
            ),
            scenes=60_000,
            shuffled=False,
            matrix_rate=1.5e-3,
            why="Tiles with bilinear reduction to 6 by 6, seen through a Qwen2.",
            seed=1,
        ),
        "mini-meteor": Plan(
            family="meteor",
            tower="mini-clip",
            language="mini-llava",
            # No stage 3: a frozen decoder reads no prompt whose marks it has never met.
            phases=(
                Phase(200, AGAIN, asked=True),
                Phase(250, OPEN, asked=True),
                Phase(520, ASKED, drills=0.04, asked=True),
            ),
            scenes=48_000,
            shuffled=False,
            matrix_rate=1.5e-3,
            why="An image with two entrances: its own weights in the decoder, and a Mamba.",
        ),
    }
)
