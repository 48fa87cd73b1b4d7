"""Streams and limits made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.streams import ArrayStream, Scores


@dataclass(frozen=True)
class CountedStream(ArrayStream):
    """Remembers how far it was read."""

    stops: list[int] = field(default_factory=list)

    def take(self, stop: int) -> Scores:
        """Notes the request, then answers it."""
        self.stops.append(stop)
        return super().take(stop)


@pytest.fixture(scope="session")
def make_stream():
    """Builds a stream from scores under both conditions."""

    def build(intact, other, *, weights=None, clusters=None, available=None) -> CountedStream:
        intact, other = (np.atleast_2d(np.asarray(part, dtype=float)) for part in (intact, other))
        n = intact.shape[1]
        return CountedStream(
            Scores(intact, other),
            np.full(n, 1 / n) if weights is None else np.asarray(weights, dtype=float),
            [f"c{i}" for i in range(n)] if clusters is None else clusters,
            n if available is None else available,
        )

    return build


@pytest.fixture(scope="session")
def losing(make_stream):
    """Builds a stream of n units of which some are lost and some gained, in a seeded order."""

    def build(n, *, worse=0, better=0, seed=0, **more) -> CountedStream:
        intact = np.concatenate([np.ones(worse), np.zeros(better), np.ones(n - worse - better)])
        other = np.concatenate([np.zeros(worse), np.ones(better), np.ones(n - worse - better)])
        order = np.random.default_rng(seed).permutation(n)
        return make_stream(intact[order], other[order], **more)

    return build


@pytest.fixture(scope="session")
def make_limit():
    """Builds a limit; ``at_most=2.0`` unless told otherwise."""

    def build(statistic="drop", *, at_most=None, at_least=None, target="benchmark") -> Limit:
        if at_most is None and at_least is None:
            at_most = 2.0
        return Limit(
            statistic=statistic, at_most=at_most, at_least=at_least, target=target, why="a test"
        )

    return build
