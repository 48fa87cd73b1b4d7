"""Two measurements of the same units: the stream that a judge of limits reads.

Where a judge model scores the answers, some of its replies may be unreadable. Such an answer is
neither right nor wrong, so its unit is left out of both conditions, and which units these are is
known only after all were measured: a judged comparison is always measured whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ipllvm_spec.verdicts.measurement import Floats, Mask, Measurement
from ipllvm_spec.verdicts.mixture import Mixture
from ipllvm_spec.verdicts.streams import ArrayStream, Scores, Stream
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

#: Largest share of units that may be left out of a decision.
MAX_EXCLUDED = 0.05


@dataclass(frozen=True)
class Comparison:
    """Two measurements of the same units.

    Attributes:
        intact: The condition that should score higher.
        other: Under the intervention or the control.
    """

    intact: Measurement | Mixture
    other: Measurement | Mixture

    @property
    def weights(self) -> Floats:
        """Weights of all units."""
        return self.intact.sheet.weights

    @property
    def clusters(self) -> Sequence[str]:
        """Cluster of every unit."""
        return self.intact.sheet.clusters

    @property
    def available(self) -> int:
        """Units that may be measured."""
        return self.intact.available

    @property
    def judged(self) -> bool:
        """Whether a judge model scores the answers."""
        return self.intact.scorer.judged

    @property
    def graded(self) -> bool:
        """Whether the scores are graded ones."""
        return self.intact.scorer.graded

    @property
    def unscored(self) -> str:
        """Why nothing can be scored; "" when it can."""
        return self.intact.scorer.unscored

    def take(self, stop: int) -> Scores:
        """Measures what is missing and returns the scores of the first ``stop`` units."""
        return Scores(self.intact.take(stop), self.other.take(stop))

    def kept(self) -> Mask:
        """Which of the units measured under both conditions count; shape (measured,)."""
        count = min(self.intact.measured, self.other.measured)
        both: Mask = self.intact.readable()[:count] & self.other.readable()[:count]
        return both

    def excluded(self) -> int:
        """Units measured so far that are left out of both conditions."""
        return int(np.count_nonzero(~self.kept()))

    def stream(self) -> Stream:
        """Returns what a judge of limits may read: this itself, or all that a judge could score.

        A judged comparison is measured as far as it may be. Units that nobody has measured keep
        their places, so that a cut benchmark stays a cut one.
        """
        if not self.judged:
            return self
        scores = self.take(self.available)
        kept = self.kept()
        rest = np.ones(len(self.weights) - self.available, dtype=bool)
        places = np.flatnonzero(np.concatenate([kept, rest]))
        return ArrayStream(
            Scores(scores.intact[:, kept], scores.other[:, kept]),
            weights=self.weights[places],
            clusters=[self.clusters[place] for place in places.tolist()],
            available=int(np.count_nonzero(kept)),
            graded=True,
        )


def too_many_excluded(pairs: Sequence[Comparison]) -> str:
    """Says in which comparisons too many units are left out; "" where none has too many."""
    return "; ".join(
        f"{pair.excluded()} of {pair.available} units of {pair.intact.sheet.benchmark.title} have "
        f"a judge's reply that could not be read, more than {MAX_EXCLUDED:.0%}"
        for pair in pairs
        if pair.judged and pair.excluded() > MAX_EXCLUDED * pair.available
    )


def with_exclusions(verdict: Verdict, pairs: Sequence[Comparison]) -> Verdict:
    """Says in a verdict how many units are left out of it, and withholds it where too many are.

    With any unit left out the decision is not exact any more: it is about the others.
    """
    excluded = {
        pair.intact.sheet.benchmark.name: pair.excluded()
        for pair in pairs
        if pair.judged and pair.excluded()
    }
    if not excluded:
        return verdict
    count = sum(excluded.values())
    noted = replace(
        verdict,
        n_total=verdict.n_total + count,
        exact=False,
        reason=f"{verdict.reason}; {count} units left out, the judge's reply was unreadable",
        details={**verdict.details, "excluded": excluded},
    )
    problem = too_many_excluded(pairs)
    if not problem:
        return noted
    return replace(
        noted,
        outcome=Outcome.INCONCLUSIVE,
        reason=f"not decided: {problem}",
        details={**noted.details, "without_exclusions": verdict.outcome.value},
    )
