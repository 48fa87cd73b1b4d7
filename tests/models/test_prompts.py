"""Prompt encoding against the processor classes of transformers, and on damaged folders."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.prompts import load_image_processor
from ipllvm_spec.models.registry import prompt_encoder, resolve


class OnevisionWithoutVideo(transformers.LlavaOnevisionProcessor):
    """The processor of transformers less the half that needs torchvision."""

    @classmethod
    def get_attributes(cls):
        """Two parts instead of three."""
        return ["image_processor", "tokenizer"]

    def __init__(self, image_processor, tokenizer, num_image_tokens, chat_template, **settings):
        self.num_image_tokens = num_image_tokens
        self.vision_feature_select_strategy = settings["vision_feature_select_strategy"]
        self.vision_aspect_ratio = settings["vision_aspect_ratio"]
        self.image_token = "<image>"
        self.image_token_id = tokenizer.convert_tokens_to_ids("<image>")
        transformers.ProcessorMixin.__init__(
            self, image_processor, tokenizer, chat_template=chat_template
        )


def own_processor(folder):
    """Builds what AutoProcessor would build of a folder, on the Pillow image processor."""
    settings = json.loads((folder / "processor_config.json").read_text())
    template = json.loads((folder / "chat_template.json").read_text())["chat_template"]
    name = settings.pop("processor_class")
    kind = getattr(transformers, name)
    return (OnevisionWithoutVideo if "Onevision" in name else kind)(
        image_processor=load_image_processor(folder),
        tokenizer=transformers.AutoTokenizer.from_pretrained(folder),
        chat_template=template,
        **settings,
    )


def encoder_of(folder):
    """The prompt encoder of a checkpoint folder."""
    return prompt_encoder(resolve(str(folder), entries={}))


@pytest.fixture
def folder(checkpoints, adapter):
    """The folder of the parametrized adapter."""
    return checkpoints[
        {"llava_next": f"llava_next-{adapter.model.config.text_config.model_type}"}.get(
            adapter.family, adapter.family
        )
    ]


@pytest.mark.parametrize("size", [(60, 40), (24, 24), (100, 100), (20, 130)], ids=str)
def test_prompt_equals_that_of_the_processor(folder, adapter, make_image, size):
    """Ids, placeholder count and pixels are those of the checkpoint's own processor class."""
    image = make_image(*size)
    conversation = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "How many?"}]}
    ]
    processor = own_processor(folder)
    text = processor.apply_chat_template(conversation, add_generation_prompt=True)
    own = processor(images=image, text=text, return_tensors="pt")
    mine = adapter.encode_prompt("How many?", image)
    assert mine.input_ids.tolist() == own["input_ids"][0].tolist()
    assert mine.n_visual == (own["input_ids"] == 3).sum()
    for name, value in mine.pixels.items():
        assert torch.equal(value, own[name]), name


def test_text_only_prompts_have_no_placeholder(folder, adapter):
    """A prompt without image is the template's text and nothing else."""
    prompt = adapter.encode_prompt("How many?", None)
    assert prompt.n_visual == 0
    assert prompt.pixels == {}
    text = adapter.prompts.tokenizer.decode(prompt.input_ids, skip_special_tokens=True)
    assert text == "USER: How many? ASSISTANT:"


def test_token_counts_need_no_weights(folder, adapter, image):
    """A plan can count tokens with the encoder alone, as the loaded adapter does."""
    assert (
        encoder_of(folder).encode("x", image).n_visual == adapter.encode_prompt("x", image).n_visual
    )


def test_the_image_processor_is_the_pillow_one(folder):
    """Torchvision is neither needed nor used: pixels do not depend on whether it is installed."""
    assert type(load_image_processor(folder)).__name__.endswith("Pil")


def test_padding_side_is_left_whatever_was_saved(folder):
    """A reloaded tokenizer pads right; the encoder's does not."""
    assert transformers.AutoTokenizer.from_pretrained(folder).padding_side == "right"
    assert encoder_of(folder).tokenizer.padding_side == "left"


def test_image_modes_do_not_matter(adapter, image):
    """Grey, palette and alpha images become RGB before the processor sees them."""
    grey = image.convert("L")
    for mode in ("L", "P", "RGBA"):
        mine = adapter.encode_prompt("x", grey.convert(mode)).pixels["pixel_values"]
        rgb = Image.fromarray(np.array(grey.convert(mode).convert("RGB")))
        assert torch.equal(mine, adapter.encode_prompt("x", rgb).pixels["pixel_values"])


def test_a_placeholder_in_the_question_is_an_error(llava, image):
    """A question that contains the placeholder text would shift every visual token."""
    with pytest.raises(ModelError, match="2 image placeholders where it should have 1"):
        llava.encode_prompt("what is <image>?", image)
    with pytest.raises(ModelError, match="1 image placeholders where it should have 0"):
        llava.encode_prompt("what is <image>?", None)


def test_encoding_is_thread_safe(llava, make_image):
    """Eight threads give what one gives."""
    asked = [("q" * (row % 7), make_image(20 + row, 30, row)) for row in range(48)]
    alone = [llava.encode_prompt(*each) for each in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: llava.encode_prompt(*each), asked))
    for first, second in zip(alone, together, strict=True):
        assert torch.equal(first.input_ids, second.input_ids)
        assert torch.equal(first.pixels["pixel_values"], second.pixels["pixel_values"])


def test_a_template_with_its_own_start_token_gets_no_second(checkpoints, tmp_path, image):
    """The start token stands once, whether template or tokenizer writes it."""
    copy = shutil.copytree(checkpoints["llava"], tmp_path / "copy")
    before = encoder_of(copy).encode("x", image)
    template = json.loads((copy / "chat_template.json").read_text())["chat_template"]
    (copy / "chat_template.json").unlink()
    (copy / "chat_template.jinja").write_text("<s>" + template)
    after = encoder_of(copy).encode("x", image)
    assert before.input_ids.tolist() == after.input_ids.tolist()
    assert before.input_ids.tolist().count(1) == 1


def test_settings_may_lie_in_the_processor_config(checkpoints, tmp_path, image):
    """The newer layout, with the image processor inside processor_config.json, is read too."""
    copy = shutil.copytree(checkpoints["llava_onevision"], tmp_path / "copy")
    settings = json.loads((copy / "preprocessor_config.json").read_text())
    whole = json.loads((copy / "processor_config.json").read_text())
    (copy / "processor_config.json").write_text(json.dumps(whole | {"image_processor": settings}))
    (copy / "preprocessor_config.json").unlink()
    old = encoder_of(checkpoints["llava_onevision"]).encode("x", image)
    new = encoder_of(copy).encode("x", image)
    assert torch.equal(old.pixels["pixel_values"], new.pixels["pixel_values"])


@pytest.mark.parametrize("written", ["CLIPImageProcessorFast", "CLIPImageProcessorPil"])
def test_every_spelling_of_an_image_processor_means_the_pillow_one(checkpoints, tmp_path, written):
    """Saved by any backend, a checkpoint gets the same pixels."""
    settings = json.loads((checkpoints["llava"] / "preprocessor_config.json").read_text())
    settings["image_processor_type"] = written
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    assert type(load_image_processor(tmp_path)).__name__ == "CLIPImageProcessorPil"


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (("preprocessor_config.json",), "describes no image processor"),
        (("tokenizer.json", "tokenizer_config.json"), "no usable tokenizer"),
        (("chat_template.json",), "no chat template"),
    ],
)
def test_missing_processor_files_are_named(checkpoints, tmp_path, gone, message):
    """A folder without a processor file says which and what to copy."""
    copy = shutil.copytree(checkpoints["llava"], tmp_path / "copy")
    for name in gone:
        (copy / name).unlink()
    with pytest.raises(ModelError, match=message) as caught:
        encoder_of(copy)
    assert caught.value.advice


def test_an_unknown_image_processor_is_an_error(tmp_path):
    """The name that the file gives is in the message."""
    (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "MyProcessor"}')
    with pytest.raises(ModelError, match="'MyProcessor'"):
        load_image_processor(tmp_path)
