"""Records of every kind, made up: reporting needs no model and no measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ipllvm_spec.spec.interventions import BlankImage, Identity, PermuteTokens
from ipllvm_spec.verdicts.record import Expected, Measured, Record
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

MakeRecord = Callable[..., Record]

SCALES = {"mme": 2800.0}


def build_measured(benchmark: str = "mmvp", **changes: Any) -> Measured:
    """Returns one benchmark's metrics; intact 62 and other 21.3 percent of the scale."""
    scale = SCALES.get(benchmark, 100.0)
    values: dict[str, Any] = {
        "benchmark": benchmark,
        "scale": scale,
        "intact": 0.62 * scale,
        "other": 0.213 * scale,
        "chance": 0.25 * scale,
        "n": 150,
        "n_total": 150,
        "source": "twin",
        "revision": "twin-3",
        "content_digest": "sha256:0123",
    }
    return Measured(**{**values, **changes})


def build_verdict(**changes: Any) -> Verdict:
    """Returns an exact FAIL of ``drop <= 2`` at 40.7 points."""
    values: dict[str, Any] = {
        "outcome": Outcome.FAIL,
        "statistic": "drop",
        "estimate": 40.7,
        "lower": 34.1,
        "upper": 47.2,
        "bounds": "units like these",
        "n": 150,
        "n_total": 150,
        "clusters": 150,
        "limit": 2.0,
        "direction": "at_most",
        "unit": "points of 100",
        "why": "the paper's 0-2 % band (Table 1)",
        "target": "benchmark",
        "method": "arithmetic on all units",
        "reason": "the drop on all 150 units is 40.7 points, the limit is 2.0",
        "alpha": 0.05,
        "exact": True,
    }
    return Verdict(**{**values, **changes})


def build_record(**changes: Any) -> Record:
    """Returns the record of ``accuracy_survives`` on one benchmark; any field can be changed.

    ``verdict`` and ``measured`` also take a dict of changes; ``expect`` is a reason for a FAIL.
    """
    benchmark = changes.pop("benchmark", "mmvp")
    model = changes.pop("model", "mini-llava")
    claim = changes.pop("claim", "permutation.accuracy_survives")
    verdict = changes.pop("verdict", {})
    measured = changes.pop("measured", {})
    expect = changes.pop("expect", None)
    if isinstance(verdict, dict):
        verdict = build_verdict(**verdict)
    if isinstance(measured, dict):
        measured = (build_measured(benchmark or "mmvp", **measured),)
    case = f"{model}:{benchmark or 'average'}"
    values: dict[str, Any] = {
        "run_id": "run-1",
        "property_id": "permutation",
        "claim": claim,
        "property_statement": "Shuffling the visual patch tokens barely changes the answers.",
        "statement": "A fresh order of the patch tokens barely changes the score.",
        "paper": "section 3.3, Table 1",
        "model": model,
        "mini": model.startswith("mini"),
        "benchmark": benchmark,
        "mode": "standard",
        "case": case,
        "intervention": PermuteTokens().canonical(),
        "control": Identity().canonical(),
        "repeats": 1,
        "verdict": verdict,
        "expected": None if expect is None else Expected(verdict="fail", reason=expect),
        "measured": measured,
        "rerun": f"pytest 'properties/test_permutation.py::test_accuracy[{case}]'",
        "spec_file": "ipllvm_spec/specs/permutation.toml",
    }
    return Record(**{**values, **changes})


def build_average(**changes: Any) -> Record:
    """Returns the record of ``average_survives`` over four benchmarks."""
    names = ("chartqa", "mme", "mmstar", "mmvp")
    others = (0.31, 0.55, 0.38, 0.213)
    parts = tuple(
        build_measured(name, other=share * SCALES.get(name, 100.0))
        for name, share in zip(names, others, strict=True)
    )
    values: dict[str, Any] = {
        "benchmark": None,
        "claim": "permutation.average_survives",
        "measured": parts,
        "verdict": {"statistic": "average_drop", "estimate": 25.7, "lower": 22.0, "upper": 29.1},
    }
    return build_record(**{**values, **changes})


def build_blank(**changes: Any) -> Record:
    """Returns a PASS of ``image_matters``."""
    values: dict[str, Any] = {
        "claim": "permutation.image_matters",
        "intervention": Identity().canonical(),
        "control": BlankImage().canonical(),
        "verdict": {
            "outcome": Outcome.PASS,
            "statistic": "gap",
            "limit": 10.0,
            "direction": "at_least",
            "target": "population",
            "exact": False,
        },
    }
    return build_record(**{**values, **changes})


def build_undecided(**changes: Any) -> Record:
    """Returns an INCONCLUSIVE that was not measured at all."""
    values: dict[str, Any] = {
        "benchmark": "chartqa",
        "verdict": {
            "outcome": Outcome.INCONCLUSIVE,
            "estimate": None,
            "lower": None,
            "upper": None,
            "n": 0,
            "exact": False,
            "n_needed": 425,
            "reason": "n too small: 60 units cannot decide a limit of 2.0, needs 425",
        },
        "measured": {"intact": None, "other": None, "n": 0},
    }
    return build_record(**{**values, **changes})


@pytest.fixture
def make_record() -> MakeRecord:
    """Gives tests ``build_record``."""
    return build_record


@pytest.fixture
def every_kind() -> tuple[Record, ...]:
    """One record of each kind that a report must show."""
    paper = build_record(
        model="llava-1.5-7b",
        benchmark="mme",
        verdict={
            "outcome": Outcome.PASS,
            "estimate": -0.9,
            "lower": -2.1,
            "upper": 0.4,
            "n": 96,
            "exact": False,
            "stopped_early": True,
        },
        measured={
            "intact": 1850.1,
            "other": 1874.6,
            "n": 96,
            "printed": {"intact": 1850.07, "other": 1874.60},
        },
    )
    return (
        build_record(expect="order is learned as absolute slots"),
        build_record(benchmark="mmstar"),
        build_record(benchmark="mme"),
        build_average(expect="follows from the benchmarks"),
        build_blank(),
        build_undecided(),
        paper,
    )
