"""Closed-set likelihood and prompts without a chat template, held against plain forwards."""

import io
from contextlib import closing

import datasets
import pytest
import torch

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.benchmarks.classification_lists import class_list
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.apply import Draw, apply_tokens, split
from ipllvm_spec.models import likelihood
from ipllvm_spec.models.likelihood import mean_log_probabilities, option_tokens
from ipllvm_spec.models.registry import load, resolve
from ipllvm_spec.spec.interventions import PermuteTokens

MINIS = ("mini-llava", "mini-llava-next", "mini-llava-onevision")
OPTIONS = ("ox", "a", "zebra", "ze", "a very long name indeed", "b")


def scores(adapter, prompts, visual, options=OPTIONS):
    """Mean log-probabilities as the adapter computes them."""
    with torch.inference_mode():
        return mean_log_probabilities(
            adapter.model,
            adapter._assemble(prompts, visual),
            option_tokens(adapter.prompts.tokenizer, options),
            prefill=adapter._prefill,
        )


def plain(adapter, prompt, visual, tokens):
    """Mean log-probability of one option from one forward over prompt and option, no cache."""
    ids = torch.cat([prompt.input_ids, torch.tensor(tokens)])[None]
    with torch.inference_mode():
        embeds = adapter.model.get_input_embeddings()(ids).clone()
        if visual is not None:
            embeds[ids == adapter.prompts.image_token_id] = visual.tokens.to(embeds)
        output = adapter.model.get_decoder()(
            inputs_embeds=embeds,
            attention_mask=torch.ones_like(ids),
            position_ids=torch.arange(ids.shape[1])[None],
        )
        logits = adapter.model.lm_head(output.last_hidden_state)[0].float()
    start = prompt.input_ids.numel()
    each = [logits[start + at - 1].log_softmax(-1)[token] for at, token in enumerate(tokens)]
    return float(torch.stack(each).mean())


@pytest.fixture
def asked(adapter, make_image):
    """Prompts of unequal length, with image and without, and their visual tokens."""
    images = [make_image(60, 40, 1), None, make_image(30, 90, 2)]
    prompts = [adapter.encode_prompt("q" * 2**row, image) for row, image in enumerate(images)]
    made = iter(adapter.visual_tokens([prompts[0], prompts[2]]))
    return prompts, [None if image is None else next(made) for image in images]


def test_likelihoods_equal_a_plain_forward_for_every_option(adapter, asked):
    """Packed options behind a padded batch's cache score as each does alone after its prompt."""
    prompts, visual = asked
    found = scores(adapter, prompts, visual)
    tokens = option_tokens(adapter.prompts.tokenizer, OPTIONS)
    assert {len(each) for each in tokens} >= {1, 2, 5}
    for row, prompt in enumerate(prompts):
        expected = [plain(adapter, prompt, visual[row], each) for each in tokens]
        assert found[row].tolist() == pytest.approx(expected, abs=1e-4)


def test_small_packs_give_what_large_ones_give(adapter, asked, monkeypatch):
    """Several forwards over one cache, cut back in between, equal a single one."""
    whole = scores(adapter, *asked)
    monkeypatch.setattr(likelihood, "_PACKED", 5)
    torch.testing.assert_close(scores(adapter, *asked), whole, atol=1e-4, rtol=0)


def test_the_answer_is_the_best_option_and_its_lead(adapter, asked):
    """Text, number of new tokens and margin of an answer follow from the scores."""
    answers = adapter.generate(*asked, Decoding(1, options=OPTIONS))
    for answer, row in zip(answers, scores(adapter, *asked), strict=True):
        first, second = row.topk(2).values.tolist()
        assert answer.text == OPTIONS[int(row.argmax())]
        assert answer.margin == pytest.approx(first - second, abs=1e-6)
        assert answer.n_tokens == 0


def test_the_order_of_options_does_not_matter(adapter, asked):
    """An option's score is its own, wherever it stands in the pack."""
    turned = scores(adapter, *asked, tuple(reversed(OPTIONS)))
    torch.testing.assert_close(turned.flip(1), scores(adapter, *asked), atol=1e-4, rtol=0)


def test_one_option_is_the_answer(llava, image):
    """A single option wins without a margin."""
    prompt = llava.encode_prompt("x", image)
    (answer,) = llava.generate(
        [prompt], llava.visual_tokens([prompt]), Decoding(1, options=("only",))
    )
    assert (answer.text, answer.margin) == ("only", 0.0)


def test_an_option_without_a_token_is_an_error(llava, image):
    """Nothing can be scored of an empty option."""
    prompt = llava.encode_prompt("x", image)
    with pytest.raises(ModelError, match="option '' has no token"):
        llava.generate([prompt], llava.visual_tokens([prompt]), Decoding(1, options=("a", "")))


def test_interventions_reach_the_options(adapter, asked):
    """Shuffled visual tokens and a changed layer input give other likelihoods, text alone not."""
    prompts, visual = asked
    intact = scores(adapter, prompts, visual)
    draw = Draw(item_id="item", repeat=0, suite_seed=1)
    shuffled = [
        tokens and apply_tokens(split(PermuteTokens()).tokens, tokens, draw=draw)
        for tokens in visual
    ]
    changed = scores(adapter, prompts, shuffled)
    assert not torch.equal(changed[0], intact[0])
    torch.testing.assert_close(changed[1], intact[1], atol=1e-5, rtol=0)
    seen = []

    def double(hidden, batch):
        seen.append(hidden.shape[1])
        return hidden * 2.0

    with adapter.layer_input_hook(1, double):
        hooked = scores(adapter, prompts, visual)
    assert seen == [max(prompt.input_ids.numel() for prompt in prompts)]
    assert not torch.equal(hooked, intact)


def mini(key):
    """Loads a shipped mini."""
    return load(resolve(key))


@pytest.mark.parametrize("key", MINIS)
def test_minis_choose_what_they_generate(key, make_image):
    """Where the generated answer is an option, it is the likeliest one far more often than not."""
    adapter = mini(key)
    prompts = [
        adapter.encode_prompt("What color is the circle?", make_image(64, 64, seed))
        for seed in range(12)
    ]
    visual = adapter.visual_tokens(prompts)
    free = [answer.text.strip() for answer in adapter.generate(prompts, visual, Decoding(8))]
    options = tuple(dict.fromkeys([*free, "checkerboard", "square"]))
    chosen = adapter.generate(prompts, visual, Decoding(1, options=options))
    assert sum(c.text == f for c, f in zip(chosen, free, strict=True)) >= 9


@pytest.mark.parametrize("key", MINIS)
@pytest.mark.parametrize("chat", [True, False])
def test_minis_answer_text_alone(key, chat):
    """Prompts without an image are answered as transformers' generate does, batched or not."""
    adapter = mini(key)
    texts = ("Q: What is 2 + 3?\nA:", "What color is the sky?")
    prompts = [adapter.encode_prompt(text, None, chat=chat) for text in texts]
    answers = adapter.generate(prompts, [None, None], Decoding(6))
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = prompt.input_ids[None]
        made = adapter.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=6
        )
        expected = adapter.prompts.tokenizer.decode(
            made[0, ids.shape[1] :], skip_special_tokens=True
        )
        assert answer.text == expected


def test_a_raw_prompt_is_the_text_after_the_start_token(adapter, image):
    """Without the chat template nothing is added but the start token and the image's line."""
    tokenizer = adapter.prompts.tokenizer
    text = "Q: one?\nA:"
    raw = adapter.encode_prompt(text, None, chat=False)
    assert raw.input_ids.tolist() == [
        tokenizer.bos_token_id,
        *tokenizer(text, add_special_tokens=False)["input_ids"],
    ]
    seeing = adapter.encode_prompt(text, image, chat=False)
    placed = seeing.input_ids == adapter.prompts.image_token_id
    assert int(placed.sum()) == seeing.n_visual > 0
    assert tokenizer.decode(seeing.input_ids[~placed]) == f"<s>\n{text}"
    wrapped = adapter.encode_prompt(text, image)
    assert wrapped.n_visual == seeing.n_visual
    assert wrapped.input_ids.tolist() != seeing.input_ids.tolist()


def test_a_raw_prompt_keeps_its_own_start_token(llava):
    """Text that begins with the start token gets no second one."""
    assert (
        llava.encode_prompt("<s>Q:", None, chat=False).input_ids.tolist()
        == llava.encode_prompt("Q:", None, chat=False).input_ids.tolist()
    )


def test_an_engine_chooses_among_the_classes_of_the_data(checkpoints, make_image, tmp_path):
    """Through engine and store a classification set's likelihood mode answers with class names."""

    def encoded(number):
        stream = io.BytesIO()
        make_image(30 + number, 40, number).save(stream, "PNG")
        return {"bytes": stream.getvalue(), "path": None}

    known = class_list("eurosat")
    columns = {"image": [encoded(number) for number in range(8)], "label": list(range(8))}
    labels = datasets.ClassLabel(names=list(known.labels))
    features = datasets.Features({"image": datasets.Image(), "label": labels})
    folder = tmp_path / "data"
    folder.mkdir()
    datasets.Dataset.from_dict(columns, features=features).to_parquet(str(folder / "test.parquet"))
    texts = {}
    group = EngineGroup.start(store=tmp_path / "store", run_dir=tmp_path, devices=("cpu",))
    with group, closing(EngineClient(group.address)) as client:
        for mode in ("likelihood", "open"):
            cell = Cell(str(checkpoints["llava"]), "eurosat", source=str(folder), mode=mode)
            rows = client.measure(cell, 0, 8)
            assert {row.status for row in rows} == {"ok"}
            texts[mode] = {row.text for row in rows}
    assert texts["likelihood"] <= set(known.names)
    assert not texts["open"] & set(known.names)
