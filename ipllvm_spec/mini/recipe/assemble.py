"""Puts towers and language models together in the library's classes, with their processors."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer
from transformers import (
    CLIPImageProcessorPil,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessorPil,
    LlavaProcessor,
)

from ipllvm_spec.mini.recipe.chats import style_of
from ipllvm_spec.mini.recipe.meteor import meteor_backend, new_meteor
from ipllvm_spec.mini.recipe.tokens import IMAGE, wrap
from ipllvm_spec.mini.recipe.towers import TILE
from ipllvm_spec.mini.scenes import PATCH, SIZE

PINPOINTS = [[TILE, 2 * TILE], [2 * TILE, TILE], [2 * TILE, 2 * TILE]]
ANYRES = "anyres_max_3"
FAMILIES = ("llava", "llava_next", "llava_onevision", "meteor")


def backend_of(family: str, backend: Tokenizer) -> Tokenizer:
    """The tokenizer as a family names its special tokens."""
    return meteor_backend(backend) if family == "meteor" else backend


def assemble(family: str, tower: Any, language: Any, backend: Tokenizer) -> Any:
    """Builds a model of a family from a vision tower and a language model.

    Args:
        family: one of FAMILIES.
        tower: `vision_model` of a CLIPModel or SiglipModel.
        language: a ...ForCausalLM.
        backend: the tokenizer, see backend_of.

    Returns:
        The model; projector and newline are fresh.
    """
    if family == "meteor":
        return new_meteor(tower, language, backend)
    shared: dict[str, Any] = {
        "vision_config": tower.config.to_dict(),
        "text_config": language.config.to_dict(),
        "image_token_index": backend.token_to_id(IMAGE),
        "projector_hidden_act": "gelu",
        "tie_word_embeddings": False,
    }
    model: Any
    if family == "llava":
        model = LlavaForConditionalGeneration(
            LlavaConfig(**shared, vision_feature_layer=-2, image_seq_length=(SIZE // PATCH) ** 2)
        )
    elif family == "llava_next":
        model = LlavaNextForConditionalGeneration(
            LlavaNextConfig(
                **shared,
                vision_feature_layer=-2,
                image_grid_pinpoints=PINPOINTS,
                image_seq_length=(TILE // PATCH) ** 2,
            )
        )
    else:
        shared["vision_config"]["vision_use_head"] = False
        model = LlavaOnevisionForConditionalGeneration(
            LlavaOnevisionConfig(
                **shared,
                vision_feature_layer=-1,
                image_grid_pinpoints=PINPOINTS,
                vision_aspect_ratio=ANYRES,
                # no token of the vocabulary: the minis have no video
                video_token_index=backend.get_vocab_size(),
            )
        )
    weights = {k: v for k, v in tower.state_dict().items() if not k.startswith("head.")}
    model.model.vision_tower.load_state_dict(weights)
    model.model.language_model.load_state_dict(language.model.state_dict())
    model.lm_head.load_state_dict(language.lm_head.state_dict())
    return model


def clip_image_processor() -> CLIPImageProcessorPil:
    """Pixels of the 64 px CLIP models."""
    side = {"height": SIZE, "width": SIZE}
    return CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size=side)


def image_processor(family: str) -> Any:
    """The image processor of a family, without torchvision."""
    if family == "llava":
        return clip_image_processor()
    side = {"height": TILE, "width": TILE}
    if family == "llava_next":
        return LlavaNextImageProcessorPil(
            size={"shortest_edge": TILE}, crop_size=side, image_grid_pinpoints=PINPOINTS
        )
    return LlavaOnevisionImageProcessorPil(
        size=side,
        image_grid_pinpoints=PINPOINTS,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )


def parts_of(family: str, backend: Tokenizer) -> tuple[Any, ...]:
    """What is saved beside the weights of a family: its processor, or the parts of it.

    The library's processor for "llava_onevision" needs torchvision for its video half, so image
    processor and tokenizer are saved side by side, as in the published folders; those of "meteor"
    have a tokenizer alone.
    """
    tokenizer = wrap(backend, style=style_of(family))
    if family == "meteor":
        return (tokenizer,)
    if family == "llava_onevision":
        return (image_processor(family), tokenizer)
    made = LlavaProcessor if family == "llava" else LlavaNextProcessor
    processor = made(
        image_processor=image_processor(family),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        chat_template=tokenizer.chat_template,
        image_token=IMAGE,
        num_additional_image_tokens=1,
    )
    return (processor,)
