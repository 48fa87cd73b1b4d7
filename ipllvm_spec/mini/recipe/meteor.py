"""The Meteor family: a tokenizer, a model and a packer of its own.

Its rationale vectors stand before the image and depend on the question, so that questions cannot
share a copy of the visual tokens: each has a row to itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer
from transformers import LlamaConfig, MambaConfig

from ipllvm_spec.mini.questions.formats import Question
from ipllvm_spec.mini.recipe import tokens
from ipllvm_spec.mini.recipe.chats import VECTORS, style_of
from ipllvm_spec.mini.recipe.packing import Batch, Packer
from ipllvm_spec.models.meteor.config import MeteorConfig
from ipllvm_spec.models.meteor.modules import MeteorModel
from ipllvm_spec.models.meteor.prompts import END, IMAGE, RATIONALE, TURN, rationale_prompt

RANK = 4
"""Rank of the weights at visual places."""
MAMBA: Mapping[str, Any] = MappingProxyType(
    {"hidden_size": 32, "expand": 1, "state_size": 4, "num_hidden_layers": 2}
)
"""Shape of the Mamba: without compiled kernels its recurrence is a loop in Python, and the way back
through it costs the square of a prompt's length."""
_RENAMED = {tokens.TURN: TURN, tokens.END: END, tokens.IMAGE: "[UNUSED_TOKEN_0]"}
"""Our special tokens under InternLM2's names. The place of ours for the image stays empty: Meteor's
is one of two that come after all others."""


def meteor_backend(backend: Tokenizer) -> Tokenizer:
    """The trained tokenizer with the names, and the two further tokens, that Meteor expects."""
    data = json.loads(backend.to_str())
    for token in data["added_tokens"]:
        token["content"] = _RENAMED.get(token["content"], token["content"])
    vocabulary = data["model"]["vocab"]
    data["model"]["vocab"] = {_RENAMED.get(name, name): n for name, n in vocabulary.items()}
    made = Tokenizer.from_str(json.dumps(data))
    made.add_special_tokens([AddedToken(name, normalized=False) for name in (IMAGE, RATIONALE)])
    return made


def new_meteor(tower: Any, language: Any, backend: Tokenizer) -> MeteorModel:
    """Builds a Meteor around a trained tower and a trained Llama.

    Projectors, Mamba and the weights at visual places are fresh; the latter add nothing yet.

    Args:
        tower: ``vision_model`` of a CLIPModel.
        language: A LlamaForCausalLM, whose vocabulary lacks the two further tokens.
        backend: See ``meteor_backend``.
    """
    size = backend.get_vocab_size()
    made = MeteorModel(
        MeteorConfig(
            vision_config=type(tower.config)(**tower.config.to_dict()),
            text_config=LlamaConfig(**language.config.to_dict() | {"vocab_size": size}),
            mamba_config=MambaConfig(vocab_size=size, **MAMBA),
            lora_rank=RANK,
            lora_alpha=RANK,
            n_rationale=VECTORS,
            eos_token_ids=(tokens.token_id(backend, tokens.EOS),),
        )
    )
    body = made.model
    body.vision_tower.load_state_dict(tower.state_dict())
    state = language.model.state_dict()
    table = "embed_tokens.weight"
    whole = body.language_model.state_dict()[table].clone()
    whole[: len(state[table])] = state[table]
    found = body.language_model.load_state_dict(state | {table: whole}, strict=False)
    assert not found.unexpected_keys
    assert all(name.endswith((".up.weight", ".down.weight")) for name in found.missing_keys)
    for name, weight in body.language_model.named_parameters():
        if name.endswith(".up.weight"):
            torch.nn.init.zeros_(weight)
    made.lm_head.load_state_dict(language.lm_head.state_dict())
    return made.eval()


class MeteorPacker(Packer):
    """Packs one question a row, with what the Mamba reads of it."""

    def __init__(self, backend: Tokenizer) -> None:
        super().__init__(backend, style="meteor")
        self._marks = SimpleNamespace(bos_token=tokens.BOS, eos_token=tokens.EOS)

    def arrange(
        self, index: list[int], rows: list[list[Question]], *, most: int | None = None
    ) -> tuple[list[int], list[list[Question]]]:
        """Gives each question a row of its own; see ``Packer.arrange``."""
        kept = [(i, q) for i, row in zip(index, rows, strict=True) for q in row[:most]]
        return [i for i, _ in kept], [[q] for _, q in kept]

    def pack(
        self, rows: Sequence[Sequence[Question]], *, slots: int, texts: Sequence[str] = ()
    ) -> Batch:
        """Packs a batch; see ``Packer.pack``.

        Raises:
            ValueError: When a row has more than one question, or texts come with an image.
        """
        if any(len(row) != 1 for row in rows) or (texts and slots):
            raise ValueError("Meteor packs one question a row, about an image or about a text")
        shown = IMAGE if slots else ""
        asked = [shown + question.prompt for (question,) in rows]
        if texts:
            asked = [f"{text}\n{prompt}" for text, prompt in zip(texts, asked, strict=True)]
        prompts = [rationale_prompt(self._marks, prompt, VECTORS) for prompt in asked]
        second = tuple(torch.tensor(self.encode(prompt)) for prompt in prompts)
        return replace(super().pack(rows, slots=slots, texts=texts), second=second)


def packer_of(family: str, backend: Tokenizer) -> Packer:
    """The packer of a family of LLVMs."""
    if family == "meteor":
        return MeteorPacker(backend)
    return Packer(backend, style=style_of(family))
