"""The paper's figures from a store that was written by hand: their numbers, gaps and draws."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.cli_figures import figures
from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.errors import StoreError, UnknownNameError, UsageError
from ipllvm_spec.interventions.apply import Draw, apply_pixels, split
from ipllvm_spec.models.registry import resolve
from ipllvm_spec.reporting.paper_figures.registry import DRAWERS, chosen
from ipllvm_spec.reporting.paper_figures.strips import changed
from ipllvm_spec.spec.interventions import BlankImage, GridShuffle, KeepGroup, PatchDrop
from ipllvm_spec.verdicts.stored_points import mean_bounds
from tests.verdicts.rescoring import store_answers

N = 300


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Twins are rendered once per worker, and never into the user's cache."""
    monkeypatch.setenv("IPLLVM_CACHE", str(tmp_path_factory.getbasetemp() / "figures-cache"))


def store(
    run_dir: Path, name: str, right: int, *, of: int = N, ref: str = "mini-llava", **cell
) -> None:
    """Stores answers of mini-llava to the first ``of`` items, the first ``right`` of them right."""
    items = load_items(get_benchmark(name), "twin").items
    assert len(items) == N
    answers = {
        item.item_id: item.gold if place < right else "none of them"
        for place, item in enumerate(items[:of])
    }
    store_answers(run_dir, "twin", answers, name=name, ref=ref, **cell)


def table(folder: Path, name: str) -> dict[tuple[str, str], dict[str, str]]:
    """Reads the rows of a CSV by condition and strength."""
    with (folder / f"{name}.csv").open(encoding="utf-8") as file:
        return {(row["condition"], row["strength"]): row for row in csv.DictReader(file)}


def draw(run_dir: Path, *names: str, **options) -> Path:
    """Runs the command and returns the folder of its files."""
    figures(list(names), profile="paper", models=["mini-llava"], run_dir=run_dir, **options)
    return run_dir / "figures"


def test_curves_have_the_stored_scores_and_no_others(tmp_path, capsys):
    """Repeats are averaged, what is missing is a gap and is named with the command for it."""
    store(tmp_path, "ai2d", 240)
    store(tmp_path, "ai2d", 60, intervention=BlankImage())
    store(tmp_path, "ai2d", 180, intervention=GridShuffle(grid=2), repeat=0)
    store(tmp_path, "ai2d", 150, intervention=GridShuffle(grid=2), repeat=1)

    folder = draw(tmp_path, "2")

    rows = table(folder, "figure2")
    assert {place: row["score"] for place, row in rows.items()} == {
        ("intact", "0.0"): "80.0",
        ("blind", ""): "20.0",
        ("grid", "2.0"): "55.0",
    }
    assert rows["grid", "2.0"]["repeats"] == "2"
    for row in rows.values():
        assert float(row["lower"]) < float(row["score"]) < float(row["upper"])
    said = capsys.readouterr().out
    # Intact, blind and three repeats of four grids are 14 cells, of which 4 are there.
    assert "mini-llava (mmvp 14 of 14; mmvet 14 of 14; mathvista 14 of 14; ai2d 10 of 14)\n" in said
    assert "pytest properties/test_grid_shuffle.py --models mini-llava --benchmarks mmvp," in said
    with Image.open(folder / "figure2.png") as picture:
        picture.load()
        assert picture.width > 600
    assert ET.parse(folder / "figure2.svg").getroot().tag.endswith("svg")


def test_an_interrupted_cell_is_named(tmp_path, capsys):
    """A cell with some of its answers is drawn with its n, and counted as lacking."""
    store(tmp_path, "ai2d", 50, of=100)

    folder = draw(tmp_path, "2")

    assert table(folder, "figure2")["intact", "0.0"]["n"] == "100"
    assert "ai2d 14 of 14)" in capsys.readouterr().out


def test_a_line_is_drawn_on_the_units_that_its_conditions_share(tmp_path):
    """Of 300, 200 and 60 units the 200 count; 60 would cut the others to a fifth."""
    store(tmp_path, "ai2d", 240)
    store(tmp_path, "ai2d", 50, of=200, intervention=GridShuffle(grid=2))
    store(tmp_path, "ai2d", 60, of=60, intervention=GridShuffle(grid=4))
    store(tmp_path, "ai2d", 30, of=60, intervention=BlankImage())

    rows = table(draw(tmp_path, "2"), "figure2")

    assert {place: (row["score"], row["n"]) for place, row in rows.items()} == {
        ("intact", "0.0"): ("100.0", "200"),
        ("grid", "2.0"): ("25.0", "200"),
        ("blind", ""): ("50.0", "60"),
    }


def test_a_line_is_of_one_version_of_the_weights(tmp_path, capsys):
    """Answers of older weights fill no gap of the newest, and it is said that there are some."""
    store(tmp_path, "ai2d", 60, intervention=GridShuffle(grid=2), weights="old")
    store(tmp_path, "ai2d", 240, weights="new")

    rows = table(draw(tmp_path, "2"), "figure2")

    assert set(rows) == {("intact", "0.0")}
    assert "figure2: older answers of mini-llava (ai2d) are not shown" in capsys.readouterr().out


def test_imported_answers_are_found_by_the_digest_of_the_weights(tmp_path):
    """An import carries no name of a model."""
    digest = resolve("mini-llava").identity.digest.removeprefix("sha256:")
    store(tmp_path, "ai2d", 240, ref="", weights=digest)

    assert table(draw(tmp_path, "2"), "figure2")["intact", "0.0"]["score"] == "80.0"


def test_the_command_for_what_is_missing_repeats_the_options(tmp_path, capsys):
    """Only the benchmarks asked for are drawn, and few missing conditions have names."""
    run_dir = tmp_path / "my run"
    store(run_dir, "ai2d", 240)
    store(run_dir, "ai2d", 60, intervention=BlankImage())
    for grid in (2, 4, 8):
        for repeat in range(3):
            store(run_dir, "ai2d", 60, intervention=GridShuffle(grid=grid), repeat=repeat)

    folder = draw(run_dir, "2", benchmarks=["ai2d"], mode="standard")

    assert {row["benchmark"] for row in table(folder, "figure2").values()} == {"ai2d"}
    missing, command, *_ = capsys.readouterr().out.splitlines()
    assert missing.endswith(": mini-llava (ai2d 3 of 14: grid_shuffle(grid=14))")
    assert command.endswith(
        "pytest properties/test_grid_shuffle.py --models mini-llava --benchmarks ai2d "
        f"--profile paper --mode standard --run-dir '{run_dir}'"
    )


def test_loss_of_a_group(tmp_path):
    """PIL is the share of the intact score that is lost: (240 - 60) / 240."""
    store(tmp_path, "mmstar", 240)
    store(tmp_path, "mmstar", 60, intervention=KeepGroup(m=4, group=(1, 2)))

    rows = table(draw(tmp_path, "figure1"), "figure1")

    row = rows["group", "1 2"]
    assert row["pil"] == "0.75"
    # By hand, the intact score known: the bounds of 20 % over 80 %; its own error widens them.
    known = [round(1 - float(row[side]) / 80, 4) for side in ("upper", "lower")]
    assert float(row["pil_lower"]) <= known[0] < 0.75 < known[1] <= float(row["pil_upper"]) < 0.82
    assert set(rows) == {("intact", ""), ("group", "1 2")}


def test_bounds_of_a_mean_by_hand():
    """50 of 100 independent units: Student's bounds, which are wider than Wilson's here."""
    rows = np.repeat([[1.0, 0.0]], 50, axis=0).reshape(1, 100)
    mean, lower, upper = mean_bounds(
        rows, weights=np.ones(100), clusters=np.arange(100), graded=False
    )
    reach = 1.98422 * (0.25 / 99) ** 0.5
    assert (mean, lower, upper) == pytest.approx((0.5, 0.5 - reach, 0.5 + reach), abs=1e-5)


@pytest.mark.parametrize("what", [GridShuffle(grid=4), PatchDrop(kind="random", ratio=0.5)])
def test_the_drawn_image_is_the_measured_one(what):
    """Figures 3 and 5 show what the engine's own path makes of the image, by the same seed."""
    pixels = np.random.default_rng(0).integers(0, 256, (56, 56, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    measured = apply_pixels(
        split(what).pixels, image, draw=Draw("item-7", repeat=0, suite_seed=SUITE_SEED)
    )
    assert np.array_equal(changed(what, image, "item-7"), measured)


def test_no_torch_and_no_pyplot(tmp_path):
    """All figures are drawn, from a store of a few cells, without a heavy package."""
    store(tmp_path, "ai2d", 240)
    store(tmp_path, "ai2d", 100, intervention=PatchDrop(kind="random", ratio=0.5))
    code = (
        "import sys; from ipllvm_spec.cli_figures import figures; from pathlib import Path; "
        f"figures([], profile='paper', models=['mini-llava'], run_dir=Path({str(tmp_path)!r})); "
        "print([m for m in ('torch', 'transformers', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    made = {file.name for file in (tmp_path / "figures").iterdir()}
    drawn = ("figure2", "figure3", "figure5", "figure6")
    assert made == {f"{name}.{ending}" for name in drawn for ending in ("png", "svg", "csv")}
    with (tmp_path / "figures" / "figure5.csv").open(encoding="utf-8") as file:
        shown = [(row["condition"], row["answer"]) for row in csv.DictReader(file)]
    assert [condition for condition, _ in shown] == ["intact", "random, 50 % hidden"]


def test_what_cannot_be_drawn(tmp_path):
    """A wrong name, no store, and a store without anything to show are errors with advice."""
    assert chosen(["2", "Figure1", "figure2"]) == ("figure2", "figure1")
    assert chosen([]) == tuple(DRAWERS)
    with pytest.raises(UnknownNameError, match="unknown figure '4'"):
        chosen(["4"])
    with pytest.raises(StoreError, match="there is no store"):
        draw(tmp_path)
    store(tmp_path, "mmstar", 240)
    with pytest.raises(UsageError, match="no answer that figure2 would show"):
        draw(tmp_path, "2")
    assert not (tmp_path / "figures").exists()
