"""Measures one intervention outside a check: the way to look again at what a search found."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.errors import UsageError
from ipllvm_spec.measures.accuracy import drop_in_points
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.interventions import Identity, Intervention, parse_intervention
from ipllvm_spec.spec.loader import load_suite
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

    Raises:
        UsageError: For text that is no JSON.
        SpecError: For an intervention that does not exist.
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
    with EngineGroup.start(store=run_dir / "cells.sqlite", run_dir=run_dir) as group:
        client = EngineClient(group.address)
        sheet = Sheets(client).get(name, source=source, mode="standard")
        stop = min(units or len(sheet.units), len(sheet.units))
        weights = sheet.weights[:stop]
        scores = []
        for condition in dict.fromkeys((Identity(), changed)):
            cell = Cell(model=model, benchmark=name, source=source, intervention=condition)
            measurement = Measurement(client, sheet, [cell], units=units)
            scores.append(measurement.take(stop))
            yield (
                f"{condition!r}: {measurement.metric():.2f} of {sheet.benchmark.scale:g}, "
                f"{stop} of {len(sheet.units)} units, {measurement.unparsed()} unparsed"
            )
        if len(scores) > 1:
            yield f"drop {drop_in_points(*scores, weights=weights):.2f} points of 100"
        client.close()
