"""From question and image to token ids and pixel tensors, without any model compute.

Built from a folder's tokenizer, chat template and image processor. The processor classes of
transformers are not used: one of them needs torchvision for videos alone, and a reloaded one pads
on the right. Tests hold the result against those classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL.Image import Image

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.base import Encoded
from ipllvm_spec.models.files import read_json

#: What an image processor returns besides the inputs that the families here read.
_UNUSED_PIXELS = ("batch_num_images",)


class PromptEncoder:
    """Encodes prompts for one checkpoint; thread-safe after construction.

    Attributes:
        tokenizer: The checkpoint's tokenizer, set to pad on the left.
        image_token_id: Id of the placeholder in the prompt.
        pad_id: A token id that may stand where the attention mask is zero.
    """

    def __init__(
        self,
        folder: Path,
        *,
        image_token_id: int,
        kinds: Callable[[Mapping[str, torch.Tensor]], torch.Tensor],
        grid: Callable[[Mapping[str, torch.Tensor]], tuple[int, int] | None],
        processor: Any = None,
        template: str | None = None,
        extra_tokens: Sequence[str] = (),
    ) -> None:
        """Reads the processor files of ``folder``.

        Args:
            folder: Checkpoint folder.
            image_token_id: ``config.image_token_id``.
            kinds: Gives the token kinds of an image from its pixel tensors; their number is the
                number of placeholders.
            grid: Gives rows and columns of the patch tokens that come first, from the same.
            processor: Image processor of a family whose folders describe none.
            template: Chat template of a family whose folders have none.
            extra_tokens: Special tokens that follow the tokenizer's own, where it lacks them.

        Raises:
            ModelError: When a file is missing or names a class that does not exist.
        """
        self.image_token_id = image_token_id
        self._folder = folder
        self._kinds = kinds
        self._grid = grid
        self._processor = load_image_processor(folder) if processor is None else processor
        self.tokenizer: Any = load_tokenizer(folder)
        self.tokenizer.add_tokens(list(extra_tokens), special_tokens=True)
        self._template = template or _chat_template(folder, self.tokenizer)
        pad = self.tokenizer.pad_token_id
        self.pad_id: int = 0 if pad is None else int(pad)
        # The first call may reset padding that tokenizer.json declares; later ones only read, so
        # threads can share the tokenizer.
        self.tokenizer("", add_special_tokens=False)

    def encode(self, prompt: str, image: Image | None, *, chat: bool = True) -> Encoded:
        """Renders the chat template and expands the image placeholder.

        Args:
            prompt: The question, without image token or chat wrapper.
            image: The image in any mode, or None for a text-only prompt.
            chat: Whether to render the chat template. Without it the prompt is text to go on
                with: an image stands on a line of its own before it, and it begins with the
                tokenizer's start token where the tokenizer adds one.

        Raises:
            ModelError: When the rendered prompt has not exactly one placeholder per image.
        """
        render = self._render if chat else self._raw
        ids = self._token_ids(render(prompt, with_image=image is not None))
        places = [place for place, token in enumerate(ids) if token == self.image_token_id]
        expected = 0 if image is None else 1
        if len(places) != expected:
            raise ModelError(
                f"'{self._folder}': the prompt has {len(places)} image placeholders where it "
                f"should have {expected}",
                "the chat template does not fit the family, or the question itself contains the "
                "placeholder text",
            )
        if image is None:
            return Encoded(input_ids=torch.tensor(ids), pixels={}, n_visual=0)
        pixels = self._pixels(image)
        count = int(self._kinds(pixels).numel())
        at = places[0]
        expanded = ids[:at] + [self.image_token_id] * count + ids[at + 1 :]
        return Encoded(
            input_ids=torch.tensor(expanded),
            pixels=pixels,
            n_visual=count,
            grid=self._grid(pixels),
        )

    def _render(self, prompt: str, *, with_image: bool) -> str:
        content: list[dict[str, str]] = [{"type": "image"}] if with_image else []
        content.append({"type": "text", "text": prompt})
        return str(
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": content}],
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=True,
            )
        )

    def _raw(self, prompt: str, *, with_image: bool) -> str:
        if not with_image:
            return prompt
        return f"{self.tokenizer.convert_ids_to_tokens(self.image_token_id)}\n{prompt}"

    def _token_ids(self, text: str) -> list[int]:
        # A template that writes the start token itself must not get a second one.
        start = self.tokenizer.bos_token
        special = not (start is not None and text.startswith(start))
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])

    def _pixels(self, image: Image) -> dict[str, torch.Tensor]:
        made = self._processor(images=image.convert("RGB"), return_tensors="pt")
        return {name: value for name, value in made.items() if name not in _UNUSED_PIXELS}


def load_tokenizer(folder: Path) -> Any:
    """Loads the tokenizer of a checkpoint folder and sets it to pad on the left.

    Raises:
        ModelError: When the folder has no tokenizer files that transformers can read.
    """
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"'{folder}' has no usable tokenizer: {error}",
            "copy the tokenizer files (tokenizer.json, tokenizer_config.json) beside config.json",
        ) from None
    # Saving a processor does not keep the side, and right padding would put pad tokens between
    # prompt and answer.
    tokenizer.padding_side = "left"
    return tokenizer


def load_image_processor(folder: Path) -> Any:
    """Builds the Pillow image processor that a checkpoint folder describes.

    Always the Pillow one: pixels then do not depend on whether torchvision is installed.

    Raises:
        ModelError: When no file describes one, or transformers has no such class.
    """
    settings = _image_settings(folder)
    written = str(settings.get("image_processor_type") or settings.get("feature_extractor_type"))
    stem = written.removesuffix("Pil").removesuffix("Fast")
    stem = stem.replace("FeatureExtractor", "ImageProcessor")
    kind = getattr(transformers, f"{stem}Pil", None)
    if kind is None:
        raise ModelError(
            f"'{folder}' names the image processor '{written}', of which transformers "
            f"{transformers.__version__} has no Pillow version",
            "check image_processor_type in preprocessor_config.json",
        )
    return kind.from_dict(settings)


def _image_settings(folder: Path) -> dict[str, Any]:
    """Reads the image processor's settings from either of the two published layouts."""
    single = folder / "preprocessor_config.json"
    if single.is_file():
        return read_json(single)
    whole = folder / "processor_config.json"
    nested = read_json(whole).get("image_processor") if whole.is_file() else None
    if isinstance(nested, dict):
        return nested
    raise ModelError(
        f"'{folder}' describes no image processor",
        "copy preprocessor_config.json (or processor_config.json) beside config.json",
    )


def _chat_template(folder: Path, tokenizer: Any) -> str:
    """Finds the chat template: a processor's file goes before the tokenizer's own."""
    raw = folder / "chat_template.jinja"
    if raw.is_file():
        return raw.read_text(encoding="utf-8")
    for name in ("chat_template.json", "processor_config.json"):
        path = folder / name
        template = read_json(path).get("chat_template") if path.is_file() else None
        if isinstance(template, str):
            return template
    if isinstance(tokenizer.chat_template, str):
        return tokenizer.chat_template
    raise ModelError(
        f"'{folder}' has no chat template, so prompts cannot be built",
        "add chat_template.jinja beside config.json",
    )
