"""Claims about vision encoders, run as a user does."""

from __future__ import annotations

import json
import shutil

from ipllvm_spec.mini.classes import SCENE_CLASSES
from tests.suite.conftest import ROOT, ipllvm

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


def test_a_model_without_a_classifier_is_told_how_to_get_one(run, tmp_path):
    """An encoder can be given a probe, so its skip names the command; a probe gives verdicts."""
    headless = _headless(tmp_path / "headless")
    options = ("-n", "0", "-k", "occlusion_encoders", "--data", "twin", "--units", "60")
    done = run(*options, "--models", str(headless), "-rs")

    assert done.returncode == 0, done.stdout
    assert "lacks: classify (`ipllvm probe` fits" in done.stdout.replace("\n", " ")

    probed = tmp_path / "probed"
    said = ipllvm(
        "probe", str(headless), f"imagenet={_training_scenes(tmp_path)}", "--out", str(probed)
    )
    assert "22 classes from 660 images" in said, said
    done = run(*options, "--models", str(probed))

    run_dir = tmp_path / "run"
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert len((run_dir / "records.jsonl").read_text().splitlines()) == 3, done.stdout
    ipllvm("rescore", "--run-dir", str(run_dir))
    scores = json.loads((run_dir / "scores.json").read_text())["scores"]
    (intact,) = (
        one["metric"]
        for one in scores
        if (one["model"], one["intervention"]) == (str(probed), "[]")
    )
    # The classifier's own head names all of them; chance is 100 / 22.
    assert intact > 80


def _headless(folder):
    """mini-vit as one that was trained without labels would be published."""
    from transformers import ViTModel

    source = ROOT / "ipllvm_spec/mini/checkpoints/mini-vit"
    ViTModel.from_pretrained(source, add_pooling_layer=False).save_pretrained(folder)
    shutil.copy(source / "preprocessor_config.json", folder)
    return folder


def _training_scenes(folder):
    """Thirty scenes a class that are not held out, in the layout of the twin."""
    import datasets
    from PIL import Image

    from ipllvm_spec.mini.columns import twin_features
    from ipllvm_spec.mini.recipe.classifiers import KINDS_OF_SCENE
    from ipllvm_spec.mini.recipe.world import make_world

    world = make_world(2000, seed=11, held_out=False, only=KINDS_OF_SCENE)
    labels = [SCENE_CLASSES.index(spec.what) for spec in world.specs]
    chosen = [n for c in range(22) for n in [k for k, one in enumerate(labels) if one == c][:30]]
    rows = {
        "image": [Image.fromarray(world.pixels[number]) for number in chosen],
        "label": [labels[number] for number in chosen],
    }
    path = folder / "train.parquet"
    datasets.Dataset.from_dict(rows, features=twin_features("imagenet")).to_parquet(str(path))
    return path
