"""What is asked of an engine and what it answers. Free of torch: workers import this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ipllvm_spec.spec.interventions import Identity, Intervention, from_canonical

#: Suite seed of the published results; another one gives other permutations and item order.
SUITE_SEED = 2410_04751


@dataclass(frozen=True)
class Cell:
    """The unit of measurement and storage: one model on one benchmark under one intervention.

    Attributes:
        model: Model reference as given by the user: a key of models.toml, a path, or either with
            ``~variant`` suffixes for broken variants derived at load time.
        benchmark: Benchmark name, for example ``mmvp``.
        source: Where its items come from: ``twin``, ``published``, or a path.
        mode: Protocol mode, ``standard`` or ``paper``.
        intervention: What is changed.
        repeat: 0-based repeat; only changes the seed.
        suite_seed: Root of all seeds.
    """

    model: str
    benchmark: str
    source: str = "twin"
    mode: str = "standard"
    intervention: Intervention = field(default_factory=Identity)
    repeat: int = 0
    suite_seed: int = SUITE_SEED

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the cell."""
        return {
            "model": self.model,
            "benchmark": self.benchmark,
            "source": self.source,
            "mode": self.mode,
            "intervention": self.intervention.canonical(),
            "repeat": self.repeat,
            "suite_seed": self.suite_seed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cell:
        """Rebuilds a cell from ``to_json``."""
        return cls(**{**data, "intervention": from_canonical(data["intervention"])})


@dataclass(frozen=True)
class Row:
    """One answer in one cell, as measured.

    Attributes:
        item_id: The item.
        status: ``ok``; or ``error`` when the item could not be asked (undecodable image).
        text: Raw answer for ``ok``; the reason for ``error``.
        margin: Difference of the two largest first-token logits, or of an encoder's two largest
            scores of classes; 0.0 for ``error``.
        n_tokens: New tokens generated.
    """

    item_id: str
    status: str
    text: str
    margin: float
    n_tokens: int

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``Row(**data)`` rebuilds the row."""
        return asdict(self)
