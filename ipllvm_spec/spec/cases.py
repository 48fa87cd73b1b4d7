"""One check of one claim on one model: what pytest parametrizes over.

A case is plain, frozen and torch-free; the engine's cells are built from it on a higher floor.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.entries import Mode, ModelEntry
from ipllvm_spec.spec.interventions import Identity, Intervention
from ipllvm_spec.spec.references import Reference
from ipllvm_spec.spec.schema import AVERAGE, Claim, Expectation


class ModelRef(NamedTuple):
    """A model reference taken apart: ``mini-llava~zero_tower`` or ``./step-1000``."""

    base: str
    variants: tuple[str, ...]


class Source(NamedTuple):
    """Where a benchmark's items come from: ``twin``, ``published``, or a path."""

    benchmark: str
    source: str


class Condition(NamedTuple):
    """One seeded run over the units of a benchmark: an intervention and its 0-based repeat."""

    intervention: Intervention
    repeat: int


def split_ref(ref: str) -> ModelRef:
    """Splits the ``~variant`` suffixes off a model reference.

    Only the last part of a path is searched, so that ``~/models/x`` keeps its home folder.
    """
    head, separator, tail = ref.rpartition("/")
    name, *variants = tail.split("~")
    return ModelRef(head + separator + name, tuple(variants))


def is_path(base: str) -> bool:
    """Whether a model reference without variants means a local folder."""
    return "/" in base or os.sep in base or Path(base).is_dir()


@dataclass(frozen=True)
class Case:
    """One claim on one model, on one benchmark or over several.

    Attributes:
        claim: The claim.
        guards: The claims of ``claim.requires``.
        model: Full reference as the user gave it, with variants.
        entry: Registry entry of the model without its variants; made up for a local path.
        benchmark: The benchmark; None for a claim that aggregates over ``benchmarks``.
        benchmarks: All benchmarks that are measured, one that is compared with included.
        sources: Where each benchmark's items come from.
        profile: Name of the profile.
        mode: Protocol mode of the benchmarks.
        repeats: Seeded repeats of the intervention, and of each of a sweep.
        sweep: What the profile measures of the claim's sweep.
        units: Cut to the first units of the seeded order; None measures all.
        examples: Interventions that a search tries; 0 when the claim does not search.
        expectation: The predicted verdict when it is not PASS.
        skip: Why this case is not decided under these options; "" when it is.
        against: The model that this one is compared with, for a claim across models.
    """

    claim: Claim
    guards: tuple[Claim, ...]
    model: str
    entry: ModelEntry
    benchmark: str | None
    benchmarks: tuple[str, ...]
    sources: tuple[Source, ...]
    profile: str
    mode: Mode
    repeats: int
    sweep: tuple[Intervention, ...]
    units: int | None
    examples: int
    expectation: Expectation | None
    skip: str
    against: Reference | None = None

    @property
    def key(self) -> str:
        """Id of the check within its claim: ``mini-llava:mmvp`` or ``mini-llava:average``."""
        return f"{self.model}:{self.benchmark or AVERAGE}"

    @property
    def label(self) -> str:
        """How the verdict must be qualified, "" when nothing is cut."""
        return "" if self.units is None else f"first {self.units} units"

    def source(self, benchmark: str) -> str:
        """Returns where the items of one of the case's benchmarks come from."""
        return dict(self.sources)[benchmark]

    def parts(self) -> tuple[Case, ...]:
        """Returns one case per measured benchmark, for measuring a claim that aggregates."""
        return tuple(
            replace(self, benchmark=name, benchmarks=(name,), sources=(Source(name, source),))
            for name, source in self.sources
        )

    def reference(self) -> Case:
        """Returns the same case for the model that this one is compared with.

        Raises:
            SpecError: When the claim names none.
        """
        if self.against is None:
            raise SpecError(
                f"{self.claim.id} names no model that others are compared with",
                "declare it with the key 'against'",
            )
        model, entry = self.against
        return replace(self, model=model, entry=entry, against=None, expectation=None)

    def other_benchmark(self) -> Case:
        """Returns the same case on the benchmark that this one is compared with.

        Raises:
            SpecError: When the claim names none.
        """
        name = self.claim.than
        if name is None:
            raise SpecError(
                f"{self.claim.id} names no benchmark that others are compared with",
                "declare it with the key 'than'",
            )
        return replace(self, benchmark=name, expectation=None)

    def models(self) -> tuple[str, ...]:
        """Returns every model that is measured, the case's own first."""
        return (self.model,) if self.against is None else (self.model, self.against.model)

    def needs(self) -> frozenset[str]:
        """Returns the capabilities that the model must have, those of the guards included."""
        return self.claim.needs().union(*(guard.needs() for guard in self.guards))

    def interventions(self) -> tuple[Intervention, ...]:
        """Returns what is measured, without repeats: intact first, each value once."""
        return tuple(dict.fromkeys(condition.intervention for condition in self.conditions()))

    @property
    def similarity(self) -> bool:
        """Whether encoders are asked how similar images are, and not what they show."""
        return self.claim.limit.statistic == "similarity_difference"

    def conditions(self) -> tuple[Condition, ...]:
        """Returns every seeded run that a full measurement takes on each benchmark.

        A search is not in it: its interventions are drawn later, ``examples`` times
        ``claim.search.items`` questions plus one run over the held-out units.
        """
        # A similarity is one of two views of an image, the intact one among them.
        found = [] if self.similarity else [Condition(Identity(), 0)]
        for claim in (self.claim, *self.guards):
            # Only the claim's own repeats apply: a guard is decided on its own case.
            repeats = self.repeats if claim is self.claim else 1
            if claim.intervention is not None and claim.search is None:
                found += [Condition(claim.intervention, repeat) for repeat in range(repeats)]
            if claim.control is not None:
                found.append(Condition(claim.control, 0))
        found += [Condition(one, repeat) for one in self.sweep for repeat in range(self.repeats)]
        return tuple(dict.fromkeys(found))

    def __str__(self) -> str:
        return f"{self.claim.id}[{self.key}]"
