"""Decides the claim of one case: guards first, then the judge that the limit asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Identity
from ipllvm_spec.verdicts.average import Part, judge_average
from ipllvm_spec.verdicts.comparison import Comparison, too_many_excluded, with_exclusions
from ipllvm_spec.verdicts.cosines import Similarity
from ipllvm_spec.verdicts.difference import Drop, as_contrast, judge_apart, judge_paired
from ipllvm_spec.verdicts.every import worst_of
from ipllvm_spec.verdicts.frame import ALPHA, Frame
from ipllvm_spec.verdicts.frequency import judge_answer_excess
from ipllvm_spec.verdicts.guard import guard
from ipllvm_spec.verdicts.judge import judge_contrast, judge_drop, judge_gap, judge_one_drop
from ipllvm_spec.verdicts.measurement import Measurement, Sheets
from ipllvm_spec.verdicts.mixture import Mixture, described
from ipllvm_spec.verdicts.search import WorstSearch
from ipllvm_spec.verdicts.similarity import judge_similarities
from ipllvm_spec.verdicts.spread import judge_extremes
from ipllvm_spec.verdicts.verdict import UNSCORED, Outcome, Verdict


@dataclass(frozen=True)
class Decision:
    """A verdict with the measurements it rests on.

    Attributes:
        verdict: What was decided, guards included.
        comparisons: One per benchmark, those included that could not be scored.
        guards: What the required claims compare: the intact model with one that is blind.
        similar: For a claim about similarities, what it rests on instead.
    """

    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    guards: tuple[Comparison, ...] = ()
    similar: tuple[Similarity, ...] = ()


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
        return self._guarded(self._single(self.case, pair, judge_drop), (pair,))

    def gap(self, intact: Measurement, other: Measurement) -> Decision:
        """Decides how far ``intact`` lies above a control."""
        pair = Comparison(intact, other)
        return self._guarded(self._single(self.case, pair, judge_gap), (pair,))

    def contrast(self, more: Measurement | Mixture, less: Measurement | Mixture) -> Decision:
        """Decides how far one mean of conditions lies above another, unit by unit."""
        pair = Comparison(more, less)
        verdict = self._single(self.case, pair, judge_contrast)
        sides = {"more": described(more), "less": described(less)}
        return self._guarded(replace(verdict, details={**verdict.details, **sides}), (pair,))

    def every_drop(self, intact: Measurement, others: Iterable[Measurement]) -> Decision:
        """Decides the largest of the drops under several conditions.

        "Every drop is at most" is an intersection of claims: it passes when each passes at the
        full error rate, without a correction. A FAIL is one of several, so each is asked at its
        share of the rate.
        """
        pairs = [Comparison(intact, other) for other in others]
        verdict, pair = worst_of(
            pairs, lambda pair, alpha: self._single(self.case, pair, judge_one_drop, alpha=alpha)
        )
        return self._guarded(verdict, (pair,))

    def spread(self, measurements: Iterable[Measurement]) -> Decision:
        """Decides how far apart the best and the worst of several conditions are."""
        found = list(measurements)
        pair = Comparison(found[0], found[-1])
        if pair.unscored:
            return Decision(_unscored(self.case, (pair,)), (pair,))
        verdict, pair = judge_extremes(found, self.case.claim)
        return self._guarded(verdict, (pair,))

    def drop_difference(self, first: Drop, second: Drop) -> Decision:
        """Decides how much larger one drop is than another model's, or on another benchmark.

        Guards must pass on both sides: what does not see loses nothing.
        """
        pairs = tuple(Comparison(*drop) for drop in (first, second))
        missing = tuple(pair for pair in pairs if pair.unscored)
        if missing:
            return Decision(_unscored(self.case, missing), missing)
        if self.case.claim.than is None:
            verdict = self._single(self.case, as_contrast(first, second), judge_paired)
            verdict = replace(
                verdict, details={**verdict.details, "against": described(second.other)}
            )
            sides = (self.case, self.case.reference())
        else:
            streams = [pair.stream() for pair in pairs]
            if not all(stream.available for stream in streams):
                return Decision(_nothing_left(self.case, pairs), pairs)
            found = judge_apart(streams[0], streams[1], self.case.claim.limit)
            verdict = with_exclusions(found, pairs)
            sides = (self.case, self.case.other_benchmark())
        return self._guarded(verdict, pairs if self.case.claim.than else pairs[:1], sides)

    def answer_excess(self, intact: Measurement, other: Measurement) -> Decision:
        """Decides how much more often ``other`` says one thing than it is right to."""
        pair = Comparison(intact, other)
        if pair.unscored:
            return Decision(_unscored(self.case, (pair,)), (pair,))
        return self._guarded(judge_answer_excess(intact, other, self.case.claim), (pair,))

    def similarity_difference(self, first: Similarity, second: Similarity) -> Decision:
        """Decides how much more similar an encoder finds the images of one benchmark."""
        verdict = judge_similarities(first, second, self.case.claim.limit)
        return Decision(verdict, (), similar=(first, second))

    def average_drop(self, pairs: Iterable[tuple[Measurement, Measurement]]) -> Decision:
        """Decides an aggregate of the drops on all benchmarks of the case that can be scored.

        Without a judge model some cannot: the decision is then about the others, and says so.
        """
        comparisons = tuple(Comparison(intact, other) for intact, other in pairs)
        scored = [pair for pair in comparisons if not pair.unscored]
        claim = self.case.claim
        assert claim.aggregate is not None
        if not scored:
            return Decision(_unscored(self.case, comparisons), comparisons)
        streams = [pair.stream() for pair in scored]
        if not all(stream.available for stream in streams):
            return Decision(_nothing_left(self.case, scored), comparisons)
        verdict = judge_average(
            [
                Part(pair.intact.sheet.benchmark.name, pair.intact.sheet.benchmark.scale, stream)
                for pair, stream in zip(scored, streams, strict=True)
            ],
            claim.limit,
            aggregate=claim.aggregate,
            measure_below_floor=True,
        )
        verdict = with_exclusions(verdict, scored)
        if len(scored) < len(comparisons):
            verdict = _over_some(verdict, comparisons)
        names = {pair.intact.sheet.benchmark.name for pair in scored}
        parts = [part for part in self.case.parts() if part.benchmark in names]
        return self._guarded(verdict, comparisons, parts)

    def worst(self, search: WorstSearch) -> Decision:
        """Decides what a search found, on units that it has not seen."""
        if search.unscored:
            pair = search.comparison()
            return Decision(_unscored(self.case, (pair,)), (pair,))
        verdict, comparisons = search.decide(self.case.claim.limit)
        return self._guarded(verdict, comparisons)

    def _single(
        self,
        case: Case,
        pair: Comparison,
        judge: Callable[..., Verdict],
        *,
        alpha: float = ALPHA,
    ) -> Verdict:
        if pair.unscored:
            return _unscored(case, (pair,))
        claim = case.claim
        stream = pair.stream()
        if not stream.available:
            return _nothing_left(case, [pair])
        verdict = judge(
            stream,
            claim.limit,
            # A judged comparison has been measured whole already, so it is decided whole.
            early_stop=claim.early_stop and not pair.judged,
            suite_size=self.suite_size,
            measure_below_floor=True,
            alpha=alpha,
        )
        return with_exclusions(verdict, [pair])

    def _guarded(
        self, verdict: Verdict, comparisons: tuple[Comparison, ...], sides: Sequence[Case] = ()
    ) -> Decision:
        """Withholds the verdict where a required claim does not pass on the same benchmark.

        Args:
            verdict: The verdict on the claim itself.
            comparisons: What it rests on.
            sides: What the required claims must hold on; empty for the case alone.
        """
        guards: list[Comparison] = []
        if verdict.method == UNSCORED:
            return Decision(verdict, comparisons)
        for case in sides or (self.case,):
            required: dict[str, Verdict] = {}
            for claim in case.guards:
                assert claim.control is not None
                # A figure shows the blind score beside every curve, so it must be the whole one.
                early = claim.early_stop and not self.case.claim.drawn
                asked = claim.model_copy(update={"early_stop": early})
                # The guard's own case: same model, benchmark, cut, so its answers are shared.
                own = replace(case, claim=asked, guards=())
                pair = Comparison(
                    self.sheets.measurement(own, Identity(), repeats=1),
                    self.sheets.measurement(own, claim.control, repeats=1),
                )
                required[f"{claim.id}[{own.key}]"] = self._single(own, pair, judge_gap)
                guards.append(pair)
            verdict = guard(verdict, required)
        return Decision(verdict, comparisons, tuple(guards))


def _unscored(case: Case, pairs: Sequence[Comparison]) -> Verdict:
    """The verdict on answers that nobody can score: given without measuring anything."""
    reasons = dict.fromkeys(pair.unscored for pair in pairs)
    return _undecided(case, pairs, method=UNSCORED, reason="; ".join(reasons))


def _nothing_left(case: Case, pairs: Sequence[Comparison]) -> Verdict:
    reason = f"not decided: {too_many_excluded(pairs)}"
    return _undecided(case, pairs, method="none", reason=reason)


def _undecided(case: Case, pairs: Sequence[Comparison], *, method: str, reason: str) -> Verdict:
    total = sum(pair.intact.n_total for pair in pairs)
    return Frame(case.claim.limit, total, cut=case.units is not None).verdict(
        Outcome.INCONCLUSIVE,
        estimate=None,
        bounds=None,
        about="",
        n=0,
        clusters=0,
        method=method,
        reason=reason,
    )


def _over_some(verdict: Verdict, comparisons: Sequence[Comparison]) -> Verdict:
    """Says in an aggregate's verdict over how many benchmarks it is, and which it leaves out."""
    missing = [pair.intact.sheet.benchmark.title for pair in comparisons if pair.unscored]
    count = len(comparisons) - len(missing)
    which = f"{count} of {len(comparisons)} benchmarks; unscored: {', '.join(missing)} (no judge)"
    return replace(
        verdict,
        exact=False,
        reason=f"{verdict.reason}; decided over {which}",
        details={**verdict.details, "unscored": missing},
    )
