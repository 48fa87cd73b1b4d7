"""What is asked of an engine and what it answers. Free of torch: workers import this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.interventions import (
    Identity,
    Intervention,
    SyntheticImage,
    from_canonical,
)
from ipllvm_spec.spec.loader import load_suite

#: Suite seed of the published results; another one gives other permutations and item order.
SUITE_SEED = 2410_04751

Asked = Literal["question", "caption", "similarity"]


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
        asked: ``question`` is the benchmark's; ``caption`` asks every item for a caption instead;
            ``similarity`` asks an encoder for the cosine of its embeddings of the image as it is
            and as the intervention leaves it.
    """

    model: str
    benchmark: str
    source: str = "twin"
    mode: str = "standard"
    intervention: Intervention = field(default_factory=Identity)
    repeat: int = 0
    suite_seed: int = SUITE_SEED
    asked: Asked = "question"

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the cell."""
        plain = {
            "model": self.model,
            "benchmark": self.benchmark,
            "source": self.source,
            "mode": self.mode,
            "intervention": self.intervention.canonical(),
            "repeat": self.repeat,
            "suite_seed": self.suite_seed,
        }
        return plain if self.asked == "question" else {**plain, "asked": self.asked}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cell:
        """Rebuilds a cell from ``to_json``."""
        return cls(**{**data, "intervention": from_canonical(data["intervention"])})


def synthetic_step(intervention: Intervention) -> SyntheticImage | None:
    """Returns the step that replaces the image by a synthetic one; None where none does.

    Raises:
        SpecError: When there are two: the first would be in vain.
    """
    found = [step for step in intervention.steps() if isinstance(step, SyntheticImage)]
    if len(found) > 1:
        raise SpecError(f"{intervention!r} replaces the image twice", "leave one of them out")
    return found[0] if found else None


def caption_cell(cell: Cell) -> Cell | None:
    """Returns the cell whose answers are the captions that a cell's synthetic images are made of.

    Raises:
        SpecError: When no captioner is named and none is declared for the data.
    """
    step = synthetic_step(cell.intervention)
    if step is None or step.generator == "folder":
        return None
    captioner = step.captioner or load_suite().captioner(cell.source)
    if captioner is None:
        raise SpecError(
            f"no model is declared that writes captions of '{cell.source}' data",
            "name one: synthetic_image = { captioner = '...' }",
        )
    return Cell(
        model=captioner,
        benchmark=cell.benchmark,
        source=cell.source,
        mode=cell.mode,
        suite_seed=cell.suite_seed,
        asked="caption",
    )


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
