"""What the user asked for: the options of one run, checked once, equal in every process."""

from __future__ import annotations

import json
import platform
import shlex
import uuid
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import pytest

from ipllvm_spec import __version__
from ipllvm_spec.benchmarks.judging import CONCURRENCY, Judging
from ipllvm_spec.engine.wire import EngineAddress
from ipllvm_spec.errors import UsageError, unknown_name
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.entries import Data
from ipllvm_spec.spec.loader import load_suite


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The options of one run.

    Attributes:
        models: References in the order given; empty for the profile's own.
        benchmarks: Names or ``name=path``; empty for all declared.
        profile: ``smoke``, ``default`` or ``paper``.
        units: Measure only the first so many units of every benchmark; None for the profile's.
        data: Benchmark data for models given by path: ``published`` or ``twin``.
        devices: One engine process each, for example ``("cpu",)`` or ``("cuda:0", "cuda:1")``.
        run_dir: Where store, records and logs go, absolute.
        strict_undecided: INCONCLUSIVE fails instead of being skipped.
        lock: Lock file with the commits of published checkpoints and benchmarks.
        judging: How answers are scored that no rule scores as published. Holds no key.
        mode: Protocol mode of the benchmarks; None for the profile's.
        run_id: Names this run in records and provenance; made by the controller only.
    """

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    profile: str
    units: int | None
    data: Data
    devices: tuple[str, ...]
    run_dir: Path
    strict_undecided: bool
    lock: Path
    run_id: str
    judging: Judging = field(default_factory=Judging)
    mode: str | None = None

    @property
    def store(self) -> Path:
        """The SQLite file with all answers."""
        return self.run_dir / "cells.sqlite"

    def checked(self) -> RunSettings:
        """Returns itself when every value can work.

        Raises:
            UsageError: For a number of units below 1 or no device.
            UnknownNameError: For an unknown profile, model, benchmark or protocol mode.
        """
        if not self.devices:
            raise UsageError("--device names no device", "write for example --device cpu")
        # Building the cases resolves every name, before anything expensive starts.
        for claim in load_suite().claims:
            self.cases(claim)
        return self

    def cases(self, claim: str) -> tuple[Case, ...]:
        """Returns the checks of a claim under these options, sorted by key."""
        return load_suite().cases(
            claim,
            models=self.models,
            benchmarks=self.benchmarks,
            profile=self.profile,
            units=self.units,
            data=self.data,
            mode=self.mode,
        )

    def case(self, claim: str, key: str) -> Case:
        """Returns one check by claim and key.

        Raises:
            UnknownNameError: When these options give no such check.
        """
        cases = {case.key: case for case in self.cases(claim)}
        if key not in cases:
            raise unknown_name("case", key, cases)
        return cases[key]

    def suite_size(self) -> int:
        """Returns how many checks these options give, over all claims."""
        return sum(len(self.cases(claim)) for claim in load_suite().claims)

    def model_refs(self) -> tuple[str, ...]:
        """Returns the models of the run: the user's, or the profile's own with its encoders."""
        profile = load_suite().profile(self.profile)
        return self.models or (*profile.models, *profile.encoders)

    def header(self) -> list[str]:
        """Returns the lines that pytest prints first: a typo shows there."""
        libraries = ("torch", "transformers", "datasets", "pytest-xdist", "hypothesis")
        versions = ", ".join(f"{name} {version(name)}" for name in libraries)
        units = "" if self.units is None else f", first {self.units} units"
        mode = "" if self.mode is None else f", {self.mode} mode"
        return [
            f"ipllvm-spec {__version__}, python {platform.python_version()}, {versions}",
            f"models: {', '.join(self.model_refs())}",
            f"profile: {self.profile}{units}{mode}; device: {', '.join(self.devices)}",
            f"judge: {self.judging.sentence()}",
            f"run dir: {self.run_dir}",
        ]

    def rerun_options(self) -> str:
        """Returns the options that a rerun of one check needs to be the same check."""
        options = []
        if self.profile != "default":
            options.append(f"--profile {self.profile}")
        if self.mode is not None:
            options.append(f"--mode {self.mode}")
        if self.data != "published":
            options.append(f"--data {self.data}")
        if self.units is not None:
            options.append(f"--units {self.units}")
        if self.run_dir != Path("reports").resolve():
            options.append(f"--run-dir {shlex.quote(str(self.run_dir))}")
        judge = self.judging.judge
        if judge is not None:
            options += [f"--judge-url {judge.url}", f"--judge-model {shlex.quote(judge.model)}"]
            if judge.concurrency != CONCURRENCY:
                options.append(f"--judge-concurrency {judge.concurrency}")
        if self.judging.proxy:
            options.append("--judge-proxy")
        options.extend(f"--benchmarks {name}" for name in self.benchmarks if "=" in name)
        return " ".join(options)

    def to_text(self) -> str:
        """Returns JSON text, for the way to a pytest worker."""
        return json.dumps({**asdict(self), "run_dir": str(self.run_dir), "lock": str(self.lock)})

    @classmethod
    def from_text(cls, text: str) -> RunSettings:
        """Rebuilds the settings from ``to_text``."""
        data = json.loads(text)
        for key in ("models", "benchmarks", "devices"):
            data[key] = tuple(data[key])
        data["judging"] = Judging.from_json(data["judging"])
        return replace(cls(**data), run_dir=Path(data["run_dir"]), lock=Path(data["lock"]))


#: Where a pytest process keeps the options of the run, and the address of its engines.
SETTINGS = pytest.StashKey[RunSettings]()
ADDRESS = pytest.StashKey[EngineAddress]()


def new_run_id() -> str:
    """Returns a fresh run id; called once a run, by the controller."""
    return uuid.uuid4().hex[:12]


def split_list(values: list[str] | None, *, unique: bool = True) -> tuple[str, ...]:
    """Splits repeated and comma-separated option values, in order.

    Args:
        values: What pytest collected for one option.
        unique: Drop doubles. Devices keep them: ``cpu,cpu`` means two engines.
    """
    parts = [part.strip() for value in values or [] for part in value.split(",")]
    found = [part for part in parts if part]
    return tuple(dict.fromkeys(found)) if unique else tuple(found)
