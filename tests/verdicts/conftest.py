"""Streams and limits made by hand; folders of data and of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

import datasets
import numpy as np
import pytest

from ipllvm_spec.cli_options import page
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.streams import ArrayStream, Scores
from tests.verdicts.rescoring import TEXT, N, picture


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


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Keeps tests out of the user's cache and lock file."""
    monkeypatch.setenv("IPLLVM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPLLVM_LOCK", str(tmp_path / "no.lock"))
    monkeypatch.setattr(page, "width", 80)


@pytest.fixture
def charts(tmp_path):
    """Writes ChartQA rows whose answers are 100, 200, ... unless told otherwise."""

    def write(folder="charts", *, question="How many?", factor=100):
        rows = [
            {
                "type": ("human_test", "augmented_test")[number % 2],
                "question": question,
                "answer": str(factor * (number + 1)),
                "image": picture(number),
            }
            for number in range(N)
        ]
        features = {"type": TEXT, "question": TEXT, "answer": TEXT, "image": datasets.Image()}
        (tmp_path / folder).mkdir()
        made = datasets.Dataset.from_list(rows, features=datasets.Features(features))
        made.to_parquet(str(tmp_path / folder / "test.parquet"))
        return tmp_path / folder

    return write


@pytest.fixture
def vet(tmp_path):
    """Writes MM-Vet rows."""
    rows = [
        {
            "question_id": f"v1_{number}",
            "image": picture(number),
            "question": "What?",
            "answer": "red",
            "capability": "rec",
        }
        for number in range(4)
    ]
    features = dict.fromkeys(rows[0], TEXT) | {"image": datasets.Image()}
    (tmp_path / "vet").mkdir()
    made = datasets.Dataset.from_list(rows, features=datasets.Features(features))
    made.to_parquet(str(tmp_path / "vet" / "test.parquet"))
    return tmp_path / "vet"


@pytest.fixture
def run_dir(tmp_path):
    """The folder of a run."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"
