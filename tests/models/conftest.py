"""Tiny random checkpoints of every family, in the file layout of the published ones."""

from __future__ import annotations

import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from ipllvm_spec.models.registry import load, resolve

SPECIAL = ("<pad>", "<s>", "</s>", "<image>", "<video>")
TILE, PATCH, WIDTH = 24, 6, 32
PINPOINTS = [[24, 48], [48, 24], [48, 48], [72, 72]]
CHAT = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)


def tiny_tokenizer():
    """Byte-level, no merges: every byte is a token, ids 0-4 are special."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def text_config(kind):
    """Two small decoder layers; eos is no byte, so answers end only where the test wants."""
    shape = {
        "vocab_size": 272,
        "hidden_size": WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    if kind == "mistral":
        return transformers.MistralConfig(**shape, sliding_window=None)
    return {"llama": transformers.LlamaConfig, "qwen2": transformers.Qwen2Config}[kind](**shape)


def vision_config(kind):
    """A tower of 16 patches a view; CLIP has a class token before them."""
    shape = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": TILE,
        "patch_size": PATCH,
    }
    if kind == "clip":
        return transformers.CLIPVisionConfig(**shape, projection_dim=16)
    return transformers.SiglipVisionConfig(**shape, vision_use_head=False)


def build(name):
    """Makes a random model: ``llava``, ``llava_next-llama``, ``llava_next-mistral``, ..."""
    torch.manual_seed(7)
    common = {"image_token_id": 3, "projector_hidden_act": "gelu"}
    if name == "llava":
        config = transformers.LlavaConfig(
            vision_config=vision_config("clip"), text_config=text_config("llama"), **common
        )
        model = transformers.LlavaForConditionalGeneration(config)
    elif name.startswith("llava_next"):
        config = transformers.LlavaNextConfig(
            vision_config=vision_config("clip"),
            text_config=text_config(name.partition("-")[2]),
            image_grid_pinpoints=PINPOINTS,
            **common,
        )
        model = transformers.LlavaNextForConditionalGeneration(config)
    else:
        config = transformers.LlavaOnevisionConfig(
            vision_config=vision_config("siglip"),
            text_config=text_config("qwen2"),
            image_grid_pinpoints=PINPOINTS,
            vision_aspect_ratio="anyres_max_2",
            video_token_id=4,
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
            **common,
        )
        model = transformers.LlavaOnevisionForConditionalGeneration(config)
    # Random weights of the usual size give nearly constant answers; larger ones make them vary.
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(4.0)
    return model.eval()


def preprocessor(name):
    """Settings as in the preprocessor_config.json of the published checkpoint of the family."""
    common = {
        "processor_class": processor_settings(name)["processor_class"],
        "do_resize": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_convert_rgb": True,
    }
    if name == "llava":
        return common | {
            "image_processor_type": "CLIPImageProcessor",
            "size": {"shortest_edge": TILE},
            "crop_size": {"height": TILE, "width": TILE},
            "do_center_crop": True,
        }
    if name.startswith("llava_next"):
        return common | {
            "image_processor_type": "LlavaNextImageProcessor",
            "size": {"shortest_edge": TILE},
            "crop_size": {"height": TILE, "width": TILE},
            "do_center_crop": True,
            "image_grid_pinpoints": PINPOINTS,
        }
    return common | {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "size": {"height": TILE, "width": TILE},
        "image_grid_pinpoints": PINPOINTS,
    }


def processor_settings(name):
    """Settings as in the published processor_config.json."""
    if name == "llava_onevision":
        return {
            "processor_class": "LlavaOnevisionProcessor",
            "num_image_tokens": (TILE // PATCH) ** 2,
            "vision_feature_select_strategy": "full",
            "vision_aspect_ratio": "anyres_max_2",
        }
    return {
        "processor_class": "LlavaProcessor" if name == "llava" else "LlavaNextProcessor",
        "patch_size": PATCH,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
    }


def write(folder, name):
    """Writes a checkpoint folder with the files that the hub has for the family."""
    build(name).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor(name)))
    (folder / "processor_config.json").write_text(json.dumps(processor_settings(name)))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": CHAT}))
    if name == "llava_onevision":
        video = {"video_processor_type": "LlavaOnevisionVideoProcessor"}
        (folder / "video_preprocessor_config.json").write_text(json.dumps(video))
    return folder


NAMES = ("llava", "llava_next-llama", "llava_next-mistral", "llava_onevision")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """One folder per family, written once."""
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: write(root / name, name) for name in NAMES}


@pytest.fixture(scope="session", params=NAMES)
def adapter(request, checkpoints):
    """A loaded tiny adapter of each family; tests must leave it as it was."""
    return load(resolve(str(checkpoints[request.param]), entries={}))


@pytest.fixture(scope="session", params=NAMES[1:])
def packed(request, checkpoints):
    """A loaded tiny adapter of each any-resolution family."""
    return load(resolve(str(checkpoints[request.param]), entries={}))


@pytest.fixture(scope="session")
def llava(checkpoints):
    """The tiny LLaVA-1.5 adapter."""
    return load(resolve(str(checkpoints["llava"]), entries={}))


def picture(width, height, seed=0):
    """A noisy image, so that no two patches are equal."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(pixels.numpy())


@pytest.fixture
def image():
    """An image that no family's unpadding leaves square."""
    return picture(60, 40)


@pytest.fixture(scope="session")
def make_image():
    """The function ``picture(width, height, seed)``."""
    return picture
