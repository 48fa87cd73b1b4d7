"""What a judge reads: paired unit scores in seeded order, measured only as far as needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.statistics.sequential import Draws

Floats = NDArray[np.float64]


class Scores(NamedTuple):
    """Scores in [0, 1] of the same units under two conditions.

    Attributes:
        intact: The better condition by hypothesis, shape (repeats, n).
        other: Under the intervention or the control, shape (repeats, n). Where one side has a
            single repeat it is compared with every repeat of the other.
    """

    intact: Floats
    other: Floats


class Stream(Protocol):
    """Paired scores of a benchmark's units in seeded order, taken block by block.

    The order is a uniformly random one of the clusters (given the suite seed); the units of a
    cluster are neighbours. Weights and clusters are those of all units, measured or not.
    """

    @property
    def weights(self) -> Floats:
        """Weights of all units in the published metric, shape (n_total,), sum 1."""
        ...

    @property
    def clusters(self) -> Sequence[str]:
        """Cluster of every unit, length n_total."""
        ...

    @property
    def available(self) -> int:
        """Units that may be measured; less than n_total when the user limited them."""
        ...

    @property
    def graded(self) -> bool:
        """Whether scores are graded, as a judge gives them, even where they happen to be 0 or 1."""
        ...

    def take(self, stop: int) -> Scores:
        """Measures what is missing and returns the scores of the first ``stop`` units."""
        ...


@dataclass(frozen=True)
class ArrayStream:
    """Scores that are already there, for example those of a held-out half.

    Attributes:
        scores: Scores of at least ``available`` units.
        weights: Weights of all units, shape (n_total,).
        clusters: Cluster of every unit.
        available: Units that may be taken.
        graded: Whether the scores are graded ones, as a judge model gives them.
    """

    scores: Scores
    weights: Floats
    clusters: Sequence[str]
    available: int
    graded: bool = False

    def take(self, stop: int) -> Scores:
        """Returns the scores of the first ``stop`` units."""
        return Scores(self.scores.intact[:, :stop], self.scores.other[:, :stop])


@dataclass(frozen=True)
class Layout:
    """Clusters and weights of a stream as arrays.

    Attributes:
        shares: Weights normalised to sum 1, shape (n_total,).
        index: Cluster of each unit as 0..G-1 in order of appearance, shape (n_total,).
    """

    shares: Floats
    index: NDArray[np.intp]

    @classmethod
    def of(cls, stream: Stream) -> Layout:
        """Reads and checks a stream's clusters and weights.

        Raises:
            ValueError: For weights that are not positive, clusters that are torn apart, or
                lengths that differ: errors in what made the stream, never in data.
        """
        weights = np.asarray(stream.weights, dtype=np.float64)
        if len(weights) != len(stream.clusters) or len(weights) == 0:
            raise ValueError(f"{len(weights)} weights for {len(stream.clusters)} units")
        if not np.all(weights > 0.0):
            raise ValueError("every weight must be positive")
        if not 0 < stream.available <= len(weights):
            raise ValueError(f"available is {stream.available} of {len(weights)} units")
        names: dict[str, int] = {}
        index = np.array([names.setdefault(name, len(names)) for name in stream.clusters])
        if np.any(np.diff(index) < 0):
            raise ValueError("the units of a cluster must be neighbours in the seeded order")
        return cls(weights / weights.sum(), index)

    @property
    def n_total(self) -> int:
        """Units of the benchmark."""
        return len(self.shares)

    @cached_property
    def reach(self) -> Floats:
        """Largest possible contribution of each cluster, times the number of clusters."""
        masses = np.bincount(self.index, weights=self.shares)
        return np.asarray(masses * len(masses), dtype=np.float64)

    def whole_clusters(self, stop: int) -> int:
        """Number of clusters all of whose units are among the first ``stop``."""
        if stop >= self.n_total:
            return len(self.reach)
        return int(self.index[stop])

    def units_of(self, clusters: int) -> int:
        """Number of units in the first ``clusters`` clusters."""
        return int(np.searchsorted(self.index, clusters))

    def draws(self, differences: Floats) -> Draws:
        """Values of the whole clusters among the first units.

        Args:
            differences: Mean difference over repeats of each of the first units, shape (stop,).
        """
        stop = len(differences)
        weighted = self.shares[:stop] * differences
        sums: Floats = np.bincount(self.index[:stop], weights=weighted).astype(np.float64)
        values = sums[: self.whole_clusters(stop)] * len(self.reach)
        return Draws(values, self.reach)


@dataclass(frozen=True)
class Paired:
    """The first units of a stream, as differences.

    Attributes:
        scores: Scores under both conditions.
        rows: ``sign * (intact - other)`` per repeat and unit, shape (repeats, n).
        shares: Weights of these units among all units, shape (n,).
        index: Cluster of each unit, shape (n,).
        graded: Whether the scores are graded ones, as a judge model gives them.
    """

    scores: Scores
    rows: Floats
    shares: Floats
    index: NDArray[np.intp]
    graded: bool = False

    @classmethod
    def first(cls, stream: Stream, layout: Layout, stop: int, *, sign: int) -> Paired:
        """Takes the first ``stop`` units.

        Args:
            stream: The stream.
            layout: Its layout.
            stop: Number of units.
            sign: 1, or -1 to turn "at least" into "at most".

        Raises:
            ValueError: For scores outside [0, 1] or of the wrong shape.
        """
        scores = stream.take(stop)
        for part in scores:
            if part.ndim != 2 or part.shape[1] != stop:
                raise ValueError(f"take({stop}) gave scores of shape {part.shape}")
            # The comparison is False for NaN, which must not pass for a score.
            if not np.all((part >= 0.0) & (part <= 1.0)):
                raise ValueError("a unit score lies outside [0, 1]")
        if 1 not in (len(scores.intact), len(scores.other)) and len(scores.intact) != len(
            scores.other
        ):
            raise ValueError(f"{len(scores.intact)} repeats against {len(scores.other)}")
        rows = sign * (scores.intact - scores.other)
        return cls(scores, rows, layout.shares[:stop], layout.index[:stop], stream.graded)

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.shares)

    @property
    def clusters(self) -> int:
        """Number of clusters, the last of which may be incomplete."""
        return int(self.index[-1]) + 1

    @property
    def mean(self) -> float:
        """Weighted mean difference of these units."""
        return float(self.rows.mean(axis=0) @ self.shares / self.shares.sum())
