"""Whatever can change an answer is in its key; whatever cannot is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipllvm_spec.benchmarks.base import Decoding, Item
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.keys import (
    DataId,
    ModelId,
    cell_key,
    content_digest,
    describe_cell,
    item_key,
    prompt_digest,
)
from ipllvm_spec.spec.interventions import BlankImage, PermuteTokens

ITEMS = (Item("i0", "u0", "c0", "", "What?", "A"), Item("i1", "u1", "c1", "", "Why?", "B"))
BASE = {
    "cell": Cell("mini", "b", intervention=PermuteTokens()),
    "model": ModelId("mini", "sha256:1", "p", "float32"),
    "data": DataId("b", "standard", "content", "r1"),
    "prompts": prompt_digest(ITEMS),
    "decoding": Decoding(max_new_tokens=8),
    "engine": "transformers-5.23",
}


def _key(**changes) -> str:
    given = {**BASE, **changes}
    return cell_key(describe_cell(given.pop("cell"), **given))


CHANGES = {
    "weights": {"model": replace(BASE["model"], digest="sha256:2")},
    "processor": {"model": replace(BASE["model"], processor_digest="q")},
    "dtype": {"model": replace(BASE["model"], dtype="bfloat16")},
    "variant": {"model": replace(BASE["model"], variant=("zero_tower",))},
    "attention": {"model": replace(BASE["model"], attention="eager")},
    "content": {"data": replace(BASE["data"], content_digest="other")},
    "revision": {"data": replace(BASE["data"], revision="r2")},
    "split": {"data": replace(BASE["data"], split="val")},
    "mode": {"data": replace(BASE["data"], mode="paper")},
    "prompts": {"prompts": prompt_digest(ITEMS[:1])},
    "new tokens": {"decoding": Decoding(max_new_tokens=9)},
    "saliency": {"saliency": BASE["model"]},
    "stop": {"decoding": Decoding(max_new_tokens=8, stop=("\n",))},
    "options": {"decoding": Decoding(max_new_tokens=8, options=("cat", "dog"))},
    "raw prompt": {"decoding": Decoding(max_new_tokens=8, chat=False)},
    "engine": {"engine": "transformers-5.24"},
    "intervention": {"cell": replace(BASE["cell"], intervention=BlankImage())},
    "parameter": {"cell": replace(BASE["cell"], intervention=PermuteTokens(scope="all"))},
    "repeat": {"cell": replace(BASE["cell"], repeat=1)},
    "suite seed": {"cell": replace(BASE["cell"], suite_seed=1)},
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_can_change_an_answer_changes_the_key(what):
    """Each part of a cell's description matters on its own."""
    assert _key(**CHANGES[what]) != _key()


def test_names_and_sizes_do_not_change_the_key():
    """The same weights under another name or path have the same answers."""
    other = replace(BASE["model"], ref="/elsewhere/mini", weight_bytes=5)
    assert _key(model=other, cell=replace(BASE["cell"], model="/elsewhere/mini")) == _key()


def test_seeds_do_not_matter_where_nothing_is_drawn():
    """Intact answers are shared by all repeats and suite seeds."""
    intact = Cell("mini", "b")
    assert _key(cell=intact) == _key(cell=replace(intact, repeat=4, suite_seed=9))


def test_item_keys_follow_what_the_model_sees():
    """Prompt and image matter, gold does not; the cell and the id do."""
    item = ITEMS[0]
    seen = content_digest(item)
    assert content_digest(replace(item, gold="B")) == seen
    assert content_digest(replace(item, prompt="Who?")) != seen
    assert content_digest(replace(item, image_digest="x")) != seen
    keys = {item_key("c", "i0", seen), item_key("d", "i0", seen), item_key("c", "i1", seen)}
    assert len(keys) == 3


def test_what_is_not_used_is_not_named():
    """Answers stored before options and raw prompts existed keep their keys."""
    generation = describe_cell(**{"cell": BASE["cell"], **BASE})["generation"]

    assert generation == {"max_new_tokens": 8, "stop": [], "greedy": True}
