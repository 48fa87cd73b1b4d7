"""Claims about vision encoders, run as a user does."""

from __future__ import annotations

from tests.suite.conftest import ROOT

DEIT = str(ROOT / "ipllvm_spec/mini/checkpoints/mini-deit")
CLAIMS = ("-n", "1", "-k", "occlusion_encoders")


def test_a_model_whose_reference_is_not_there_is_not_compared(run):
    """A local checkpoint on published data needs the published ResNet, which nobody fetched."""
    done = run(*CLAIMS, "--models", DEIT, "-rs")

    assert done.returncode == 0, done.stdout
    assert "3 skipped" in done.stdout
    assert "cannot be compared with resnet-50" in done.stdout
    planned = run(*CLAIMS, "--models", DEIT, "--plan")
    assert planned.returncode == 0, planned.stdout
    assert "0 checks; 0 prompts" in planned.stdout


def test_both_models_of_a_comparison_are_planned(run):
    """The reference costs prompts too, and is planned once however many are compared with it."""
    chosen = ("-k", "occlusion_encoders and random", "--models", "mini-deit,mini-clip")
    done = run(*chosen, "--plan")

    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    for model in ("mini-deit", "mini-clip", "mini-resnet"):
        assert sum(line[:2] == [model, "imagenet"] for line in lines) == 4
    assert "2 checks; 3600 prompts" in done.stdout


def test_language_models_are_not_asked_to_classify(run):
    """Who lacks the capability skips with its name."""
    done = run(*CLAIMS, "--models", "mini-llava", "-rs")

    assert done.returncode == 0, done.stdout
    assert "mini-llava lacks: classify" in done.stdout
