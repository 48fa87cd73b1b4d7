"""Measures one intervention outside a check: the way to look again at what a search found."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from ipllvm_spec.benchmarks.judging import choose_judging
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.errors import JudgeError, UsageError
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Identity, Intervention, parse_intervention
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.measurement import Measurement, Sheets


def replay_command(case: Case, intervention: Intervention) -> str:
    """Returns the command that measures an intervention on a case's whole benchmark again."""
    steps = [
        {step.name: step.model_dump(mode="json", exclude_defaults=True)}
        for step in intervention.steps()
    ]
    assert case.benchmark is not None
    source = case.source(case.benchmark)
    named = case.benchmark if source in ("twin", "published") else f"{case.benchmark}={source}"
    text = json.dumps(steps[0] if len(steps) == 1 else steps, separators=(",", ":"))
    return shlex.join(["ipllvm", "measure", case.model, named, "--intervention", text])


def measure_once(
    model: str, benchmark: str, *, intervention: str, units: int | None, run_dir: Path
) -> Iterator[str]:
    """Measures a model intact and under an intervention and yields lines for a terminal.

    Args:
        model: Model reference.
        benchmark: Name, or ``name=folder``.
        intervention: JSON as a spec would write it.
        units: First units only; None for all.
        run_dir: Holds the store.

    A judge model is taken from the environment, as ``judging.choose_judging`` finds it there.

    Raises:
        UsageError: For text that is no JSON.
        SpecError: For an intervention that does not exist.
        JudgeError: When the benchmark cannot be scored without a judge.
    """
    try:
        changed = parse_intervention(json.loads(intervention))
    except json.JSONDecodeError as error:
        raise UsageError(
            f"--intervention is no JSON: {error}",
            """write for example '{"permute_tokens": {"scope": "patches"}}'""",
        ) from None
    name, _, folder = benchmark.partition("=")
    source = folder or load_suite().model(model).data
    judging = choose_judging(os.environ).on(source)
    if unscored := judging.unscored(get_benchmark(name)):
        raise JudgeError(unscored, "this command takes a judge from the environment only")
    with EngineGroup.start(
        store=run_dir / "cells.sqlite", run_dir=run_dir, judge=judging.judge
    ) as group:
        client = EngineClient(group.address)
        sheet = Sheets(client, judging).get(name, source=source, mode="standard")
        stop = min(units or len(sheet.units), len(sheet.units))
        measured = []
        for condition in dict.fromkeys((Identity(), changed)):
            cell = Cell(model=model, benchmark=name, source=source, intervention=condition)
            measurement = Measurement(client, sheet, [cell], units=units)
            measurement.take(stop)
            measured.append(measurement)
            metric = measurement.metric()
            yield (
                f"{condition!r}: {'-' if metric is None else f'{metric:.2f}'} of "
                f"{sheet.benchmark.scale:g}, {stop} of {len(sheet.units)} units, "
                f"{measurement.unparsed()} unparsed, {measurement.unreadable()} unreadable, "
                f"scored by {measurement.scorer.scored_by}"
            )
        if len(measured) > 1:
            kept = Comparison(*measured).kept()
            before, after = (one.metric(kept) for one in measured)
            if before is not None and after is not None:
                drop = 100.0 * (before - after) / sheet.benchmark.scale
                yield f"drop {drop:.2f} points of 100"
        client.close()
