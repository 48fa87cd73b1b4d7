"""Engines without models for the tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The engine process imports the fake backend by name, and so do the tests.
sys.path.insert(0, str(Path(__file__).parent))

import engine_fakes

from ipllvm_spec.engine.backend import BackendOptions
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.core import Engine, EngineOptions
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.engine.store import Store


@pytest.fixture
def make_engine(tmp_path):
    """Makes engines in this process; ``make_engine.backend`` is the last one's backend."""
    made = []

    def make(*, store="cells.sqlite", rank=0, world=1, **options):
        backend = engine_fakes.FakeBackend(BackendOptions("cpu", cores=1))
        engine = Engine(
            backend,
            Store(tmp_path / store),
            EngineOptions(rank, world, run_id=f"run-{len(made)}", host="here", **options),
        )
        made.append(engine)
        make.backend = backend
        return engine

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def start_group(tmp_path):
    """Starts groups of fake engine processes and stops them afterwards."""
    started = []

    def start(*, store="cells.sqlite", devices=("cpu",), env=None, **options):
        group = EngineGroup.start(
            store=tmp_path / store,
            run_dir=tmp_path / "run",
            devices=devices,
            cores=1,
            backend="engine_fakes:FakeBackend",
            env={"PYTHONPATH": _python_path(), **(env or {})},
            **options,
        )
        started.append(group)
        return group

    yield start
    for group in started:
        group.stop()


@pytest.fixture
def client_of():
    """Makes clients and closes them afterwards."""
    made = []

    def make(group, **options):
        client = EngineClient(group.address, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def _python_path() -> str:
    here = Path(__file__).parent
    return f"{here}:{here.parent.parent}"
