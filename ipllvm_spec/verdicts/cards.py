"""Measures the minis afresh on every twin and compares with what their model cards say."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ipllvm_spec.benchmarks.registry import BENCHMARKS
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.errors import ModelError, unknown_name
from ipllvm_spec.spec.interventions import BlankImage, Identity, Intervention, PermuteTokens
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.measurement import Measurement, Sheets

#: Points of 100 by which another processor may differ: a rounded logit flips an answer or two.
TOLERANCE = 1.0

#: What a card tells about each twin. One permutation per item, a black image.
CONDITIONS: Mapping[str, Intervention] = {
    "intact": Identity(),
    "shuffled": PermuteTokens(),
    "blank": BlankImage(),
}
TWINS = "twins"
Scores = dict[str, dict[str, float]]


def card_path(model: str) -> Path:
    """Returns where the card of a mini lies."""
    return Path(str(files("ipllvm_spec"))) / "mini" / "checkpoints" / model / "card.json"


def measure_twins(client: EngineClient, model: str) -> Scores:
    """Measures a mini on every twin under every condition.

    Returns:
        Points of 100 by twin and condition, rounded as the card prints them; ``chance`` beside.
    """
    sheets = Sheets(client)
    scores: Scores = {}
    for name in sorted(BENCHMARKS):
        sheet = sheets.get(name, source="twin", mode="standard")
        to_points = 100.0 / sheet.benchmark.scale
        row = {"chance": round(to_points * sheet.benchmark.chance(sheet.units), 1)}
        for condition, intervention in CONDITIONS.items():
            cell = Cell(model=model, benchmark=name, intervention=intervention)
            measurement = Measurement(client, sheet, [cell])
            measurement.take(measurement.n_total)
            row[condition] = round(to_points * (measurement.metric() or 0.0), 1)
        scores[name] = row
    return scores


def differences(written: Mapping[str, Any], measured: Scores) -> list[str]:
    """Returns one line for each number that a card has wrong or lacks."""
    lines = []
    for twin, row in measured.items():
        for condition, value in row.items():
            told = written.get(twin, {}).get(condition)
            if told is None or abs(told - value) > TOLERANCE:
                lines.append(f"{twin} {condition}: the card says {told}, measured {value}")
    return lines


def verify_cards(
    models: Sequence[str] = (), *, write: bool = False, show: Callable[[str], object] = print
) -> bool:
    """Measures minis in an empty store and compares them with their cards.

    Args:
        models: Keys of minis; empty for all.
        write: Write the measured numbers into the cards instead of only comparing.
        show: Gets each line of the outcome.

    Returns:
        Whether every card was right.

    Raises:
        UnknownNameError: For a model that is no mini.
        ModelError: When a mini has no card.
    """
    minis = {key for key, entry in load_suite().models.items() if entry.mini}
    for model in models:
        if model not in minis:
            raise unknown_name("mini", model, minis)
    right = True
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder)
        # An empty store, so that every answer is computed now.
        with EngineGroup.start(store=run_dir / "cells.sqlite", run_dir=run_dir) as group:
            client = EngineClient(group.address)
            for model in models or sorted(minis):
                path = card_path(model)
                if not path.is_file():
                    raise ModelError(f"{model} has no card at {path}", "run ipllvm mini train")
                card = json.loads(path.read_text(encoding="utf-8"))
                measured = measure_twins(client, model)
                wrong = differences(card.get(TWINS, {}), measured)
                right = right and not wrong
                show(f"{model}: " + ("; ".join(wrong) if wrong else "card confirmed"))
                for twin, row in measured.items():
                    show(f"  {twin}: " + ", ".join(f"{k} {v}" for k, v in row.items()))
                if write:
                    path.write_text(
                        json.dumps({**card, TWINS: measured}, indent=1, sort_keys=True) + "\n",
                        encoding="utf-8",
                    )
            client.close()
    return right or write
