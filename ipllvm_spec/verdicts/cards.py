"""Measures the minis afresh on the twins and compares with what their model cards say."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ipllvm_spec.benchmarks.base import Classifying
from ipllvm_spec.benchmarks.registry import BENCHMARKS, get_benchmark
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.errors import ModelError, unknown_name
from ipllvm_spec.models.encoder_kinds import encoder_kind
from ipllvm_spec.models.files import read_config
from ipllvm_spec.models.registry import FAMILIES
from ipllvm_spec.spec.interventions import (
    BlankImage,
    Identity,
    Intervention,
    PatchDrop,
    PermuteTokens,
)
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
#: What the card of an encoder tells about the scenes of ImageNet's twin.
ENCODER_CONDITIONS: Mapping[str, Intervention] = {
    "intact": Identity(),
    "half hidden": PatchDrop(kind="random", ratio=0.5),
}
TWINS = "twins"
#: The benchmarks of Table 1: what floors and interventions are about.
TABLE1 = tuple(BENCHMARKS)[:10]
#: What follows the name of a twin that a rule scored in a judge's place.
PROXY = " (proxy)"
#: Modes other than ``standard``: eight exemplars are longer than the minis' context.
MODES: Mapping[str, str] = {"gsm8k": "zero_shot"}
#: Floors that every mini should reach; a card says which it does not.
ABOVE_CHANCE = 25.0
TOPIC_FLOORS: Mapping[str, float] = {"color": 90.0, "shape": 90.0, "count": 90.0, "existence": 80.0}
Scores = dict[str, dict[str, float]]


def card_path(model: str) -> Path:
    """Returns where the card of a mini lies."""
    return Path(str(files("ipllvm_spec"))) / "mini" / "checkpoints" / model / "card.json"


def measure_twins(client: EngineClient, model: str, twins: Sequence[str]) -> Scores:
    """Measures a mini on twins under every condition.

    Args:
        client: Asks the engines.
        model: The mini.
        twins: Names of benchmarks.

    Returns:
        Points of 100 by twin and condition, rounded as the card prints them; ``chance`` beside.
        No judge is asked: where one is required, a rule stands in and the name says ``(proxy)``.
    """
    sheets = Sheets(client)
    scores: Scores = {}
    for name in twins:
        sheet = sheets.get(name, source="twin", mode=MODES.get(name, "standard"))
        to_points = 100.0 / sheet.benchmark.scale
        row = {"chance": round(to_points * sheet.benchmark.chance(sheet.units), 1)}
        for condition, intervention in conditions_of(name).items():
            cell = Cell(
                model=model,
                benchmark=name,
                mode=sheet.benchmark.mode,
                intervention=intervention,
            )
            measurement = Measurement(client, sheet, [cell])
            measurement.take(measurement.n_total)
            row[condition] = round(to_points * (measurement.metric() or 0.0), 1)
        proxied = sheet.benchmark.judge == "required"
        scores[f"{name}{PROXY}" if proxied else name] = row
    return scores


def conditions_of(twin: str) -> Mapping[str, Intervention]:
    """Returns what a card tells about a twin: all conditions for the benchmarks of Table 1."""
    if twin == "imagenet":
        return ENCODER_CONDITIONS
    return CONDITIONS if twin in TABLE1 else {"intact": Identity()}


def twins_of(
    card: Mapping[str, Any], *, anew: bool, able: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Returns the twins that a card is, or is to be, about.

    Args:
        card: The card as it is.
        anew: Whether it is to be written: then about every twin that the model can be measured on.
        able: Those; None for every twin that a language model answers.
    """
    told = {name.removesuffix(PROXY) for name in card.get(TWINS, {})}
    could = [name for name in BENCHMARKS if name != "imagenet"] if able is None else able
    return tuple(name for name in could if anew or name in told)


def classifies(folder: Path) -> tuple[str, ...]:
    """Returns the twins whose classes an encoder can name: any by texts, else those of its head.

    Args:
        folder: Its checkpoint.
    """
    if not encoder_kind(folder, read_config(folder)).zero_shot:
        return ("imagenet",)
    return tuple(name for name in BENCHMARKS if isinstance(get_benchmark(name), Classifying))


def differences(written: Mapping[str, Any], measured: Scores) -> list[str]:
    """Returns one line for each number that a card has wrong or lacks."""
    lines = []
    for twin, row in measured.items():
        for condition, value in row.items():
            told = written.get(twin, {}).get(condition)
            if told is None or abs(told - value) > TOLERANCE:
                lines.append(f"{twin} {condition}: the card says {told}, measured {value}")
    return lines


def floors_missed(measured: Scores, tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Says which floors of the minis a model does not reach, and by how much.

    Args:
        measured: Points of 100 by twin and condition.
        tables: Tables of the card; held-out accuracy by ``kind/topic/format`` is looked up there.
    """
    missed = []
    for twin, row in measured.items():
        if twin.removesuffix(PROXY) not in TABLE1:
            continue
        short = ABOVE_CHANCE - (row["intact"] - row["chance"])
        if short > 0:
            missed.append(f"{twin}: {short:.1f} points short of {ABOVE_CHANCE:.0f} above chance")
    for topic, floor in TOPIC_FLOORS.items():
        found = [
            float(next(iter(columns.values())))
            for table in tables.values()
            for name, columns in table.items()
            if f"/{topic}/" in name
        ]
        if found and (mean := sum(found) / len(found)) < floor:
            missed.append(f"{topic} questions: {mean:.1f} % instead of {floor:.0f} %")
    return missed


def verify_cards(
    models: Sequence[str] = (),
    *,
    write: Callable[[Path, dict[str, Any]], object] | None = None,
    show: Callable[[str], object] = print,
) -> bool:
    """Measures minis in an empty store and compares them with their cards.

    Args:
        models: Keys of minis; empty for all.
        write: Gets folder and card with the measured numbers, to write it; None to only compare.
        show: Gets each line of the outcome.

    Returns:
        Whether every card was right.

    Raises:
        UnknownNameError: For a model that is no mini.
        ModelError: When a mini has no card.
    """
    minis = {entry.key: entry for entry in load_suite().models.values() if entry.mini}
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
                encoder = minis[model].family not in FAMILIES
                able = classifies(path.parent) if encoder else None
                twins = twins_of(card, anew=write is not None, able=able)
                measured = measure_twins(client, model, twins)
                wrong = differences(card.get(TWINS, {}), measured)
                if not twins:
                    wrong = ["the card tells of no twin: measure them with --write"]
                right = right and not wrong
                show(f"{model}: " + ("; ".join(wrong) if wrong else "card confirmed"))
                for twin, row in measured.items():
                    show(f"  {twin}: " + ", ".join(f"{k} {v}" for k, v in row.items()))
                if write is not None:
                    # The floors of an encoder are measured in training, on its own tables.
                    missed = card.get("missed", [])
                    if not encoder:
                        missed = floors_missed(measured, card.get("tables", {}))
                    write(path.parent, {**card, TWINS: measured, "missed": missed})
            client.close()
    return right or write is not None
