"""Five ways to make one number of the drops on several benchmarks.

They disagree on the paper's own Table 1, so all five are always computed and the one that decides
is declared. Everything is exact: the inputs may be fractions, and floats are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Pair:
    """A published metric before and after, on the benchmark's own scale.

    Attributes:
        intact: Metric without the intervention.
        other: Metric under it.
        scale: Largest value of the metric; 2800 for MME, else 100.
    """

    intact: Fraction
    other: Fraction
    scale: Fraction

    @classmethod
    def of(cls, intact: float, other: float, *, scale: float) -> Pair:
        """Makes a pair from floats."""
        return cls(Fraction(intact), Fraction(other), Fraction(scale))

    @property
    def drop(self) -> Fraction:
        """Loss on the benchmark's own scale; positive means worse."""
        return self.intact - self.other

    @property
    def points(self) -> Fraction:
        """Loss in points of 100."""
        return 100 * self.drop / self.scale


def mme_scaled_28(pairs: Sequence[Pair]) -> Fraction | None:
    """Mean drop with every benchmark on 0-100 (MME divided by 28). The default."""
    return _mean([pair.points for pair in pairs])


def raw(pairs: Sequence[Pair]) -> Fraction | None:
    """Mean drop on each benchmark's own scale, as most printed averages of Table 1."""
    return _mean([pair.drop for pair in pairs])


def without_mme(pairs: Sequence[Pair]) -> Fraction | None:
    """Mean drop over the benchmarks whose scale is 100; None when there is none."""
    return _mean([pair.drop for pair in pairs if pair.scale == 100])


def relative(pairs: Sequence[Pair]) -> Fraction | None:
    """Mean of drop / intact in per cent; None when an intact metric is 0."""
    if any(pair.intact == 0 for pair in pairs):
        return None
    return _mean([100 * pair.drop / pair.intact for pair in pairs])


def median(pairs: Sequence[Pair]) -> Fraction | None:
    """Median drop with every benchmark on 0-100: one collapsed benchmark cannot move it far."""
    points = sorted(pair.points for pair in pairs)
    return _mean(points[(len(points) - 1) // 2 : len(points) // 2 + 1])


#: Every aggregate by the name a spec declares.
AGGREGATES: Mapping[str, Callable[[Sequence[Pair]], Fraction | None]] = {
    function.__name__: function for function in (mme_scaled_28, raw, without_mme, relative, median)
}


def aggregate_all(pairs: Sequence[Pair]) -> dict[str, Fraction | None]:
    """Returns every aggregate by name; None where one is undefined for these pairs."""
    return {name: function(pairs) for name, function in AGGREGATES.items()}


def _mean(values: Sequence[Fraction]) -> Fraction | None:
    return sum(values, Fraction()) / len(values) if values else None
