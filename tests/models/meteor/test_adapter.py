"""Meteor's adapter: prompts, LoRA at image positions, and the image's two entrances."""

import pytest
import torch
from torch import nn

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.apply import Draw, apply_tokens, split
from ipllvm_spec.models.meteor.modules import Places, PositionLinear
from ipllvm_spec.models.registry import capabilities, load, resolve
from ipllvm_spec.spec.interventions import Identity, PermuteTokens

DRAW = Draw(item_id="item", repeat=0, suite_seed=1)
SYSTEM = "You should give helpful answer to user based on the rationale."


def ask(adapter, image, text="what is it"):
    """Returns the encoded prompt and the visual tokens of one question."""
    prompt = adapter.encode_prompt(text, image)
    (visual,) = adapter.visual_tokens([prompt])
    return prompt, visual


def shuffled(visual, **settings):
    """Returns permuted visual tokens."""
    return apply_tokens(split(PermuteTokens(**settings)).tokens, visual, draw=DRAW)


def wqkv(layer, x, visual, model):
    """InternLM2's fused product with its low-rank part at image positions, from our weights."""
    attention, scale = layer.self_attn, model.config.lora_alpha / model.config.lora_rank
    made = []
    for part in (attention.q_proj, attention.k_proj, attention.v_proj):
        added = x @ attention.qkv.down.weight.T @ part.up.weight.T * scale
        made.append(x @ part.weight.T + added * visual[..., None])
    return made


def test_prompts_are_those_of_the_published_code(meteor, image):
    """Both prompts literally, with the image expanded in the first only."""
    prompt = meteor.encode_prompt("how many?", image)
    decode = meteor.prompts.tokenizer.decode
    assert decode(prompt.input_ids) == (
        f"<s>{'<tor>' * 4}[UNUSED_TOKEN_146]system\n{SYSTEM}[UNUSED_TOKEN_145]\n"
        f"[UNUSED_TOKEN_146]user\n{'<image>' * 16}how many?[UNUSED_TOKEN_145]\n"
        "[UNUSED_TOKEN_146]assistant\n"
    )
    assert decode(prompt.second_ids) == (
        "<s>[UNUSED_TOKEN_146]user\n<image>how many?[UNUSED_TOKEN_145]\n"
        f"[UNUSED_TOKEN_146]rationale\n{'<tor>' * 4}[UNUSED_TOKEN_145]\n</s>"
    )
    assert prompt.n_visual == 16
    assert prompt.pixels["pixel_values"].shape == (1, 3, 24, 24)
    text = meteor.encode_prompt("how many?", None)
    assert "<image>" not in decode(text.input_ids) + decode(text.second_ids)
    raw = meteor.encode_prompt("how many?", None, chat=False)
    assert decode(raw.input_ids) == "<s>how many?"
    assert raw.second_ids is None


@pytest.mark.parametrize("text", ["<image>", "<tor>"])
def test_a_question_with_a_placeholder_is_an_error(meteor, image, text):
    """A question that would be taken for an image or a rationale is refused."""
    with pytest.raises(ModelError, match=r"placeholder|<tor>"):
        meteor.encode_prompt(text, image)


def test_low_rank_weights_act_at_their_places_only():
    """Other rows are bit-equal to the plain layer's; in other calls nothing is added."""
    places = Places()
    layer = PositionLinear(6, 5, rank=2, scale=0.5, places=places)
    x, at = torch.randn(2, 4, 6), torch.tensor([[0, 1, 1, 0], [0, 0, 0, 1]]).bool()
    plain = nn.functional.linear(x, layer.weight)
    assert torch.equal(layer(x), plain)
    places.mask = at[..., None]
    changed = layer(x)
    assert torch.equal(changed[~at], plain[~at])
    added = x[at] @ layer.down.weight.T @ layer.up.weight.T * 0.5
    torch.testing.assert_close(changed[at], plain[at] + added)
    assert added.abs().min() > 0


def test_every_linear_layer_has_its_low_rank_part(meteor, image):
    """All seven of a decoder layer act at image positions, and at no other, with q, k, v fused."""
    prompt, visual = ask(meteor, image)
    seen = {}
    layer = meteor.model.get_decoder().layers[1]
    linears = {
        name: part for name, part in layer.named_modules() if isinstance(part, PositionLinear)
    }
    assert len(linears) == 7
    handles = [
        part.register_forward_hook(
            lambda _, args, output, name=name: seen.update({name: (args[0], output)})
        )
        for name, part in linears.items()
    ]
    batch = meteor._assemble([prompt], [visual])
    meteor.logits([prompt], [visual])
    for handle in handles:
        handle.remove()
    with torch.inference_mode():
        for name, part in linears.items():
            x, output = seen[name]
            plain = nn.functional.linear(x, part.weight)
            assert torch.equal(output[~batch.visual], plain[~batch.visual]), name
            assert not torch.equal(output[batch.visual], plain[batch.visual]), name
        x = seen["self_attn.q_proj"][0]
        for name, value in zip("qkv", wqkv(layer, x, batch.visual, meteor.model), strict=True):
            torch.testing.assert_close(seen[f"self_attn.{name}_proj"][1], value, atol=1e-5, rtol=0)


def test_low_rank_weights_are_inert_without_an_image(meteor, checkpoint):
    """A text-only prompt has bit-equal logits whatever the low-rank weights are."""
    prompt = meteor.encode_prompt("what is it", None)
    other = load(resolve(str(checkpoint), entries={}))
    with torch.no_grad():
        for part in other.model.get_decoder().modules():
            if isinstance(part, PositionLinear):
                part.up.weight.mul_(3)
    assert torch.equal(meteor.logits([prompt], [None]), other.logits([prompt], [None]))


def test_identity_gives_bit_equal_logits(meteor, image):
    """No step, no change; and the spliced run equals modules called one after another."""
    prompt, visual = ask(meteor, image)
    same = apply_tokens(split(Identity()).tokens, visual, draw=DRAW)
    assert torch.equal(meteor.logits([prompt], [visual]), meteor.logits([prompt], [same]))
    model, body = meteor.model, meteor.model.model
    with torch.inference_mode():
        patches = body.vision_tower(prompt.pixels["pixel_values"]).last_hidden_state[:, 1:]
        ids = prompt.second_ids
        at = int(torch.nonzero(ids == model.config.image_token_id))
        table = body.rationale.mamba.embeddings(ids)
        inside = torch.cat([table[:at], body.rationale.projector(patches[0]), table[at + 1 :]])
        states = body.rationale.mamba(inputs_embeds=inside[None]).last_hidden_state[0]
        places = torch.nonzero(ids == model.config.rationale_token_id).flatten() + 15
        embeds = model.get_input_embeddings()(prompt.input_ids)
        embeds[prompt.input_ids == model.config.rationale_token_id] = body.rationale.out(
            states[places]
        )
        seen = prompt.input_ids == model.config.image_token_id
        embeds[seen] = body.multi_modal_projector(patches)[0]
        with model.seeing(seen[None]):
            hidden = model.get_decoder()(inputs_embeds=embeds[None]).last_hidden_state
        own = model.lm_head(hidden[:, -1])
    torch.testing.assert_close(meteor.logits([prompt], [visual]), own, atol=1e-5, rtol=0)


def test_a_batch_equals_single_prompts(meteor, make_image):
    """Padding reaches neither the language model nor the Mamba."""
    images = [make_image(60, 40, 1), None, make_image(20, 50, 2)]
    prompts = [meteor.encode_prompt("q" * 4**row, image) for row, image in enumerate(images)]
    prompts.append(meteor.encode_prompt("plain", None, chat=False))
    first, last = meteor.visual_tokens([prompts[0], prompts[2]])
    visual = [first, None, last, None]
    together = meteor.logits(prompts, visual)
    answers = meteor.generate(prompts, visual, Decoding(4))
    for row, prompt in enumerate(prompts):
        alone = meteor.logits([prompt], [visual[row]])
        torch.testing.assert_close(together[row], alone[0], atol=1e-4, rtol=0)
        (answer,) = meteor.generate([prompt], [visual[row]], Decoding(4))
        assert answer.text == answers[row].text


def test_a_permutation_enters_at_both_places_unless_told(meteor, image):
    """The same draw reaches the Mamba with ``both`` and not with ``language``."""
    prompt, visual = ask(meteor, image)
    both, language = shuffled(visual), shuffled(visual, entrances="language")
    assert torch.equal(both.tokens, language.tokens)
    assert not torch.equal(both.tokens, visual.tokens)
    assert torch.equal(language.second.tokens, visual.second.tokens)
    order = (both.tokens[:, None] == visual.tokens[None]).all(-1).float().argmax(1)
    assert torch.equal(both.second.tokens, visual.second.tokens[order])
    with torch.inference_mode():
        intact, changed, kept = (
            meteor.rationale([prompt], [tokens]) for tokens in (visual, both, language)
        )
    assert torch.equal(intact, kept)
    assert not torch.equal(intact, changed)
    logits = [meteor.logits([prompt], [tokens]) for tokens in (visual, both, language)]
    assert not torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])
    assert not torch.equal(logits[1], logits[2])


def test_greedy_answers_equal_a_loop_without_cache(meteor, image):
    """Whole prompts read again for every token, low-rank weights at the image, give the same."""
    prompt, visual = ask(meteor, image)
    (answer,) = meteor.generate([prompt], [visual], Decoding(6))
    batch = meteor._assemble([prompt], [visual])
    model, embeds, seen, tokens = meteor.model, batch.embeds, batch.visual, []
    with torch.inference_mode():
        for _ in range(6):
            with model.seeing(seen):
                hidden = model.get_decoder()(inputs_embeds=embeds).last_hidden_state
            tokens.append(int(model.lm_head(hidden[:, -1]).argmax()))
            if tokens[-1] in meteor._eos:
                tokens.pop()
                break
            new = model.get_input_embeddings()(torch.tensor([tokens[-1:]]))
            embeds = torch.cat([embeds, new], dim=1)
            seen = torch.cat([seen, torch.zeros(1, 1, dtype=torch.bool)], dim=1)
    assert tokens
    assert answer.text == meteor.prompts.tokenizer.decode(tokens)


def test_options_are_scored(meteor, image):
    """Closed-set likelihood works through the same prefill."""
    prompt, visual = ask(meteor, image)
    (answer,) = meteor.generate([prompt], [visual], Decoding(1, options=("cat", "a dog")))
    assert answer.text in ("cat", "a dog")
    assert answer.margin > 0


def test_a_zeroed_tower_is_blind_at_both_entrances(checkpoint, make_image):
    """The broken variant leaves no way by which the image could enter."""
    blind = load(resolve(f"{checkpoint}~zero_tower", entries={}))
    prompts = [blind.encode_prompt("x", make_image(30, 30, seed)) for seed in (1, 2)]
    first, second = blind.logits(prompts, blind.visual_tokens(prompts))
    torch.testing.assert_close(first, second, atol=1e-6, rtol=0)


def test_the_second_entrance_is_a_capability(checkpoint):
    """A claim that changes one entrance only needs a model that has two."""
    found = capabilities(resolve(str(checkpoint), entries={}))
    assert PermuteTokens(entrances="language").needs() <= found
    assert "second_entrance" not in PermuteTokens().needs()


def test_the_entrance_changes_keys_only_where_it_is_named():
    """Models with one entrance keep their stored answers; both arms share their draws."""
    plain, only = PermuteTokens(), PermuteTokens(entrances="language")
    assert "entrances" not in plain.canonical()
    assert plain.canonical() != only.canonical()
    seeds = {split(step).tokens[0].seed(DRAW) for step in (plain, only)}
    assert len(seeds) == 1
