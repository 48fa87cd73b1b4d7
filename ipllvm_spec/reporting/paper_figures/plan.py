"""What a figure shows, by the claims that feed it, and what of that a store lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ipllvm_spec.models.encoder_kinds import ENCODERS
from ipllvm_spec.reporting.table2 import Table2Row
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import BlankImage, Identity, Intervention
from ipllvm_spec.spec.suite import Suite
from ipllvm_spec.verdicts.stored_scores import Point, StoredScores, Subject

_FAMILIES = frozenset(kind.family for kind in ENCODERS.values())
#: The control of ``permutation.image_matters``: what is left of a score without the image.
BLIND = BlankImage()


@dataclass(frozen=True)
class Wanted:
    """Everything that a figure shows of one model on one benchmark.

    Attributes:
        subject: Model and benchmark.
        title: Name of the model.
        mini: Whether it is one of our small models.
        encoder: Whether it is a vision encoder.
        property_id: The property whose run measures it.
        units: First units; None for all.
        repeats: How many repeats of each intervention, intact first.
    """

    subject: Subject
    title: str
    mini: bool
    encoder: bool
    property_id: str
    units: int | None
    repeats: dict[Intervention, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Lack:
    """How many cells the store lacks, in whole or in part, for one model on one benchmark."""

    wanted: Wanted
    missing: int
    of: int


@dataclass(frozen=True)
class Sources:
    """What figures are drawn from.

    Attributes:
        suite: The spec.
        stored: The stored answers.
        profile: Name of the profile.
        models: Model references; empty for the profile's.
        table2: Makes the rows of Table 2 of everything that is stored.
    """

    suite: Suite
    stored: StoredScores
    profile: str
    models: tuple[str, ...] = ()
    table2: Callable[[], tuple[Table2Row, ...]] = tuple

    def wanted(self, figure: str) -> tuple[Wanted, ...]:
        """Returns what a figure shows, in the order of models.toml.

        Raises:
            UnknownNameError: For a model or profile that does not exist.
        """
        found: dict[Subject, Wanted] = {}
        for case in self._cases(figure):
            for name in case.benchmarks:
                self._add(found, case, name)
        models = [*self.suite.models]
        # A claim about all benchmarks of a figure names them in the paper's order.
        claims = [one.benchmarks for one in self.suite.claims.values() if figure in one.feeds]
        names = list(dict.fromkeys(name for own in sorted(claims, key=len)[::-1] for name in own))
        order = {one: names.index(one.benchmark) for one in found}
        places = {name: place for place, name in enumerate(models)}
        return tuple(
            sorted(
                found.values(),
                key=lambda one: (order[one.subject], places.get(one.subject.model, len(models))),
            )
        )

    def _cases(self, figure: str) -> Iterator[Case]:
        for claim in self.suite.claims.values():
            if figure not in claim.feeds or claim.search is not None:
                continue
            own = [ref for ref in self.models if self._sees_only(ref) == claim.about_encoders]
            if self.models and not own:
                continue
            for case in self.suite.cases(claim.id, models=own, profile=self.profile):
                if not case.skip:
                    yield case
                    # A reference that is compared at one level only has no curve to show.
                    if case.against is not None and case.sweep:
                        yield case.reference()

    def _sees_only(self, ref: str) -> bool:
        return self.suite.model(ref).family in _FAMILIES

    def _add(self, found: dict[Subject, Wanted], case: Case, name: str) -> None:
        subject = Subject(case.model, name, case.source(name), case.mode)
        one = found.setdefault(
            subject,
            Wanted(
                subject,
                case.model if case.model != case.entry.key else case.entry.title,
                case.entry.mini,
                case.claim.about_encoders,
                case.claim.property_id,
                case.units,
            ),
        )
        for intervention, repeat in case.conditions():
            one.repeats[intervention] = max(one.repeats.get(intervention, 0), repeat + 1)

    def point(self, one: Wanted, intervention: Intervention) -> Point | None:
        """Returns the score under one condition; None where the figure has none."""
        if intervention not in one.repeats:
            return None
        return self.stored.point(
            one.subject, intervention, repeats=one.repeats[intervention], units=one.units
        )

    def lacks(self, wanted: Sequence[Wanted]) -> tuple[Lack, ...]:
        """Returns what the store lacks."""
        found = []
        for one in wanted:
            cells = [(what, r) for what, count in one.repeats.items() for r in range(count)]
            missing = sum(
                not self.stored.complete(one.subject, what, repeat, units=one.units)
                for what, repeat in cells
            )
            if missing:
                found.append(Lack(one, missing, len(cells)))
        return tuple(found)


def by_benchmark(wanted: Sequence[Wanted]) -> Mapping[str, list[Wanted]]:
    """Groups what is wanted by benchmark, in order."""
    grouped: dict[str, list[Wanted]] = {}
    for one in wanted:
        grouped.setdefault(one.subject.benchmark, []).append(one)
    return grouped


def intact(one: Wanted) -> Intervention:
    """Returns the condition that every other one is compared with."""
    return next(what for what in one.repeats if isinstance(what, Identity))


def missing_lines(name: str, lacks: Sequence[Lack], *, profile: str, run_dir: str) -> list[str]:
    """Says what a figure lacks, and for each property the command that measures it."""
    lines = []
    for property_id in dict.fromkeys(lack.wanted.property_id for lack in lacks):
        own = [lack for lack in lacks if lack.wanted.property_id == property_id]
        counts: dict[str, list[str]] = {}
        for lack in own:
            about = lack.wanted.subject
            counts.setdefault(about.model, []).append(
                f"{about.benchmark} {lack.missing} of {lack.of}"
            )
        where = "; ".join(f"{model} ({', '.join(parts)})" for model, parts in counts.items())
        models = ",".join(counts)
        names = ",".join(dict.fromkeys(lack.wanted.subject.benchmark for lack in own))
        lines.append(f"{name}: cells missing or incomplete in the store: {where}")
        lines.append(
            f"  measure them with: pytest properties/test_{property_id}.py --models {models} "
            f"--benchmarks {names} --profile {profile} --run-dir {run_dir}"
        )
    return lines
