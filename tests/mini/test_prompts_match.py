"""The minis are trained on the very prompts that the benchmarks put to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.questions.classes import NOUNS
from ipllvm_spec.mini.questions.formats import (
    LETTER_SUFFIX,
    class_prompt,
    hinted_lines,
    letters_inline,
    letters_lines,
)
from ipllvm_spec.mini.rows import ROWS, Row


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twins are rendered into a cache that the workers of a run share."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    monkeypatch.setenv("IPLLVM_CACHE", str(Path(folder) / "cache"))


def _options(row: Row) -> tuple[str, ...]:
    return tuple(row[f"option{i}"] for i in range(4) if row[f"option{i}"] != "N/A")


def trained(name: str, row: Row) -> str:
    """The prompt of a row as training writes it."""
    written: dict[str, Any] = {
        "qbench": lambda: f"{letters_lines(row['question'], _options(row))}\n{LETTER_SUFFIX}",
        "sqa": lambda: (
            hinted_lines(row["hint"], row["question"], tuple(row["choices"]), context=True)
            + f"\n{LETTER_SUFFIX}"
        ),
        "ai2d": lambda: f"{letters_lines(row['question'], tuple(row['options']))}\n{LETTER_SUFFIX}",
        "mathvista": lambda: row["query"],
        "mmvet": lambda: row["question"],
        "llava_w": lambda: row["question"],
        "gsm8k": lambda: f"Q: {row['question']}\nA:",
    }
    return str(written[name]())


@pytest.mark.parametrize(
    "name", ["qbench", "sqa", "ai2d", "mathvista", "mmvet", "llava_w", "gsm8k"]
)
def test_a_row_is_asked_as_it_was_trained(name: str) -> None:
    """Every prompt of the twin equals the training format, to the character."""
    mode = "zero_shot" if name == "gsm8k" else "standard"
    items = load_items(get_benchmark(name, mode), "twin").items
    rows = ROWS[name]()
    assert len(items) == len(rows)
    for item, row in zip(items, rows, strict=True):
        assert item.prompt == trained(name, row)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_asked_with_the_list_of_their_set(name: str) -> None:
    """The prompt names the classes of the twin in the order of their labels."""
    items = load_items(get_benchmark(name), "twin").items
    assert {item.prompt for item in items} == {class_prompt(NOUNS[name], CLASSES[name])}


def test_paper_mode_of_sqa_is_trained_too() -> None:
    """Training also shows hints without the word that announces them."""
    items = load_items(get_benchmark("sqa", "paper"), "twin").items
    for item, row in zip(items, ROWS["sqa"](), strict=True):
        asked = hinted_lines(row["hint"], row["question"], tuple(row["choices"]), context=False)
        assert item.prompt == f"{asked}\n{LETTER_SUFFIX}"


def test_inline_options_are_those_of_mmstar() -> None:
    """MMStar publishes its options within the question."""
    item = load_items(get_benchmark("mmstar"), "twin").items[0]
    asked = item.prompt.partition("\nOptions:")[0]
    assert item.prompt == f"{letters_inline(asked, item.choices)}\n{LETTER_SUFFIX}"
