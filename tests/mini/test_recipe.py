"""The recipe: packed rows equal plain prompts, visual tokens equal the library's own."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from ipllvm_spec.errors import UnknownNameError
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.formats import draw_questions
from ipllvm_spec.mini.recipe import assemble as assembling
from ipllvm_spec.mini.recipe import stages, towers, train
from ipllvm_spec.mini.recipe.evaluate import held_out_accuracy, language_accuracy
from ipllvm_spec.mini.recipe.language import new_language_model
from ipllvm_spec.mini.recipe.packing import ATTENTION, Packer
from ipllvm_spec.mini.recipe.saving import to_shipped
from ipllvm_spec.mini.recipe.tokens import IMAGE, load_backend, wrap
from ipllvm_spec.mini.recipe.visual import slots_of, tower_features, visual_tokens
from ipllvm_spec.mini.recipe.world import World, make_world

CHECKPOINTS = Path(towers.__file__).parent.parent / "checkpoints"
FAMILIES = tuple(family for family in assembling.FAMILIES if family != "meteor")


@pytest.fixture(scope="module")
def backend() -> Tokenizer:
    """The shipped tokenizer."""
    return load_backend(CHECKPOINTS / "mini-tokenizer")


@pytest.fixture(scope="module")
def world() -> World:
    """A few held-out scenes."""
    return make_world(4, seed=5, held_out=True)


@pytest.fixture(scope="module")
def models(backend: Tokenizer) -> dict[str, Any]:
    """Random models of every family in float32; weights large enough for differences to show."""
    torch.manual_seed(0)
    made = {}
    for family in FAMILIES:
        text = towers.text_shape(backend)
        if family == "llava_onevision":
            config = SiglipConfig(
                text_config=text | {"projection_size": towers.WIDTH},
                vision_config=towers.vision_shape(towers.TILE),
            )
            tower = SiglipModel(config).vision_model
        else:
            side = 64 if family == "llava" else towers.TILE
            config = CLIPConfig(text_config=text, vision_config=towers.vision_shape(side))
            tower = CLIPModel(config).vision_model
        style = "chatml" if family == "llava_onevision" else "llama"
        language = new_language_model(backend, style=style)
        model: Any = assembling.assemble(family, tower, language, backend).eval()
        for p in model.parameters():
            if p.ndim > 1:
                p.data.normal_(0, 0.08)
        made[family] = model
    return made


@pytest.mark.parametrize("style", ["llama", "chatml"])
def test_text_survives_the_tokenizer(backend: Tokenizer, style: str) -> None:
    """Encoding and decoding gives back prompts, answers and captions unchanged."""
    tokenizer = wrap(backend, style=style)
    rng = Random(1)
    for kind in KINDS.values():
        for _ in range(5):
            spec = kind.sample(rng)
            texts = [kind.caption(spec), " trailing ", "Größe ✓\n\n"]
            for q in draw_questions(kind, spec, rng, n=4, captions=0.5):
                texts += [q.prompt, q.answer]
            for text in texts:
                ids = tokenizer(text, add_special_tokens=False).input_ids
                assert tokenizer.decode(ids) == text


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_visual_tokens_equal_the_librarys(
    family: str, models: dict[str, Any], world: World
) -> None:
    """Features, tiles, newlines and the bilinear reduction lie as in `get_image_features`."""
    model = models[family]
    features = tower_features(
        family, model.model.vision_tower, world.pixels, dtype=torch.float32
    ).float()
    ours = visual_tokens(family, model, features)
    shown = [Image.fromarray(p) for p in world.pixels]
    values = assembling.image_processor(family)(shown, return_tensors="pt")
    extra = {} if family == "llava" else {"image_sizes": values["image_sizes"]}
    theirs = model.get_image_features(pixel_values=values["pixel_values"], **extra).pooler_output
    assert ours.shape[1] == slots_of(family)
    # training keeps features in bfloat16, hence the tolerance
    torch.testing.assert_close(ours, torch.stack(list(theirs)), atol=0.05, rtol=0.02)


@torch.no_grad()
@pytest.mark.parametrize("shown", [True, False], ids=["image", "text"])
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_equal_plain_prompts(
    family: str, shown: bool, models: dict[str, Any], world: World, backend: Tokenizer
) -> None:
    """A packed question has the logits it has in a prompt of its own, made by the chat template."""
    model, slots = models[family], slots_of(family)
    style = "chatml" if family == "llava_onevision" else "llama"
    packer, tokenizer = Packer(backend, style=style), wrap(backend, style=style)
    rng = Random(0)
    rows = [
        draw_questions(KINDS[world.kinds[i]], world.specs[i], rng, n=3, captions=0.5)
        for i in range(2)
    ]
    texts = [] if shown else [world.caption(i) for i in range(2)]
    batch = packer.pack(rows, slots=slots if shown else 0, texts=texts)
    visual = torch.randn(2, slots, 128) * 0.3
    embeds = model.get_input_embeddings()(batch.ids)
    if shown:
        embeds[:, batch.first_slot : batch.first_slot + slots] = visual
    decoder = model.model.language_model
    decoder.config._attn_implementation = ATTENTION
    layout = batch.layout
    packed = layout.unfold(
        decoder(
            inputs_embeds=layout.fold(embeds),
            position_ids=layout.fold(batch.positions.expand(2, -1)),
            attention_mask=torch.zeros(1, 1, 1, 1),
            use_cache=False,
            layout=layout,
        ).last_hidden_state
    )
    decoder.config._attn_implementation = "sdpa"
    segments = (batch.cols - batch.layout.prefix) // batch.layout.length
    for r, questions in enumerate(rows):
        for k, question in enumerate(questions):
            content = [{"type": "image"}] if shown else []
            said = question.prompt if shown else f"{texts[r]}\n{question.prompt}"
            prompt = tokenizer.apply_chat_template(
                [{"role": "user", "content": [*content, {"type": "text", "text": said}]}],
                tokenize=False,
                add_generation_prompt=True,
            )
            ids = tokenizer(prompt.replace(IMAGE, IMAGE * slots), return_tensors="pt").input_ids
            plain = model.get_input_embeddings()(ids)
            if shown:
                plain[0, ids[0] == backend.token_to_id(IMAGE)] = visual[r]
            alone = decoder(inputs_embeds=plain).last_hidden_state[0, -1]
            here = ((batch.rows == r) & (segments == k)).nonzero().flatten()
            torch.testing.assert_close(packed[r, batch.cols[here[0]]], alone, atol=1e-4, rtol=1e-4)
            answer = backend.decode(batch.targets[here].tolist(), skip_special_tokens=True)
            assert answer == question.answer


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rounded_model_is_measured_as_it_ships(
    family: str, models: dict[str, Any], world: World, backend: Tokenizer
) -> None:
    """What a stage measures after its last step is the model in the precision it is saved in."""
    model = deepcopy(models[family])
    features = tower_features(family, model.model.vision_tower, world.pixels, dtype=model.dtype)
    to_shipped(model)
    assert model.dtype == torch.bfloat16
    found = held_out_accuracy(model, world, features, backend, family=family, shuffled=True)
    assert 0 <= found["all"] <= 1
    assert any("/" in name for name in found)


def test_a_rounded_language_model_is_measured_as_it_ships(world: World, backend: Tokenizer) -> None:
    """The same for a stage of text alone."""
    model = new_language_model(backend, style="llama")
    to_shipped(model)
    assert set(language_accuracy(model, world, backend)) > {"all"}


@pytest.mark.parametrize("family", ["llava", "llava_next"])
def test_processors_insert_as_many_tokens_as_the_model_makes(
    family: str, world: World, backend: Tokenizer
) -> None:
    """The saved processors expand <image> to the number of visual tokens."""
    (processor,) = assembling.parts_of(family, backend)
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Why?"}]}],
        add_generation_prompt=True,
    )
    image = Image.fromarray(world.pixels[0])
    made = processor(text=[prompt], images=[image], return_tensors="pt")
    assert int((made.input_ids == backend.token_to_id(IMAGE)).sum()) == slots_of(family)


def test_training_scenes_are_on_the_other_side() -> None:
    """Training worlds hold no held-out scene and the other way round."""
    sides = [make_world(40, seed=9, held_out=side) for side in (False, True)]
    digests = [{p.tobytes() for p in w.pixels} for w in sides]
    assert not digests[0] & digests[1]


def test_unknown_stages_are_named(tmp_path: Path) -> None:
    """A wrong stage gets the nearest right one, before anything is trained."""
    assert "mini-llava" in stages()
    with pytest.raises(UnknownNameError, match="mini-llava"):
        train("mini-lava", out=tmp_path)
    assert not any(tmp_path.iterdir())
