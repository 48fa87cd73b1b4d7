"""A search for one intervention, the same for all items, that breaks the answers.

Some are drawn uniformly, so that a search without a find says something about all of them; then
Hypothesis draws others, keeps to what violates and shrinks it. What was found is frozen and
measured again on units that the search never saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.engine.plan import WINDOW_UNITS
from ipllvm_spec.errors import UsageError
from ipllvm_spec.measures.accuracy import drop_in_points
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.spec.seeds import derive_seed
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.frame import ALPHA
from ipllvm_spec.verdicts.measurement import Measurement
from ipllvm_spec.verdicts.replay import replay_command
from ipllvm_spec.verdicts.search_draws import drawn_like
from ipllvm_spec.verdicts.streams import ArrayStream, Scores
from ipllvm_spec.verdicts.verdict import Outcome, Verdict
from ipllvm_spec.verdicts.worst import Search, judge_worst

Measure = Callable[[Intervention], Measurement]


class ViolationFoundError(AssertionError):
    """One tried intervention costs more than the limit on the search units."""


class WorstSearch:
    """Tries interventions on a few units and remembers what they cost there.

    Args:
        case: The case; its claim declares how many tries and on how many units.
        intact: The intact measurement.
        measure: Measures the case under an intervention.
    """

    def __init__(self, case: Case, intact: Measurement, measure: Measure) -> None:
        declared = case.claim.search
        assert declared is not None
        if intact.scorer.judged:
            raise UsageError(
                f"a search asks a judge about {case.benchmark} hundreds of times over",
                "declare searches on benchmarks that a rule scores",
            )
        self._case = case
        self._intact = intact
        self._measure = measure
        self._finds = declared.finds
        assert case.claim.intervention is not None
        self._template = case.claim.intervention
        self._spans = declared.spans
        self._examples = case.examples
        self._units = min(declared.items, intact.available // 2)
        if self._units < 1:
            raise UsageError(
                f"a search needs two units, {intact.available} may be measured", "raise --units"
            )
        self._values: dict[Intervention, float] = {}
        self._random_tries = 0
        self._smallest: Intervention | None = None

    @property
    def unscored(self) -> str:
        """Why nothing can be scored; "" when it can."""
        return self._intact.scorer.unscored

    @property
    def settings(self) -> hypothesis_settings:
        """Settings of the search: the same examples in every run, and no deadline for a GPU."""
        return hypothesis_settings(
            max_examples=max(1, self._examples),
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            # One violation is enough: others with another traceback would each be shrunk too.
            report_multiple_bugs=False,
        )

    def observe(self, intervention: Intervention) -> None:
        """Tries one intervention on the search units, in one request to the engines.

        Raises:
            ViolationFoundError: When it costs more than the limit there.
        """
        value = self._value(intervention)
        if value > self._finds:
            raise ViolationFoundError(
                f"{intervention!r} costs {value:.1f} points on {self._units} units"
            )

    def run(self, holds: Callable[[], None]) -> WorstSearch:
        """Draws uniformly, then lets Hypothesis search and shrink.

        Args:
            holds: A test decorated by ``@given`` that calls ``observe``.
        """
        if self.unscored:
            return self
        self._draw_uniformly()
        try:
            holds()
        except ViolationFoundError:
            # Hypothesis raises for the smallest violation last, right after replaying it.
            self._smallest = list(self._values)[-1]
        return self

    def decide(
        self, limit: Limit, *, alpha: float = ALPHA
    ) -> tuple[Verdict, tuple[Comparison, ...]]:
        """Confirms the smallest and the costliest find on held-out units and decides.

        Two frozen interventions share ``alpha`` (Bonferroni). A smallest find is the easiest to
        read, a costliest one the easiest to confirm. What is beyond the limit without being a
        find is confirmed as well: nothing passes that looked worse than the limit allows.
        """
        assert limit.at_most is not None  # judge_worst says so to the user
        violations = {key: value for key, value in self._values.items() if value > limit.at_most}
        candidates = []
        if violations:
            worst = max(violations, key=lambda key: violations[key])
            candidates = list(dict.fromkeys([self._smallest or worst, worst]))
        else:
            verdict = judge_worst(
                self._report(None, limit), None, limit, n_total=self._intact.n_total, alpha=alpha
            )
            return verdict, (self.comparison(),)
        for candidate in candidates:
            other = self._measure(candidate)
            comparison = Comparison(self._intact, other)
            verdict = judge_worst(
                self._report(candidate, limit),
                self._held_out(other),
                limit,
                n_total=self._intact.n_total,
                alpha=alpha / len(candidates),
            )
            details = {**verdict.details, "replay": replay_command(self._case, candidate)}
            verdict = replace(verdict, details=details)
            if verdict.outcome is Outcome.FAIL:
                break
        return verdict, (comparison,)

    def _value(self, intervention: Intervention) -> float:
        if intervention not in self._values:
            intact = self._intact.window(0, self._units)
            other = self._measure(intervention).window(0, self._units)
            weights = self._intact.sheet.weights[: self._units]
            value = drop_in_points(intact, other, weights=weights)
        else:
            value = self._values.pop(intervention)
        # Kept in the order of the latest try: the last one replayed is the shrunk one.
        self._values[intervention] = value
        return value

    def _draw_uniformly(self) -> None:
        for index in range(self._examples):
            seed = derive_seed(SUITE_SEED, self._case.claim.id, "uniform order", index)
            drawn = drawn_like(self._template, np.random.default_rng(seed), spans=self._spans)
            self._value(drawn)
            self._random_tries += 1

    def _report(self, found: Intervention | None, limit: Limit) -> Search:
        values = self._values
        most = limit.at_most or 0.0
        value = values[found] if found is not None else max(values.values(), default=None)
        return Search(
            tries=len(values),
            random_tries=self._random_tries,
            violations=sum(value > most for value in values.values()),
            units=self._units,
            value=value,
            found="" if found is None else repr(found),
            shrunk=value is not None and value > self._finds,
        )

    def comparison(self) -> Comparison:
        """Returns the intact measurement beside itself: nothing was found to compare it with."""
        return Comparison(self._intact, self._intact)

    def _held_out(self, other: Measurement) -> ArrayStream:
        """Scores of the second half of the seeded order, which the search never touches."""
        intact = self._intact
        clusters = intact.sheet.clusters
        start = max(self._units, intact.available // 2)
        # From the next window on: half a window would be computed and thrown away.
        aligned = -(-start // WINDOW_UNITS) * WINDOW_UNITS
        start = aligned if aligned < intact.available else start
        # A cluster must not lie on both sides.
        while 0 < start < intact.available and clusters[start] == clusters[start - 1]:
            start += 1
        stop = intact.available
        scores = Scores(intact.window(start, stop), other.window(start, stop))
        return ArrayStream(
            scores,
            weights=intact.sheet.weights[start:stop],
            clusters=clusters[start:stop],
            available=stop - start,
        )
