"""Meteor's two prompts: one for the language model, one for the Mamba that reads before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from transformers import CLIPImageProcessorPil

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.base import Encoded
from ipllvm_spec.models.meteor.config import MeteorConfig
from ipllvm_spec.models.packing import base_grid
from ipllvm_spec.models.prompts import PromptEncoder

IMAGE, RATIONALE = "<image>", "<tor>"

#: InternLM2's marks around a turn.
TURN, END = "[UNUSED_TOKEN_146]", "[UNUSED_TOKEN_145]"

SYSTEM = "You should give helpful answer to user based on the rationale."

_TEMPLATE = (
    f"{{{{ bos_token }}}}@RATIONALE@{TURN}system\n{SYSTEM}{END}\n"
    f"{{% for message in messages %}}{TURN}{{{{ message['role'] }}}}{{{{ '\\n' }}}}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    f"{IMAGE}{{% else %}}{{{{ part['text'] }}}}{{% endif %}}{{% endfor %}}"
    f"{END}{{{{ '\\n' }}}}{{% endfor %}}"
    f"{{% if add_generation_prompt %}}{TURN}assistant{{{{ '\\n' }}}}{{% endif %}}"
)


def rationale_prompt(tokenizer: Any, asked: str, count: int) -> str:
    """Returns what the Mamba reads.

    Args:
        tokenizer: Has ``bos_token`` and ``eos_token``.
        asked: The question, after ``<image>`` where there is one.
        count: Rationale vectors per prompt.
    """
    return (
        f"{tokenizer.bos_token}{TURN}user\n{asked}{END}\n"
        f"{TURN}rationale\n{RATIONALE * count}{END}\n{tokenizer.eos_token}"
    )


class MeteorPrompts(PromptEncoder):
    """Encodes prompts for Meteor.

    Its folders describe neither chat template nor image processor; both were code. An image is
    resized to a square, whatever its shape. Without the chat template there is no rationale either:
    the language model alone goes on with the text.
    """

    def __init__(
        self,
        folder: Path,
        config: MeteorConfig,
        *,
        kinds: Callable[[Mapping[str, torch.Tensor]], torch.Tensor],
    ) -> None:
        """Reads the tokenizer of ``folder``; see ``PromptEncoder``.

        Raises:
            ModelError: When there is no tokenizer.json, or its ids are not those of the weights.
        """
        if not (folder / "tokenizer.json").is_file():
            raise ModelError(
                f"'{folder}' has no tokenizer.json; a sentencepiece model alone is not read",
                "convert it: load the tokenizer where you trust its code and call "
                "tokenizer.save_pretrained(folder)",
            )
        side = config.vision_config.image_size
        super().__init__(
            folder,
            image_token_id=config.image_token_id,
            kinds=kinds,
            grid=partial(base_grid, config),
            processor=CLIPImageProcessorPil(
                size={"height": side, "width": side}, do_center_crop=False
            ),
            template=_TEMPLATE.replace("@RATIONALE@", RATIONALE * config.n_rationale),
            extra_tokens=(IMAGE, RATIONALE),
        )
        self._rationale = config.rationale_token_id
        self._count = config.n_rationale
        self._check_ids(config)
        self.turn_end_id: int = self.tokenizer.get_vocab()[END]

    def encode(self, prompt: str, image: Image | None, *, chat: bool = True) -> Encoded:
        """Makes both prompts; see ``PromptEncoder.encode``.

        Raises:
            ModelError: When the question contains ``<image>`` or ``<tor>``.
        """
        encoded = super().encode(prompt, image, chat=chat)
        if not chat:
            return encoded
        asked = (IMAGE if image is not None else "") + prompt
        ids = torch.tensor(self._token_ids(rationale_prompt(self.tokenizer, asked, self._count)))
        if any(
            int((part == self._rationale).sum()) != self._count for part in (ids, encoded.input_ids)
        ):
            raise ModelError(
                f"'{self._folder}': a prompt has not {self._count} {RATIONALE} tokens",
                f"the question itself contains {RATIONALE}",
            )
        return replace(encoded, second_ids=ids)

    def _check_ids(self, config: MeteorConfig) -> None:
        known = self.tokenizer.get_vocab()
        wanted = {IMAGE: config.image_token_id, RATIONALE: config.rationale_token_id}
        wrong = [name for name, number in wanted.items() if known.get(name) != number]
        wrong += [name for name in (TURN, END) if name not in known]
        if wrong:
            raise ModelError(
                f"the tokenizer of '{self._folder}' gives '{wrong[0]}' the id "
                f"{known.get(wrong[0])}, which does not fit the {config.text_config.vocab_size} "
                "rows of the embedding",
                f"{IMAGE} and {RATIONALE} are the last two rows, after InternLM2's own tokens",
            )
