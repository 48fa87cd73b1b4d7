"""One side of a contrast: a weighted mean of several measurements of the same units.

"The centre keeps more than the edge" compares the mean over the central groups with the mean over
the outer ones; "more robust" compares areas under two curves. Each side is a mean of scores in
[0, 1] of one unit, hence itself such a score, and every judge of limits can decide about it. The
replicates are the units, never the conditions (patches, ratios): conditions share their units,
and a test that took them for replicates would be wrong three times in ten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from ipllvm_spec.measures.accuracy import published_metric
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.verdicts.measurement import Floats, Mask, Measurement

#: ``measure(case)`` is the intact model, ``measure(case, x)`` the model under ``x``.
Measure = Callable[..., Measurement]

#: Weights are computed (1/12, trapezoids), so their sum is 1 up to rounding.
_SLACK = 1e-9


class Term(NamedTuple):
    """A measurement and its weight, in (0, 1]."""

    weight: float
    measurement: Measurement


@dataclass(frozen=True)
class Manner:
    """How a mixture is scored; see ``scorer.Scorer`` for the meaning of each part."""

    judged: bool
    unscored: str
    scored_by: str
    #: A mean of answers is neither right nor wrong.
    graded: bool = True


class Mixture:
    """A weighted mean of measurements, and of a constant where the weights leave room for one.

    Attributes:
        terms: The measurements with their weights.
        rest: Score that takes the weight that the terms leave over, in [0, 1]: a share of chance
            or of a limit, for claims such as "half of what lies above chance remains".
        sheet, n_total, available: Those of every term.
        cells: The cells of the term with the most repeats.
        scorer: How the answers are scored.

    Args:
        terms: Measurements of the same benchmark, data and mode. Models may differ.
        rest: See above.

    Raises:
        ValueError: For terms that do not measure the same units, or weights that are not positive
            or sum to more than 1.
    """

    def __init__(self, terms: Sequence[Term], *, rest: float = 0.0) -> None:
        if not terms:
            raise ValueError("a mixture needs a term")
        total = sum(term.weight for term in terms)
        if min(term.weight for term in terms) <= 0 or total > 1 + _SLACK:
            raise ValueError(f"weights must be positive and sum to at most 1, not {total:g}")
        if not 0 <= rest <= 1:
            raise ValueError(f"a score lies in [0, 1], not {rest:g}")
        first = terms[0].measurement
        if any(not _same_units(first, term.measurement) for term in terms):
            raise ValueError("the terms of a mixture must measure the same units")
        self.terms = tuple(terms)
        self.rest = rest
        self.sheet = first.sheet
        self.n_total = first.n_total
        self.available = first.available
        self.cells = max((term.measurement.cells for term in terms), key=len)
        scorers = [term.measurement.scorer for term in terms]
        self.scorer = Manner(
            judged=any(scorer.judged for scorer in scorers),
            unscored=next((scorer.unscored for scorer in scorers if scorer.unscored), ""),
            scored_by=scorers[0].scored_by,
        )

    @property
    def measured(self) -> int:
        """Units measured so far under every condition."""
        return min(term.measurement.measured for term in self.terms)

    def take(self, stop: int) -> Floats:
        """Measures what is missing of the first ``stop`` units.

        Returns:
            Weighted means over the terms of their means over repeats, in [0, 1], shape (1, stop).
        """
        left = max(0.0, 1.0 - sum(term.weight for term in self.terms))
        mixed: Floats = np.full(stop, self.rest * left if left > _SLACK else 0.0)
        for weight, measurement in self.terms:
            mixed = mixed + weight * measurement.take(stop).mean(axis=0)
        # sums of rounded weights may leave [0, 1] by the last bit
        scores: Floats = np.clip(mixed, 0.0, 1.0)[None]
        return scores

    def readable(self) -> Mask:
        """Which of the units measured so far count: those that count under every condition."""
        masks = [term.measurement.readable()[: self.measured] for term in self.terms]
        return reduce(np.logical_and, masks)

    def metric(self, kept: Mask | None = None) -> float | None:
        """Weighted mean of the published metrics of the units measured so far."""
        mask = self.readable() if kept is None else kept
        if not mask.any():
            return None
        return published_metric(
            self.take(len(mask))[:, mask],
            weights=self.sheet.weights[: len(mask)][mask],
            scale=self.sheet.benchmark.scale,
        )

    def parts(self, kept: Mask | None = None) -> dict[str, float]:
        """Nothing: the published parts are those of single conditions."""
        del kept
        return {}

    def chance(self) -> float:
        """Metric of guessing, on the benchmark's scale."""
        return self.terms[0].measurement.chance()

    def unparsed(self) -> int:
        """Answers so far from which nothing could be read, over all conditions and repeats."""
        return sum(term.measurement.unparsed() for term in self.terms)

    def unreadable(self) -> int:
        """Answers so far about which the judge's reply could not be read, over all conditions."""
        return sum(term.measurement.unreadable() for term in self.terms)

    def texts(self, position: int) -> tuple[str, ...]:
        """Raw answers under every condition to the items of a unit, one text an item."""
        answers = [term.measurement.texts(position) for term in self.terms]
        return tuple(" | ".join(row) for row in zip_longest(*answers, fillvalue=""))


def described(side: Measurement | Mixture) -> list[dict[str, Any]]:
    """JSON data about what one side of a contrast is made of."""
    terms = side.terms if isinstance(side, Mixture) else (Term(1.0, side),)
    return [
        {
            "weight": term.weight,
            "model": term.measurement.cells[0].model,
            "intervention": term.measurement.intervention.canonical(),
            "repeats": len(term.measurement.cells),
        }
        for term in terms
    ]


def mean_of(measurements: Sequence[Measurement]) -> Mixture:
    """The plain mean of some conditions, such as all groups at the edge."""
    return Mixture([Term(1.0 / len(measurements), one) for one in measurements])


def area_under(measurements: Sequence[Measurement], strengths: Sequence[float]) -> Mixture:
    """The area under a curve of scores over the strength of an intervention, by trapezoids.

    Args:
        measurements: One for each strength.
        strengths: Strictly increasing, at least two, for example ratios of dropped patches.

    Returns:
        A mixture whose metric is the area divided by the length of the axis.

    Raises:
        ValueError: For strengths that do not increase or do not fit the measurements.
    """
    steps = np.diff(np.asarray(strengths, dtype=float))
    if len(strengths) != len(measurements) or len(strengths) < 2 or not (steps > 0).all():
        raise ValueError(f"{len(measurements)} measurements at strengths {list(strengths)}")
    weights = np.zeros(len(strengths))
    weights[:-1] += steps / 2
    weights[1:] += steps / 2
    weights /= weights.sum()
    return Mixture([Term(float(w), m) for w, m in zip(weights, measurements, strict=True)])


def area(measure: Measure, case: Case, *, along: str, **only: object) -> Mixture:
    """The area under the curve of a case's scores over one parameter of its sweep, intact at 0.

    Args:
        measure: Measures the case under an intervention.
        case: A case whose sweep has one intervention, at increasing values of the parameter.
        along: The parameter, for example ``ratio``.
        only: Further parameters, for sweeps over several: ``kind="random"``.

    Raises:
        ValueError: As ``area_under``.
    """
    curve = [one for one in case.sweep if all(getattr(one, k) == v for k, v in only.items())]
    strengths = [0.0, *(float(getattr(one, along)) for one in curve)]
    return area_under([measure(case), *(measure(case, one) for one in curve)], strengths)


def half_above_chance(intact: Measurement) -> Mixture:
    """Half of what an intact run scores above chance, and chance: what must remain of it.

    Section 3.5 of the paper calls a model robust whose answers are still correct "to some extent";
    half is what we take that to mean.
    """
    return Mixture([Term(0.5, intact)], rest=intact.chance() / intact.sheet.benchmark.scale)


def halves(
    conditions: Sequence[Measurement],
) -> tuple[Sequence[Measurement], Sequence[Measurement]]:
    """The first and the last half of a sweep; the middle one of an odd number is in neither.

    Raises:
        ValueError: For fewer than two.
    """
    if len(conditions) < 2:
        raise ValueError(f"a sweep of {len(conditions)} has no halves")
    half = len(conditions) // 2
    return conditions[:half], conditions[-half:]


def _same_units(first: Measurement, other: Measurement) -> bool:
    mine, theirs = first.sheet, other.sheet
    return (
        mine.benchmark.name == theirs.benchmark.name
        and mine.benchmark.mode == theirs.benchmark.mode
        and mine.description.content_digest == theirs.description.content_digest
        and first.available == other.available
    )
