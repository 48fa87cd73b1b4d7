"""Stage 2: the base language models, trained on text alone.

A row is a caption followed by a question about it. Two other forms of a scene can be mixed in: a
grid of patch descriptions, each the sum of its words' embeddings, either in reading order or
shuffled with words for row and column. They were tried and learned too slowly to be the default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.formats import CAPTION_PROMPT, Question, draw_questions
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.packing import ATTENTION, Batch, Packer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.tokens import BOS, END, EOS, PAD
from ipllvm_spec.mini.recipe.words import COL_WORDS, ROW_WORDS
from ipllvm_spec.mini.recipe.world import PATCH_WORDS, World, patch_words
from ipllvm_spec.mini.scenes import GRID

WIDTH, DEPTH, HEADS, INNER = 128, 6, 4, 384
CAPTION_ROWS = 20
SHAPES: Mapping[str, tuple[int, int]] = {
    "terse rich": (8, 28),
    "open rich": (8, 14),
    "short rich": (8, 8),
    "letters rich": (8, 5),
    "terse lean": (24, 4),
    "open lean": (20, 3),
    "short lean": (20, 3),
    "letters lean": (16, 2),
}
"""Rows and questions a row, by family and sort of kind: few scenes where there is much to ask."""
TEXT_ONLY = {"text": 1.0}
SHARES = {"captions": 0.5, "open": 0.3, "short": 0.1, "letters": 0.1}


def new_language_model(backend: Tokenizer, *, style: str) -> Any:
    """A fresh language model of a style ("llama" or "chatml")."""
    shape: dict[str, Any] = {
        "vocab_size": backend.get_vocab_size(),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0},
        "tie_word_embeddings": False,
        # the default of 0.02 is made for wide models; here it delays in-context copying threefold
        "initializer_range": 0.08,
        "attn_implementation": ATTENTION,
        "pad_token_id": backend.token_to_id(PAD),
        "eos_token_id": backend.token_to_id(EOS if style == "llama" else END),
    }
    if style == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=backend.token_to_id(BOS)))
    return Qwen2ForCausalLM(Qwen2Config(**shape, bos_token_id=None))


class SceneWords:
    """Embeds scenes as sums of word embeddings, one vector a patch."""

    def __init__(self, backend: Tokenizer) -> None:
        def ids(words: Sequence[str]) -> torch.Tensor:
            # a word of the text has a space before it; glyphs of a digit have none
            spaced = [w if w.isdigit() or not w else f" {w}" for w in words]
            return torch.tensor([backend.encode(w).ids[0] if w else 0 for w in spaced])

        self._patch = ids(PATCH_WORDS)
        row, col = ids(ROW_WORDS), ids(COL_WORDS)
        grid = torch.arange(GRID * GRID)
        self._place = torch.stack([row[grid // GRID], col[grid % GRID]], dim=-1)

    def embed(self, table: Any, words: torch.Tensor, *, placed: bool) -> torch.Tensor:
        """Embeds patches.

        Args:
            table: the input embedding.
            words: (b, 64, 3) indices into PATCH_WORDS.
            placed: add the words for row and column.

        Returns:
            (b, 64, d).
        """
        vectors = table(self._patch[words]) * (words > 0)[..., None]
        total: torch.Tensor = vectors.sum(dim=2)
        return total + table(self._place).sum(dim=1) if placed else total


class OptionHeads(torch.nn.Module):
    """Auxiliary heads that say of each option whether it is the answer, thrown away afterwards.

    A letter alone is one signal for a whole prompt; a yes or no at each option, in the upper
    layers, is a signal for each comparison that the letter needs.
    """

    LAYERS = (4, 5)

    def __init__(self) -> None:
        super().__init__()
        self.heads = torch.nn.ModuleList(torch.nn.Linear(WIDTH, 1) for _ in self.LAYERS)

    def forward(self, states: Sequence[torch.Tensor], batch: Batch) -> torch.Tensor:
        """The mean loss over options and layers; zero for a batch without options."""
        losses = [torch.zeros(())]
        if len(batch.option_rows):
            losses = []
            for layer, head in zip(self.LAYERS, self.heads, strict=True):
                picked = states[layer][batch.option_rows, batch.option_cols]
                picked = torch.nn.functional.rms_norm(picked.float(), (WIDTH,))
                losses.append(
                    torch.nn.functional.binary_cross_entropy_with_logits(
                        head(picked).float()[:, 0], batch.option_right
                    )
                )
        return torch.stack(losses).mean()


def answer_loss(
    model: Any, batch: Batch, visual: torch.Tensor | None, *, options: OptionHeads | None = None
) -> tuple[torch.Tensor, float]:
    """Loss on the answers of a packed batch.

    Args:
        model: anything with a decoder and a head.
        batch: the packed questions.
        visual: (b, slots, d) for the slots of the batch, or None for text.
        options: adds their loss.

    Returns:
        The weighted cross entropy and the share of answer tokens predicted exactly.
    """
    decoder = model.get_decoder()
    embeds = decoder.get_input_embeddings()(batch.ids)
    if visual is not None:
        at, n = batch.first_slot, visual.shape[1]
        embeds = torch.cat([embeds[:, :at], visual.to(embeds.dtype), embeds[:, at + n :]], dim=1)
    # a residual stream in the precision the model ships in, which is also faster
    embeds = embeds.bfloat16()
    out = decoder(
        inputs_embeds=embeds,
        position_ids=batch.positions,
        # any 4-D mask keeps the library from building its own; the packed attention needs none
        attention_mask=torch.zeros(1, 1, 1, 1),
        use_cache=False,
        layout=batch.layout,
        output_hidden_states=options is not None,
    )
    logits = model.lm_head(out.last_hidden_state[batch.rows, batch.cols]).float()
    losses = torch.nn.functional.cross_entropy(logits, batch.targets, reduction="none")
    share = (logits.argmax(-1) == batch.targets).float().mean()
    loss = (losses * batch.weights).sum() / batch.weights.sum()
    if options is not None:
        loss = loss + options(out.hidden_states, batch)
    return loss, float(share)


def shares_at(progress: float, *, fresh: bool) -> dict[str, float]:
    """Shares of the families of questions along a stage.

    Captions first, then terse and open questions, because they say most about a scene for their
    length; letters and yes/no need what those have taught, and come last.

    Args:
        progress: 0 to 1.
        fresh: whether the model has yet to learn to read scenes.
    """
    if fresh and progress < 0.08:
        return {"captions": 0.8, "terse": 0.2}
    if fresh and progress < 0.4:
        return {"captions": 0.2, "terse": 0.5, "open": 0.1, "short": 0.1, "letters": 0.1}
    return {"captions": 0.05, "terse": 0.25, "open": 0.1, "short": 0.25, "letters": 0.35}


def scene_rows(
    world: World, rng: Random, *, shares: Mapping[str, float]
) -> tuple[str, list[int], list[list[Question]]]:
    """Draws a family, then scenes and questions of that family, so that rows are equally long."""
    family = rng.choices(list(shares), list(shares.values()))[0]
    if family == "captions":
        index = [rng.randrange(len(world)) for _ in range(CAPTION_ROWS)]
        asked = [[Question(CAPTION_PROMPT, world.caption(i), "caption")] for i in index]
        return family, index, asked
    sort = rng.choice(("rich", "lean"))
    rows, n = SHAPES[f"{family} {sort}"]
    places = world.rich if sort == "rich" else world.lean
    index = [places[rng.randrange(len(places))] for _ in range(rows)]
    return (
        family,
        index,
        [
            draw_questions(
                KINDS[world.kinds[i]], world.specs[i], rng, n=n, captions=0, family=family
            )
            for i in index
        ],
    )


def train_language_model(
    world: World,
    backend: Tokenizer,
    meter: Meter,
    *,
    style: str,
    steps: int,
    seed: int,
    start: Any | None = None,
    modes: Mapping[str, float] = TEXT_ONLY,
) -> Any:
    """Trains a base language model.

    Args:
        world: scenes to draw from.
        backend: the tokenizer.
        meter: gets the losses.
        style: "llama" or "chatml".
        steps: length of the stage.
        seed: of all choices.
        modes: shares of the forms in which a scene is given.
        start: a trained model of the same shape whose weights to start from. Qwen2 is Llama with
            biases in its attention, so Llama's weights with those biases at zero are a Qwen2.
    """
    torch.manual_seed(seed)
    rng = seeded(f"language:{style}:{seed}")
    model = new_language_model(backend, style=style)
    if start is not None:
        model.load_state_dict(start.state_dict(), strict=False)
    packer, words = Packer(backend, style=style), SceneWords(backend)
    optimizer = Optimizer(model.named_parameters(), steps=steps)
    table = model.get_input_embeddings()
    for step in range(steps):
        shares = SHARES if start is None and step < 0.6 * steps else shares_at(1.0, fresh=False)
        mode = rng.choices(list(modes), list(modes.values()))[0]
        asked, index, rows = scene_rows(world, rng, shares=shares)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if mode == "text":
                batch = packer.pack(rows, slots=0, texts=[world.caption(i) for i in index])
                loss, share = answer_loss(model, batch, None)
            else:
                batch = packer.pack(rows, slots=GRID * GRID)
                shown = torch.from_numpy(patch_words(world, np.array(index)))
                visual = words.embed(table, shown, placed=mode == "placed")
                if mode == "placed":
                    order = torch.rand(visual.shape[:2]).argsort(dim=1)
                    visual = visual.gather(1, order[..., None].expand_as(visual))
                loss, share = answer_loss(model, batch, visual)
        optimizer.step(loss)
        meter.log(step, **{asked: float(loss.detach()), f"{mode}_{asked}": share})
    return model.eval()
