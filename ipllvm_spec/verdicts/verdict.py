"""What a check decided, with everything a reader needs to argue with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

Direction = Literal["at_most", "at_least"]
Target = Literal["benchmark", "population"]

#: The method of a verdict on answers that nobody can score: the judge model is missing.
UNSCORED = "unscored"


class Outcome(StrEnum):
    """Three values: undecided is a result of its own, never a weak PASS."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision about one limit. All values of the statistic are in ``unit``.

    Attributes:
        outcome: PASS, FAIL or INCONCLUSIVE.
        statistic: What was limited: one of the spec's statistics, for example ``drop``.
        estimate: The statistic on the units measured; None when nothing was measured.
        lower: One-sided lower bound at ``1 - alpha``; None where none can be given.
        upper: One-sided upper bound at ``1 - alpha``; None where none can be given.
        bounds: What the bounds are about, for example ``items like these``. Where ``exact`` is
            true the estimate alone decided, and the bounds are for the reader.
        n: Units measured.
        n_total: Units of the whole benchmark (sum over benchmarks for an average).
        clusters: Independent groups among the measured units.
        limit: The limit in ``unit``.
        direction: ``at_most`` is satisfied by a value equal to the limit, ``at_least`` too.
        unit: For example ``points of 100``.
        why: Why the limit is what it is, from the spec.
        target: ``benchmark``: these units with these seeds. ``population``: units like these.
        method: How it was decided, in a few words.
        reason: One sentence: why this outcome.
        alpha: Allowed probability of a wrong decision, per side.
        exact: Every unit was measured and the decision is arithmetic.
        stopped_early: Decided by the anytime-valid rule before all units were measured.
        cut: The user limited the units, so the verdict is about the first ``n`` units only.
        n_needed: Units with which a decision could be expected; None when unknown or not needed.
        mde: Smallest difference from the limit that this many units decide with 80 % power.
        details: JSON data that belong to one kind of check (aggregates, search, repeats).
    """

    outcome: Outcome
    statistic: str
    estimate: float | None
    lower: float | None
    upper: float | None
    bounds: str
    n: int
    n_total: int
    clusters: int
    limit: float
    direction: Direction
    unit: str
    why: str
    target: Target
    method: str
    reason: str
    alpha: float
    exact: bool = False
    stopped_early: bool = False
    cut: bool = False
    n_needed: int | None = None
    mde: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def scope(self) -> str:
        """Returns how much was measured, for example ``n=300 of 300, exact``."""
        if self.n == 0:
            return f"n=0 of {self.n_total}, not measured"
        if self.cut:
            return f"first {self.n} units of {self.n_total}"
        text = f"n={self.n} of {self.n_total}"
        if self.exact:
            return f"{text}, exact"
        if self.stopped_early:
            return f"{text}, decided early"
        return text

    def measured(self) -> str:
        """Returns the estimate with its bounds, for example ``0.7 [0.1, 1.3]``."""
        if self.estimate is None:
            return "not measured"
        if self.lower is None or self.upper is None:
            return _number(self.estimate)
        return f"{_number(self.estimate)} [{_number(self.lower)}, {_number(self.upper)}]"

    def sentence(self) -> str:
        """Returns the verdict as one line for a terminal."""
        name = self.statistic.replace("_", " ")
        unit = self.unit.split(" of ")[0]
        line = (
            f"{self.outcome} {name} {self.measured()} {unit} "
            f"{self._sign()} {_number(self.limit)} ({self.scope()})"
        )
        return line if self.outcome is Outcome.PASS else f"{line}: {self.reason}"

    def _sign(self) -> str:
        at_most = self.direction == "at_most"
        if self.outcome is Outcome.PASS:
            return "<=" if at_most else ">="
        if self.outcome is Outcome.FAIL:
            return ">" if at_most else "<"
        return "?<=" if at_most else "?>="

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the verdict."""
        return {**asdict(self), "outcome": self.outcome.value, "details": dict(self.details)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Rebuilds a verdict from ``to_json``."""
        return cls(**{**data, "outcome": Outcome(data["outcome"])})


def _number(value: float) -> str:
    """Formats to one decimal, or to as many (at most four) as keep the value apart from 0."""
    # Sums of rounded weights leave residues that are zero to every reader.
    value = 0.0 if abs(value) < 1e-9 else value
    for decimals in (1, 2, 3, 4):
        text = f"{value:.{decimals}f}"
        if value == 0 or float(text) != 0.0:
            return text
    return f"{value:.1g}"
