"""Decides the claim of one case: guards first, then the judge that the limit asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Identity
from ipllvm_spec.spec.schema import Claim
from ipllvm_spec.verdicts.average import Part, judge_average
from ipllvm_spec.verdicts.guard import guard
from ipllvm_spec.verdicts.judge import judge_drop, judge_gap
from ipllvm_spec.verdicts.measurement import Comparison, Measurement, Sheets
from ipllvm_spec.verdicts.search import OrderSearch
from ipllvm_spec.verdicts.verdict import Verdict


@dataclass(frozen=True)
class Decision:
    """A verdict with the measurements it rests on.

    Attributes:
        verdict: What was decided, guards included.
        comparisons: One per benchmark.
    """

    verdict: Verdict
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Judge:
    """Judges one case.

    Attributes:
        case: The case.
        sheets: Where guards get their measurements from.
        suite_size: Number of checks in the run: an early FAIL must hold for all of them.
    """

    case: Case
    sheets: Sheets
    suite_size: int

    def drop(self, intact: Measurement, other: Measurement) -> Decision:
        """Decides how much is lost from ``intact`` to ``other``."""
        pair = Comparison(intact, other)
        claim = self.case.claim
        verdict = judge_drop(
            pair,
            claim.limit,
            early_stop=claim.early_stop,
            suite_size=self.suite_size,
            measure_below_floor=True,
        )
        return Decision(self._guarded(verdict, self.case), (pair,))

    def gap(self, intact: Measurement, other: Measurement) -> Decision:
        """Decides how far ``intact`` lies above a control."""
        pair = Comparison(intact, other)
        verdict = self._gap(self.case.claim, pair)
        return Decision(self._guarded(verdict, self.case), (pair,))

    def average_drop(self, pairs: Iterable[tuple[Measurement, Measurement]]) -> Decision:
        """Decides an aggregate of the drops on all benchmarks of the case."""
        comparisons = tuple(Comparison(intact, other) for intact, other in pairs)
        claim = self.case.claim
        assert claim.aggregate is not None
        parts = [
            Part(pair.intact.sheet.benchmark.name, pair.intact.sheet.benchmark.scale, pair)
            for pair in comparisons
        ]
        verdict = judge_average(
            parts, claim.limit, aggregate=claim.aggregate, measure_below_floor=True
        )
        for part in self.case.parts():
            verdict = self._guarded(verdict, part)
        return Decision(verdict, comparisons)

    def worst(self, search: OrderSearch) -> Decision:
        """Decides what a search found, on units that it has not seen."""
        verdict, comparisons = search.decide(self.case.claim.limit)
        return Decision(self._guarded(verdict, self.case), comparisons)

    def _gap(self, claim: Claim, pair: Comparison) -> Verdict:
        return judge_gap(
            pair,
            claim.limit,
            early_stop=claim.early_stop,
            suite_size=self.suite_size,
            measure_below_floor=True,
        )

    def _guarded(self, verdict: Verdict, case: Case) -> Verdict:
        """Withholds the verdict where a required claim does not pass on the same benchmark."""
        required: dict[str, Verdict] = {}
        for claim in case.guards:
            # The guard's own case: same model, benchmark and cut, so its answers are shared.
            own = replace(case, claim=claim, guards=())
            assert claim.control is not None
            pair = Comparison(
                self.sheets.measurement(own, Identity(), repeats=1),
                self.sheets.measurement(own, claim.control, repeats=1),
            )
            required[f"{claim.id}[{own.key}]"] = self._gap(claim, pair)
        return guard(verdict, required)
