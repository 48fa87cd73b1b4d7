"""What a figure shows, by the claims that feed it, and what of that a store lacks."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.encoder_kinds import ENCODER_FAMILIES
from ipllvm_spec.models.files import read_config
from ipllvm_spec.reporting.table2 import Table2Row
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.entries import Data
from ipllvm_spec.spec.interventions import BlankImage, Identity, Intervention
from ipllvm_spec.spec.suite import Suite
from ipllvm_spec.verdicts.stored_points import Point
from ipllvm_spec.verdicts.stored_scores import StoredScores, Subject

#: The control of ``permutation.image_matters``: what is left of a score without the image.
BLIND = BlankImage()
#: Missing conditions that are named one by one.
_NAMED = 3


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
    """Cells that the store lacks, in whole or in part, for one model on one benchmark.

    Attributes:
        wanted: Model and benchmark.
        missing: The conditions, one for each lacking repeat.
        of: Cells that the figure wants of it.
    """

    wanted: Wanted
    missing: tuple[Intervention, ...]
    of: int

    def sentence(self) -> str:
        """Returns for example ``ai2d 2 of 14: blank_image, grid_shuffle(grid=2)``."""
        count = f"{self.wanted.subject.benchmark} {len(self.missing)} of {self.of}"
        names = list(dict.fromkeys(map(_short, self.missing)))
        return count if len(names) > _NAMED else f"{count}: {', '.join(names)}"


@dataclass(frozen=True)
class Sources:
    """What figures are drawn from.

    Attributes:
        suite: The spec.
        stored: The stored answers.
        profile: Name of the profile.
        models: Model references; empty for the profile's.
        benchmarks: Names, or ``name=folder``; empty for all.
        mode: Protocol mode; None for the profile's.
        data: Benchmark data for models given by path.
        table2: Makes the rows of Table 2 of everything that is stored.
    """

    suite: Suite
    stored: StoredScores
    profile: str
    models: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    mode: str | None = None
    data: Data = "published"
    table2: Callable[[], tuple[Table2Row, ...]] = tuple

    def wanted(self, figure: str) -> tuple[Wanted, ...]:
        """Returns what a figure shows, in the order of models.toml.

        Raises:
            UnknownNameError: For a model or profile that does not exist.
        """
        found: dict[Subject, Wanted] = {}
        only = {text.partition("=")[0] for text in self.benchmarks}
        for case in self._cases(figure):
            for name in case.benchmarks:
                # One that others are compared with is measured, but was not asked for.
                if not only or name in only:
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
            for case in self.suite.cases(
                claim.id,
                models=own,
                benchmarks=self.benchmarks,
                profile=self.profile,
                data=self.data,
                mode=self.mode,
            ):
                if not case.skip:
                    yield case
                    # A reference that is compared at one level only has no curve to show.
                    if case.against is not None and case.sweep:
                        yield case.reference()

    def _sees_only(self, ref: str) -> bool:
        entry = self.suite.model(ref, data=self.data)
        if entry.family is not None or entry.path is None:
            return entry.family in ENCODER_FAMILIES
        try:
            # A local checkpoint: only its config says what it is.
            return read_config(Path(entry.path).expanduser()).get("model_type") in ENCODER_FAMILIES
        except ModelError:
            return False

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
        return self.line(one, [intervention]).get(intervention)

    def line(self, one: Wanted, interventions: Iterable[Intervention]) -> dict[Intervention, Point]:
        """Returns the scores under those conditions that a figure has, on the same units."""
        repeats = {what: one.repeats[what] for what in interventions if what in one.repeats}
        return self.stored.line(one.subject, repeats, units=one.units)

    def remarks(self, figure: str) -> list[str]:
        """Says which stored answers a figure does not show, and why."""
        wanted, notes = self.wanted(figure), self.stored.notes
        unscored = [
            f"{figure}: answers to {name} are not shown: {notes[name]}"
            for name in dict.fromkeys(one.subject.benchmark for one in wanted)
            if name in notes
        ]
        older: dict[str, list[str]] = {}
        for one in wanted:
            if self.stored.older(one.subject):
                older.setdefault(one.subject.model, []).append(one.subject.benchmark)
        return unscored + [
            f"{figure}: older answers of {model} ({', '.join(names)}) are not shown: they are of "
            "other weights or data, or by another engine, than the newest"
            for model, names in older.items()
        ]

    def lacks(self, wanted: Sequence[Wanted]) -> tuple[Lack, ...]:
        """Returns what the store lacks."""
        found = []
        for one in wanted:
            cells = [(what, r) for what, count in one.repeats.items() for r in range(count)]
            missing = tuple(
                what
                for what, repeat in cells
                if not self.stored.complete(one.subject, what, repeat, units=one.units)
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


def missing_lines(
    name: str, lacks: Sequence[Lack], sources: Sources, *, run_dir: Path
) -> list[str]:
    """Says what a figure lacks, and for each property the command that measures it."""
    lines = []
    for property_id in dict.fromkeys(lack.wanted.property_id for lack in lacks):
        own = [lack for lack in lacks if lack.wanted.property_id == property_id]
        of_model: dict[str, list[str]] = {}
        for lack in own:
            of_model.setdefault(lack.wanted.subject.model, []).append(lack.sentence())
        where = ", ".join(f"{model} ({'; '.join(parts)})" for model, parts in of_model.items())
        names = dict.fromkeys(lack.wanted.subject.benchmark for lack in own)
        lines.append(f"{name}: cells missing or incomplete in the store: {where}")
        lines.append(
            f"  measure them with: {_command(property_id, of_model, names, sources, run_dir)}"
        )
    return lines


def _command(
    property_id: str,
    models: Iterable[str],
    benchmarks: Iterable[str],
    sources: Sources,
    run_dir: Path,
) -> str:
    folders = {text.partition("=")[0]: text for text in sources.benchmarks}
    words = ["pytest", f"properties/test_{property_id}.py", "--models", ",".join(models)]
    words += ["--benchmarks", ",".join(folders.get(name, name) for name in benchmarks)]
    words += ["--profile", sources.profile]
    words += [] if sources.mode is None else ["--mode", sources.mode]
    words += [] if sources.data == "published" else ["--data", sources.data]
    return shlex.join([*words, "--run-dir", str(run_dir)])


def _short(intervention: Intervention) -> str:
    """Returns an intervention with what differs from its defaults."""
    steps = []
    for step in intervention.steps():
        settings = step.model_dump(mode="json", exclude_defaults=True)
        inside = ", ".join(f"{key}={value}" for key, value in settings.items())
        steps.append(f"{step.name}({inside})" if inside else step.name)
    return " >> ".join(steps) or "intact"
