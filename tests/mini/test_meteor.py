"""mini-meteor: trained through the recipe, saved as published, read by the adapter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer

from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.formats import Question, draw_questions
from ipllvm_spec.mini.recipe import llvms, losses, towers, train
from ipllvm_spec.mini.recipe.losses import run_packed
from ipllvm_spec.mini.recipe.meteor import MeteorPacker, meteor_backend
from ipllvm_spec.mini.recipe.packing import ATTENTION
from ipllvm_spec.mini.recipe.tokens import load_backend
from ipllvm_spec.mini.recipe.visual import Shown, shown, tower_features
from ipllvm_spec.mini.recipe.world import World, make_world
from ipllvm_spec.models.registry import capabilities, load, resolve

CHECKPOINTS = Path(towers.__file__).parent.parent / "checkpoints"


@pytest.fixture(scope="module")
def backend() -> Tokenizer:
    """The shipped tokenizer under Meteor's names."""
    return meteor_backend(load_backend(CHECKPOINTS / "mini-tokenizer"))


@pytest.fixture(scope="module")
def world() -> World:
    """A few held-out scenes."""
    return make_world(3, seed=5, held_out=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint after a few steps of each phase, from the shipped mini-llava."""
    out = tmp_path_factory.mktemp("minis")
    for name in ("mini-tokenizer", "mini-clip", "mini-llava"):
        (out / name).symlink_to(CHECKPOINTS / name)
    plan = llvms.PLANS["mini-meteor"]
    short = tuple(replace(phase, steps=2) for phase in plan.phases)
    with pytest.MonkeyPatch.context() as patch:
        changed = {"mini-meteor": replace(plan, phases=short, scenes=60)}
        patch.setattr(llvms, "PLANS", dict(llvms.PLANS) | changed)
        patch.setattr(llvms, "HELD_OUT", 4)
        train("mini-meteor", out=out)
    return out / "mini-meteor"


def questions(world: World, n: int = 2) -> list[list[Question]]:
    """Questions about every scene."""
    rng = Random(0)
    return [
        draw_questions(KINDS[kind], spec, rng, n=n, captions=0.5)
        for kind, spec in zip(world.kinds, world.specs, strict=True)
    ]


def test_the_checkpoint_is_one_of_the_published_layout(trained: Path) -> None:
    """The registry finds a Meteor in it; both parts are small and on the card."""
    checkpoint = resolve(str(trained), entries={})
    assert checkpoint.family == "meteor"
    assert "second_entrance" in capabilities(checkpoint)
    card = json.loads((trained / "card.json").read_text(encoding="utf-8"))
    assert set(card["others"]) == {"mamba/model.safetensors"}
    assert card["parameters"] == checkpoint.parameters
    assert card["others"]["mamba/model.safetensors"] in (trained / "README.md").read_text("utf-8")
    assert sum(path.stat().st_size for path in trained.rglob("*.safetensors")) < 6_500_000
    for config in trained.rglob("config.json"):
        assert ': "/' not in config.read_text(encoding="utf-8")


def test_all_that_is_new_was_trained(trained: Path) -> None:
    """Weights at visual places begin at zero and do not stay there; the tower stays as it was."""
    model = load(resolve(str(trained), entries={})).model
    *layers, last = model.get_decoder().layers
    # Behind the last layer's attention nothing at a visual place is read any more.
    parts = [part for layer in layers for part in layer.modules() if hasattr(part, "up")]
    for part in (*parts, last.self_attn.k_proj, last.self_attn.v_proj):
        assert part.up.weight.abs().max() > 0
    tower = load_tower()
    theirs = model.model.vision_tower.state_dict()
    assert all(torch.equal(theirs[name], weight) for name, weight in tower.items())


def load_tower() -> dict[str, torch.Tensor]:
    """Weights of the shipped tower."""
    from transformers import CLIPModel

    tower = CLIPModel.from_pretrained(CHECKPOINTS / "mini-clip", dtype=torch.float32).vision_model
    state: dict[str, torch.Tensor] = tower.state_dict()
    return state


@torch.no_grad()
@pytest.mark.parametrize("with_image", [True, False], ids=["image", "text"])
def test_packed_rows_equal_the_adapters_prompts(
    with_image: bool,
    trained: Path,
    world: World,
    backend: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Training reads both prompts token by token as the adapter does, and gets its logits."""
    adapter = load(resolve(str(trained), entries={}))
    packer = MeteorPacker(backend)
    index, rows = packer.arrange(list(range(len(world))), questions(world))
    captions = [world.caption(i) for i in index]
    batch = packer.pack(rows, slots=64 if with_image else 0, texts=[] if with_image else captions)
    decoder: Any = adapter.model.get_decoder()
    shots = [Image.fromarray(world.pixels[i]) if with_image else None for i in index]
    asked = [
        q.prompt if with_image else f"{captions[r]}\n{q.prompt}" for r, (q,) in enumerate(rows)
    ]
    prompts = [adapter.encode_prompt(*pair) for pair in zip(asked, shots, strict=True)]
    visual, given = None, [None] * len(rows)
    if with_image:
        given = adapter.visual_tokens(prompts)
        second = torch.stack([tokens.second.tokens for tokens in given])
        visual = Shown(torch.stack([tokens.tokens for tokens in given]), second)
    monkeypatch.setattr(losses, "compute_dtype", lambda: torch.float32)
    decoder.config._attn_implementation = ATTENTION
    packed = adapter.model.lm_head(run_packed(adapter.model, batch, visual).last_hidden_state)
    decoder.config._attn_implementation = "sdpa"
    for row, prompt in enumerate(prompts):
        assert prompt.second_ids is not None
        assert torch.equal(batch.second[row], prompt.second_ids)
        first = int(batch.cols[batch.rows == row][0])
        assert first + 1 == len(prompt.input_ids)
        (alone,) = adapter.logits([prompt], [given[row]])
        torch.testing.assert_close(packed[row, first], alone, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_training_sees_what_the_adapter_sees(trained: Path, world: World) -> None:
    """Features of the tower's last layer, through both projectors."""
    adapter = load(resolve(str(trained), entries={}))
    tower = adapter.model.model.vision_tower
    features = tower_features("meteor", tower, world.pixels, dtype=torch.float32)
    ours = shown("meteor", adapter.model, features.float())
    prompts = [adapter.encode_prompt("Why?", Image.fromarray(p)) for p in world.pixels]
    theirs = adapter.visual_tokens(prompts)
    assert ours.second is not None
    # training keeps features in bfloat16, hence the tolerance
    for row, tokens in enumerate(theirs):
        assert tokens.second is not None
        torch.testing.assert_close(ours.tokens[row], tokens.tokens, atol=0.2, rtol=0.02)
        torch.testing.assert_close(ours.second[row], tokens.second.tokens, atol=0.05, rtol=0.02)


def test_questions_do_not_share_a_row(backend: Tokenizer, world: World) -> None:
    """The rationale depends on the question, so a shared image would be read with another's."""
    packer = MeteorPacker(backend)
    index, rows = packer.arrange([4, 7, 9], questions(world, n=3), most=2)
    assert index == [4, 4, 7, 7, 9, 9]
    assert {len(row) for row in rows} == {1}
    with pytest.raises(ValueError, match="one question a row"):
        packer.pack(questions(world), slots=64)


def test_the_tokenizer_keeps_its_ids_under_other_names(backend: Tokenizer) -> None:
    """Old tokens stay in place, and the two that Meteor adds are the last."""
    plain = load_backend(CHECKPOINTS / "mini-tokenizer")
    size = plain.get_vocab_size()
    assert [backend.token_to_id(token) for token in ("<image>", "<tor>")] == [size, size + 1]
    assert backend.token_to_id("[UNUSED_TOKEN_146]") == plain.token_to_id("<|im_start|>")
    text = "What color is the circle?\nred, blue"
    assert backend.encode(text).ids == plain.encode(text).ids
