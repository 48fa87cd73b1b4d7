"""Every check has a model that passes and one that fails, under the same limit."""

from __future__ import annotations

import json

import pytest


def outcomes(run, tmp_path, *options):
    """Runs checks and returns their outcomes by case."""
    run(*options, "-n", "1")
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    return {
        (record["claim"].partition(".")[2], record["case"]): record["verdict"]["outcome"]
        for record in map(json.loads, lines)
    }


@pytest.mark.parametrize("variant", ["zero_tower", "forced_a"])
def test_a_model_that_does_not_see_turns_image_matters_red(run, tmp_path, variant):
    """A zeroed tower and constant answers are the two ways of not using the image."""
    broken = f"mini-llava~{variant}"
    found = outcomes(
        run, tmp_path, "--models", f"mini-llava,{broken}", "--benchmarks", "mmstar",
        "-k", "image_matters",
    )  # fmt: skip

    assert found == {
        ("image_matters", "mini-llava:mmstar"): "PASS",
        ("image_matters", f"{broken}:mmstar"): "FAIL",
    }


def test_training_with_shuffled_tokens_decides_who_survives_a_shuffle(run, tmp_path):
    """mini-llava learned slots, mini-llava-shuffled could not: same limits, opposite verdicts."""
    found = outcomes(
        run, tmp_path, "--models", "mini-llava,mini-llava-shuffled",
        "--benchmarks", "mmstar,chartqa", "-k", "accuracy_survives or order_matters or no_order",
    )  # fmt: skip

    for benchmark in ("mmstar", "chartqa"):
        assert found["accuracy_survives", f"mini-llava:{benchmark}"] == "FAIL"
        assert found["accuracy_survives", f"mini-llava-shuffled:{benchmark}"] == "PASS"
    assert found["order_matters_where_text_is_dense", "mini-llava:chartqa"] == "PASS"
    assert found["order_matters_where_text_is_dense", "mini-llava-shuffled:chartqa"] == "FAIL"
    assert found["no_order_breaks_answers", "mini-llava:mmstar"] == "FAIL"
    assert found["no_order_breaks_answers", "mini-llava-shuffled:mmstar"] == "PASS"


def test_the_average_follows_its_benchmarks(run, tmp_path):
    """The aggregate over all four twins passes for one mini and fails for the other."""
    found = outcomes(
        run, tmp_path, "--models", "mini-llava,mini-llava-shuffled", "-k", "average_survives"
    )

    assert found["average_survives", "mini-llava:average"] == "FAIL"
    assert found["average_survives", "mini-llava-shuffled:average"] == "PASS"


def test_a_guard_that_fails_withholds_every_robustness_verdict(run, tmp_path):
    """Constant answers survive any shuffle; that must not count as robust."""
    found = outcomes(
        run, tmp_path, "--models", "mini-llava~forced_a", "--benchmarks", "mmstar",
        "-k", "accuracy_survives",
    )  # fmt: skip

    assert set(found.values()) == {"INCONCLUSIVE"}


def test_a_shuffle_that_changes_nothing_is_an_error(run):
    """A zeroed tower makes equal tokens: their order is no intervention, so nothing is decided."""
    done = run(
        "-n", "1", "--models", "mini-llava~zero_tower", "--benchmarks", "mmstar",
        "-k", "accuracy_survives", "--units", "32",
    )  # fmt: skip

    assert done.returncode == 1
    assert "InertInterventionError" in done.stdout
