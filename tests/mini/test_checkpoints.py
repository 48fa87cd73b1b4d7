"""The shipped checkpoints: safe, small, with true cards, loadable by the library's classes."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import pytest

from ipllvm_spec.verdicts.cards import PROXY, TABLE1, twins_of

FOLDER = Path(str(files("ipllvm_spec"))) / "mini" / "checkpoints"
LLVMS = ("mini-llava", "mini-llava-shuffled", "mini-llava-next", "mini-llava-onevision")
ENCODERS = ("mini-clip", "mini-siglip", "mini-vit", "mini-deit", "mini-resnet")
KEYS = (*LLVMS, *ENCODERS, "mini-meteor", "mini-lm-llama")


@pytest.mark.parametrize("key", KEYS)
def test_the_card_describes_the_weights(key: str) -> None:
    """The card's sha256 is that of the safetensors, and the README carries the notice."""
    card = json.loads((FOLDER / key / "card.json").read_text(encoding="utf-8"))
    weights = (FOLDER / key / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert len(weights) == card["bytes"]
    readme = (FOLDER / key / "README.md").read_text(encoding="utf-8")
    assert "mini" in readme.splitlines()[0]
    assert "Nothing about the minis is evidence about LLaVA." in readme


@pytest.mark.parametrize("key", [*LLVMS, "mini-meteor"])
def test_the_cards_reach_the_floors_or_say_what_they_miss(key: str) -> None:
    """25 points above chance on the twins of Table 1, intact; a floor missed is written down."""
    card = json.loads((FOLDER / key / "card.json").read_text(encoding="utf-8"))
    twins = {name.removesuffix(PROXY): row for name, row in card["twins"].items()}
    assert set(twins) == set(twins_of({}, anew=True))
    for name in TABLE1:
        reached = twins[name]["intact"] >= twins[name]["chance"] + 25
        assert reached or any(name in line for line in card["missed"])


def test_the_checkpoints_are_small_and_safe() -> None:
    """At most 48 MB together, and no format that can run code."""
    paths = [p for p in FOLDER.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in paths) < 48_000_000
    assert not [p for p in paths if p.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt", ".py"}]


@pytest.mark.parametrize("key", LLVMS)
def test_the_published_layout(key: str) -> None:
    """Config, weights, tokenizer with chat template, and an image processor lie side by side."""
    names = {p.name for p in (FOLDER / key).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert names & {"processor_config.json", "preprocessor_config.json"}
    config = json.loads((FOLDER / key / "config.json").read_text(encoding="utf-8"))
    assert config["text_config"]["hidden_size"] == config["vision_config"]["hidden_size"] == 128


@pytest.mark.parametrize("key", KEYS)
def test_no_path_of_the_training_machine_is_shipped(key: str) -> None:
    """Configs name no folder; where a part was loaded from is nobody's business."""
    config = (FOLDER / key / "config.json").read_text(encoding="utf-8")
    assert ': "/' not in config
