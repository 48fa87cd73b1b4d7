"""A tiny random Meteor in the published layout."""

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from ipllvm_spec.models.meteor.config import MeteorConfig
from ipllvm_spec.models.meteor.modules import MeteorModel
from ipllvm_spec.models.meteor.weights import save_meteor
from ipllvm_spec.models.registry import load, resolve

HEADS, GROUPS, WIDTH = 4, 2, 32
VISION = {
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 24,
    "patch_size": 6,
}


def tokenizer():
    """Byte-level without merges; InternLM2's marks are special, the two added tokens are not in."""
    special = ["<unk>", "<s>", "</s>", "[UNUSED_TOKEN_145]", "[UNUSED_TOKEN_146]"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*special, *alphabet])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def config():
    """Two decoder layers, grouped heads, LoRA of rank 3 scaled by 2, four rationale vectors."""
    vocabulary = len(tokenizer()) + 2
    text = transformers.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=GROUPS,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=False,
    )
    mamba = transformers.MambaConfig(
        vocab_size=vocabulary, hidden_size=16, state_size=4, num_hidden_layers=2
    )
    return MeteorConfig(
        vision_config=transformers.CLIPVisionConfig(**VISION),
        text_config=text,
        mamba_config=mamba,
        lora_rank=3,
        lora_alpha=6.0,
        n_rationale=4,
        eos_token_ids=(2,),
    )


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A folder with both parts, written once."""
    torch.manual_seed(3)
    model = MeteorModel(config())
    # Random weights of the usual size give nearly constant answers; larger ones make them vary.
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.copy_(torch.randn_like(weight) / weight.shape[1] ** 0.5)
    folder = tmp_path_factory.mktemp("meteor")
    save_meteor(model, folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def meteor(checkpoint):
    """The loaded adapter, by the registry's own path; tests must leave it as it was."""
    return load(resolve(str(checkpoint), entries={}))
