"""The shared adapter on tiny random models of every family."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.apply import Draw, apply_tokens, split
from ipllvm_spec.interventions.base import TokenKind
from ipllvm_spec.models.core import SpliceAdapter
from ipllvm_spec.spec.interventions import PermuteTokens

DRAW = Draw(item_id="item", repeat=0, suite_seed=1)


def ask(adapter, image, text="what is it"):
    """Returns the encoded prompt and the visual tokens of one question."""
    prompt = adapter.encode_prompt(text, image)
    (visual,) = adapter.visual_tokens([prompt])
    return prompt, visual


def reference(adapter, prompt, **options):
    """What transformers itself makes of the same prompt: pixels in, text out."""
    ids = prompt.input_ids[None]
    made = adapter.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        **prompt.pixels,
        **options,
    )
    return made[0, ids.shape[1] :].tolist()


def test_identity_gives_bit_equal_logits(adapter, image):
    """Encode, splice and run without an intervention equals the model's own forward bit for bit."""
    prompt, visual = ask(adapter, image)
    own = adapter.model(input_ids=prompt.input_ids[None], logits_to_keep=1, **prompt.pixels)
    assert torch.equal(adapter.logits([prompt], [visual]), own.logits[:, -1])


def test_answers_equal_those_of_generate(adapter, make_image):
    """Greedy answers, batched and padded, are those of generate on each prompt alone."""
    images = [make_image(60, 40, 1), make_image(30, 90, 2), make_image(100, 100, 3), None]
    prompts = [adapter.encode_prompt("q" * 3**row, image) for row, image in enumerate(images)]
    visual = [*adapter.visual_tokens(prompts[:3]), None]
    answers = adapter.generate(prompts, visual, Decoding(6))
    for prompt, answer in zip(prompts, answers, strict=True):
        expected = reference(adapter, prompt, max_new_tokens=6)
        assert answer.text == adapter.prompts.tokenizer.decode(expected)
        assert answer.n_tokens == len(expected)


def test_decoding_stops_at_eos_as_generate_does(llava, image):
    """A row ends at EOS, which is counted but not shown, while the others go on."""
    prompts = [llava.encode_prompt(text, image) for text in ("one", "another question", "x")]
    visual = llava.visual_tokens(prompts)
    free = [reference(llava, prompt, max_new_tokens=8) for prompt in prompts]
    end = free[0][1]
    kept = llava.model.generation_config.eos_token_id
    llava.model.generation_config.eos_token_id = [end]
    try:
        stopping = type(llava)(
            llava.model, prompts=llava.prompts, identity=llava.identity, device=llava.device
        )
        answers = stopping.generate(prompts, visual, Decoding(8))
        expected = [reference(llava, prompt, max_new_tokens=8) for prompt in prompts]
    finally:
        llava.model.generation_config.eos_token_id = kept
    assert expected[0][-1] == end
    assert answers[0].n_tokens == len(expected[0]) < 8
    for answer, tokens in zip(answers, expected, strict=True):
        shown = [token for token in tokens if token != end]
        assert answer.text == llava.prompts.tokenizer.decode(shown)
        assert answer.n_tokens == len(tokens)


def test_a_stop_string_cuts_the_answer_and_ends_the_row(llava, image):
    """The text ends before the first stop string and no token is generated after it."""
    prompt, visual = ask(llava, image)
    (free,) = llava.generate([prompt], [visual], Decoding(8))
    mark = free.text[2]
    at = free.text.index(mark)
    assert free.text[: at + 1].isascii()
    (cut,) = llava.generate([prompt], [visual], Decoding(8, stop=("never there", mark)))
    assert cut.text == free.text[:at]
    assert cut.n_tokens == at + 1 < free.n_tokens


def test_batch_of_one_equals_batch_of_sixteen(adapter, make_image):
    """Left padding changes no text and logits only by rounding: 16 prompts of unequal length."""
    images = [None if row % 5 == 4 else make_image(30 + 7 * row, 60, row) for row in range(16)]
    prompts, text = [], ""
    for picture in images:
        text += "w"
        while (prompt := adapter.encode_prompt(text, picture)).input_ids.numel() in {
            other.input_ids.numel() for other in prompts
        }:
            text += "w"
        prompts.append(prompt)
    with_image = [prompt for prompt in prompts if prompt.n_visual]
    made = iter(adapter.visual_tokens(with_image))
    visual = [next(made) if prompt.n_visual else None for prompt in prompts]
    together = adapter.logits(prompts, visual)
    answers = adapter.generate(prompts, visual, Decoding(4))
    for row, prompt in enumerate(prompts):
        alone = adapter.logits([prompt], [visual[row]])
        torch.testing.assert_close(together[row], alone[0], atol=1e-4, rtol=0)
        (answer,) = adapter.generate([prompt], [visual[row]], Decoding(4))
        assert answer.text == answers[row].text
        assert answer.margin == pytest.approx(answers[row].margin, abs=1e-4)


def test_margin_is_the_gap_of_the_two_largest_logits(adapter, image):
    """The margin of an answer is read from the logits of its first token."""
    prompt, visual = ask(adapter, image)
    first, second = adapter.logits([prompt], [visual])[0].topk(2).values.tolist()
    (answer,) = adapter.generate([prompt], [visual], Decoding(1))
    assert answer.margin == pytest.approx(first - second, abs=1e-6)
    assert answer.n_tokens == 1


@pytest.mark.parametrize("positions", ["stay", "travel"])
def test_shuffled_tokens_reach_the_language_model(adapter, image, positions):
    """A permutation changes the logits, and travelling position ids give others than staying."""
    prompt, visual = ask(adapter, image)
    step = PermuteTokens(positions=positions)
    shuffled = apply_tokens(split(step).tokens, visual, draw=DRAW)
    assert not torch.equal(adapter.logits([prompt], [visual]), adapter.logits([prompt], [shuffled]))


def test_staying_positions_equal_an_embedding_shuffled_by_hand(adapter, image):
    """With positions='stay' the run is that of transformers on embeddings permuted in place."""
    prompt, visual = ask(adapter, image)
    shuffled = apply_tokens(split(PermuteTokens()).tokens, visual, draw=DRAW)
    embeds = adapter.model.get_input_embeddings()(prompt.input_ids[None]).clone()
    embeds[0, prompt.input_ids == adapter.prompts.image_token_id] = shuffled.tokens
    own = adapter.model(inputs_embeds=embeds, logits_to_keep=1).logits[:, -1]
    assert torch.equal(adapter.logits([prompt], [shuffled]), own)


def test_travelling_positions_only_matter_through_causality(llava, image):
    """Without a causal mask a set with its positions has no order: travel then equals intact."""
    prompt, visual = ask(llava, image)
    shuffled = apply_tokens(split(PermuteTokens(positions="travel")).tokens, visual, draw=DRAW)
    decoder = llava.model.get_decoder()

    def last_state(tokens):
        batch = llava._assemble([prompt], [tokens])
        everything = torch.ones(1, 1, *[batch.mask.shape[1]] * 2, dtype=torch.bool)
        output = decoder(
            inputs_embeds=batch.embeds, attention_mask=everything, position_ids=batch.positions
        )
        return output.last_hidden_state[:, -1]

    with torch.inference_mode():
        torch.testing.assert_close(last_state(shuffled), last_state(visual), atol=1e-5, rtol=0)
    stay = apply_tokens(split(PermuteTokens()).tokens, visual, draw=DRAW)
    with torch.inference_mode():
        assert (last_state(stay) - last_state(visual)).abs().max() > 1e-3


def test_a_layer_hook_acts_on_the_prompt_and_leaves_nothing(adapter, image):
    """Noise at a layer changes the logits; after the context outputs are bit-equal to before."""
    prompt, visual = ask(adapter, image)
    before = adapter.logits([prompt], [visual])
    calls = []

    def noise(hidden, batch):
        calls.append(hidden.shape[1])
        return hidden + batch.visual[..., None] * 0.5

    with adapter.layer_input_hook(1, noise):
        assert not torch.equal(adapter.logits([prompt], [visual]), before)
        adapter.generate([prompt], [visual], Decoding(3))
    # Once for the logits, once for the prompt of generate, never for its later tokens.
    assert calls == [prompt.input_ids.numel()] * 2
    assert torch.equal(adapter.logits([prompt], [visual]), before)


def test_a_layer_hook_is_for_its_own_thread(llava, image):
    """A model that another thread uses at the same time is not changed there."""
    prompt, visual = ask(llava, image)
    before = llava.logits([prompt], [visual])
    with (
        llava.layer_input_hook(0, lambda hidden, batch: hidden * 2),
        ThreadPoolExecutor(1) as other,
    ):
        assert torch.equal(other.submit(llava.logits, [prompt], [visual]).result(), before)
        assert not torch.equal(llava.logits([prompt], [visual]), before)


def test_a_layer_hook_is_removed_when_the_change_fails(llava, image):
    """An error inside the change leaves the model as it was."""
    prompt, visual = ask(llava, image)
    before = llava.logits([prompt], [visual])

    def fail(hidden, batch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), llava.layer_input_hook(0, fail):
        llava.logits([prompt], [visual])
    assert torch.equal(llava.logits([prompt], [visual]), before)


def test_layer_zero_sees_the_spliced_embeddings(adapter, image):
    """The hidden site of layer 0 is the input of the language model."""
    prompt, visual = ask(adapter, image)
    seen = []

    def look(hidden, batch):
        seen.append(torch.equal(hidden, batch.embeds))
        return hidden

    with adapter.layer_input_hook(0, look):
        adapter.logits([prompt], [visual])
    assert seen == [True]


@pytest.mark.parametrize("layer", [-1, 2])
def test_a_layer_that_does_not_exist_is_an_error(llava, layer):
    """The message says how many layers there are."""
    with pytest.raises(ModelError, match="the model has 2"), llava.layer_input_hook(layer, max):
        pass


def test_a_newline_elsewhere_than_expected_is_an_error(packed, image, monkeypatch):
    """Kinds are checked against the newline vector: wrong kinds never label tokens."""
    prompt = packed.encode_prompt("what", image)
    right = packed.token_kinds(packed.model.config, prompt.pixels)
    assert (right == TokenKind.NEWLINE).any()
    monkeypatch.setattr(packed, "token_kinds", lambda *_: right.roll(1))
    with pytest.raises(ModelError, match="newline tokens elsewhere"):
        packed.visual_tokens([prompt])


def test_adapter_says_what_it_can_do(adapter):
    """Sites, layers and attention implementation are those of the loaded model."""
    assert adapter.capabilities == {"answers", "pixels", "visual_tokens", "hidden"}
    assert adapter.n_layers == 2
    assert adapter.attention == "sdpa"
    assert isinstance(adapter, SpliceAdapter)


def test_nothing_asked_gives_nothing(llava):
    """Empty batches need no model."""
    assert llava.visual_tokens([]) == []
    assert llava.generate([], [], Decoding(3)) == []
