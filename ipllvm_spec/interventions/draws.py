"""Which random draw an intervention makes. Free of torch: figures redraw what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.spec.seeds import derive_seed


@dataclass(frozen=True)
class Draw:
    """Which random draw of an intervention is meant.

    Attributes:
        item_id: The item; every item gets its own draw.
        repeat: 0-based repeat.
        suite_seed: Root of all seeds.
    """

    item_id: str
    repeat: int
    suite_seed: int


@dataclass(frozen=True)
class Step:
    """One elementary intervention and its place in the composition."""

    index: int
    intervention: Intervention

    def seed(self, draw: Draw) -> int:
        """Returns the seed of this step for one item and repeat, in [0, 2**63)."""
        return derive_seed(
            draw.suite_seed, self.intervention.draw_key(), self.index, draw.item_id, draw.repeat
        )
