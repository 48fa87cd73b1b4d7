"""Shortened prompts through every family: held against prompts spliced by hand."""

import pytest
import torch

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.groups import keep_group
from ipllvm_spec.models.packing import base_grid
from ipllvm_spec.spec.interventions import KeepGroup

RULES = ("repacked", "retained")
OPTIONS = ("ox", "zebra", "a very long name")
STEPS = (
    KeepGroup(m=3, group=(0, 0)),
    KeepGroup(m=3, group=(2, 1), positions="retained"),
    KeepGroup(m=4, group=(3, 3)),
    KeepGroup(m=2, group=(1, 0), how="meanpool", positions="retained"),
)


def shortened(adapter, prompt, visual, step):
    """A prompt with one group left, spliced by hand: (1, length, d) and (1, length) ids."""
    rows, columns = visual.grid
    block = step.block((rows, columns))
    slots = [r * columns + c for r in block.rows for c in block.columns]
    tokens = visual.tokens[slots]
    (places,) = torch.nonzero(prompt.input_ids == adapter.prompts.image_token_id, as_tuple=True)
    start, stop = int(places[0]), int(places[-1]) + 1
    if step.how == "meanpool":
        tokens = tokens.mean(dim=0, keepdim=True)
        rows_of, columns_of = list(block.rows), list(block.columns)
        middle = rows_of[(len(rows_of) - 1) // 2] * columns
        slots = [middle + columns_of[(len(columns_of) - 1) // 2]]
    words = adapter.model.get_input_embeddings()(prompt.input_ids)
    embeds = torch.cat([words[:start], tokens, words[stop:]])[None]
    if step.positions == "repacked":
        return embeds, torch.arange(embeds.shape[1])[None]
    after = torch.arange(stop, prompt.input_ids.numel())
    return embeds, torch.cat([torch.arange(start), start + torch.tensor(slots), after])[None]


def by_hand(adapter, embeds, positions, ids=()):
    """Logits after a prompt and further token ids that follow it."""
    more = torch.tensor([list(ids)], dtype=torch.int64)
    embeds = torch.cat([embeds, adapter.model.get_input_embeddings()(more)], dim=1)
    follow = int(positions[0, -1]) + 1 + torch.arange(len(ids))[None]
    output = adapter.model.get_decoder()(
        inputs_embeds=embeds,
        attention_mask=torch.ones(embeds.shape[:2], dtype=torch.int64),
        position_ids=torch.cat([positions, follow], dim=1),
    )
    return adapter.model.lm_head(output.last_hidden_state)[0].float()


@pytest.fixture
def asked(adapter, make_image):
    """Prompts of unequal length, one without an image, and their visual tokens."""
    images = [make_image(60, 40, 1), make_image(30, 90, 2), None, make_image(100, 100, 3)]
    prompts = [adapter.encode_prompt("q" * 3**row, image) for row, image in enumerate(images)]
    made = iter(adapter.visual_tokens([p for p in prompts if p.n_visual]))
    return prompts, [next(made) if prompt.n_visual else None for prompt in prompts]


def grouped(visual, steps):
    """Another group for every prompt, so that rows lose unequal numbers of tokens."""
    return [
        tokens and keep_group(step, tokens, seed=0)
        for tokens, step in zip(visual, steps, strict=True)
    ]


@pytest.mark.parametrize("how", ["keep", "meanpool"])
@pytest.mark.parametrize("positions", RULES)
@torch.inference_mode()
def test_a_group_equals_a_prompt_spliced_by_hand(adapter, asked, how, positions):
    """Logits within 1e-4 of a forward over the short sequence, and it really is short."""
    prompts, visual = asked
    for prompt, tokens in ((prompts[0], visual[0]), (prompts[3], visual[3])):
        step = KeepGroup(m=3, group=(1, 2), how=how, positions=positions)
        kept = keep_group(step, tokens, seed=0)
        embeds, ids = shortened(adapter, prompt, tokens, step)
        batch = adapter._assemble([prompt], [kept])
        assert batch.embeds.shape == embeds.shape
        assert torch.equal(batch.positions, ids)
        expected = by_hand(adapter, embeds, ids)[-1:]
        torch.testing.assert_close(adapter.logits([prompt], [kept]), expected, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_the_two_position_rules_differ(llava, make_image):
    """A gap before the question reaches the logits."""
    prompt = llava.encode_prompt("what is it", make_image(60, 40, 1))
    (visual,) = llava.visual_tokens([prompt])
    short, whole = (
        keep_group(KeepGroup(m=2, group=(0, 1), positions=rule), visual, seed=0) for rule in RULES
    )
    assert (llava.logits([prompt], [short]) - llava.logits([prompt], [whole])).abs().max() > 1e-4


@torch.inference_mode()
def test_answers_of_a_batch_are_those_alone_and_by_hand(adapter, asked):
    """Rows that lose unequal numbers of tokens: greedy tokens follow each prompt's own ids."""
    prompts, visual = asked
    kept = grouped(visual, STEPS)
    answers = adapter.generate(prompts, kept, Decoding(5))
    for row, prompt in enumerate(prompts):
        (alone,) = adapter.generate([prompt], [kept[row]], Decoding(5))
        assert alone.text == answers[row].text
        assert alone.margin == pytest.approx(answers[row].margin, abs=1e-4)
        if visual[row] is None:
            continue
        embeds, ids = shortened(adapter, prompt, visual[row], STEPS[row])
        tokens: list[int] = []
        for _ in range(answers[row].n_tokens):
            tokens.append(int(by_hand(adapter, embeds, ids, tokens)[-1].argmax()))
        text = adapter.prompts.tokenizer.decode(tokens, skip_special_tokens=True)
        assert answers[row].text == text


@torch.inference_mode()
def test_options_are_scored_after_the_short_prompt(adapter, asked):
    """The chosen option and its lead are those of plain forwards over the short sequence."""
    prompts, visual = asked
    answers = adapter.generate(prompts, grouped(visual, STEPS), Decoding(1, options=OPTIONS))
    for row in (0, 1, 3):
        embeds, ids = shortened(adapter, prompts[row], visual[row], STEPS[row])
        scores = []
        for option in OPTIONS:
            tokens = adapter.prompts.tokenizer(option, add_special_tokens=False)["input_ids"]
            logits = by_hand(adapter, embeds, ids, tokens).log_softmax(-1)
            start = embeds.shape[1] - 1
            scores.append(sum(float(logits[start + k, t]) for k, t in enumerate(tokens)))
            scores[-1] /= len(tokens)
        best, second = sorted(scores, reverse=True)[:2]
        assert answers[row].text == OPTIONS[scores.index(best)]
        assert answers[row].margin == pytest.approx(best - second, abs=1e-4)


def test_lost_tokens_that_nobody_removed_are_an_error(llava, make_image):
    """Only a declared removal may shorten a prompt."""
    from dataclasses import replace

    prompt = llava.encode_prompt("what is it", make_image(60, 40, 1))
    (visual,) = llava.visual_tokens([prompt])
    kept = keep_group(KeepGroup(m=2, group=(0, 1)), visual, seed=0)
    with pytest.raises(ModelError, match="16 image placeholders but 4 visual tokens and 0 removed"):
        llava.logits([prompt], [replace(kept, removed=0)])


def test_the_grid_is_that_of_the_base_view(adapter, image):
    """Four by four patches, known from prompt and model alike, and nothing but patches."""
    prompt = adapter.encode_prompt("x", image)
    (visual,) = adapter.visual_tokens([prompt])
    assert prompt.grid == visual.grid == (4, 4)
    assert (visual.kinds[:16] == 0).all()


def test_a_class_token_leaves_no_grid(llava, image, monkeypatch):
    """Where a checkpoint keeps its class token, the visual tokens are no grid of patches."""
    pixels = llava.encode_prompt("x", image).pixels
    monkeypatch.setattr(llava.model.config, "vision_feature_select_strategy", "full")
    assert base_grid(llava.model.config, pixels) is None
