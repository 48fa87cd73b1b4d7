"""The question a judge answers, turned so that every limit reads "at most"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.statistics.exact import decimal
from ipllvm_spec.statistics.intervals import Bounds
from ipllvm_spec.verdicts.verdict import Direction, Outcome, Verdict

#: Allowed probability of a wrong decision, per side: a shown pair of bounds is a 90 % interval.
ALPHA = 0.05

LIKE_THESE = "units like these"
THIS_BENCHMARK = "all units of this benchmark, valid at any stop"


@dataclass(frozen=True)
class Frame:
    """A limit with the sign that turns it into "the mean is at most ``bound``".

    Attributes:
        limit: The declared limit.
        n_total: Units of the benchmark(s).
        cut: Whether the user limited the units.
        alpha: Allowed one-sided error.
    """

    limit: Limit
    n_total: int
    cut: bool
    alpha: float = ALPHA

    @property
    def direction(self) -> Direction:
        """Which side of the limit satisfies the claim."""
        return "at_most" if self.limit.at_most is not None else "at_least"

    @property
    def sign(self) -> int:
        """1 for ``at_most``, -1 for ``at_least``."""
        return 1 if self.direction == "at_most" else -1

    @property
    def bound(self) -> float:
        """The turned limit as a mean difference in [-1, 1]."""
        return self.sign * self.limit.value / 100.0

    def within(self, value: Fraction) -> bool:
        """Whether an exact mean difference (not turned) satisfies the limit as written."""
        turned = self.sign * (100 * value - decimal(self.limit.value))
        return turned <= 0

    def outcome(self, bounds: Bounds) -> Outcome:
        """Decides by turned bounds of the mean difference."""
        if bounds.upper <= self.bound:
            return Outcome.PASS
        if bounds.lower > self.bound:
            return Outcome.FAIL
        return Outcome.INCONCLUSIVE

    def verdict(
        self,
        outcome: Outcome,
        *,
        estimate: float | None,
        bounds: Bounds | None,
        about: str,
        n: int,
        clusters: int,
        method: str,
        reason: str,
        exact: bool = False,
        stopped_early: bool = False,
        n_needed: int | None = None,
        mde: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Verdict:
        """Turns everything back and puts it on the scale of the limit.

        Args:
            outcome: The decision.
            estimate: Turned mean difference.
            bounds: Turned bounds.
            about: What the bounds are about.
            n: Units measured.
            clusters: Clusters measured.
            method: How it was decided.
            reason: Why.
            exact: See ``Verdict``.
            stopped_early: See ``Verdict``.
            n_needed: See ``Verdict``.
            mde: Detectable mean difference.
            details: See ``Verdict``.
        """
        if bounds is not None and self.sign < 0:
            bounds = bounds.mirrored()
        return Verdict(
            outcome=outcome,
            statistic=self.limit.statistic,
            estimate=None if estimate is None else _points(self.sign * estimate),
            lower=None if bounds is None else _points(bounds.lower),
            upper=None if bounds is None else _points(bounds.upper),
            bounds=about if bounds is not None else "",
            n=n,
            n_total=self.n_total,
            clusters=clusters,
            limit=self.limit.value,
            direction=self.direction,
            unit=self.limit.unit,
            why=self.limit.why,
            target=self.limit.target,
            method=method,
            reason=reason,
            alpha=self.alpha,
            exact=exact,
            stopped_early=stopped_early,
            cut=self.cut,
            n_needed=n_needed,
            mde=None if mde is None else _points(mde),
            details=details or {},
        )

    def too_small(self, *, n_needed: int | None, available: int) -> Verdict:
        """The verdict on too few units: given without measuring anything."""
        needs = "more than any number of units" if n_needed is None else f"{n_needed} units"
        return self.verdict(
            Outcome.INCONCLUSIVE,
            estimate=None,
            bounds=None,
            about="",
            n=0,
            clusters=0,
            method="floor",
            reason=(
                f"n too small, needs {needs}: {available} units cannot show this limit even "
                "when no answer changes"
            ),
            n_needed=n_needed,
        )


def _points(value: float) -> float:
    # Adding 0.0 turns -0.0 into 0.0, which reads better and compares equal anyway.
    return 100.0 * value + 0.0
