"""The adapter that all families of transformers' LLaVA classes share.

A family says how its pixels become visual tokens and what kind each token is; everything after the
projector is the same code for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from PIL.Image import Image

from ipllvm_spec.benchmarks.base import Decoding
from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.base import TokenKind, VisualTokens
from ipllvm_spec.models.base import Answer, Encoded
from ipllvm_spec.models.decoding import greedy, next_logits
from ipllvm_spec.models.identity import Identity
from ipllvm_spec.models.likelihood import mean_log_probabilities, option_tokens
from ipllvm_spec.models.packing import base_grid
from ipllvm_spec.models.prompts import PromptEncoder
from ipllvm_spec.models.splice import PromptBatch, assemble

if TYPE_CHECKING:
    from ipllvm_spec.models.registry import Checkpoint

#: Gets the (batch, length, d) input of a decoder layer and the prompt batch; returns a new tensor
#: of the same shape, never its argument changed in place.
LayerInput = Callable[[torch.Tensor, PromptBatch], torch.Tensor]


class _Prefilling(threading.local):
    """The batch whose prompts this thread is reading, None while it decodes."""

    batch: PromptBatch | None = None


class SpliceAdapter:
    """One loaded checkpoint; see ``models.base.Adapter`` for the protocol.

    Attributes:
        family: Key in ``models.registry.FAMILIES``.
        model_class: Name of the class in transformers; empty for a family with ``open_model``.
        capabilities: Sites at which interventions can enter, and ``answers``.
        identity: Weights, processor, dtype.
        attention: Attention implementation.
        n_layers: Number of decoder layers.
        prompts: Prompt encoder.
        model: The model, for hooks and tests.
        device: Where batches are made; with a device map, where its first module lies.
        forced: A text that replaces every answer (broken variant), or None.
    """

    family: str = ""
    model_class: str = ""
    capabilities: frozenset[str] = frozenset({"answers", "pixels", "visual_tokens", "hidden"})

    def __init__(
        self,
        model: Any,
        *,
        prompts: PromptEncoder,
        identity: Identity,
        device: torch.device,
        forced: str | None = None,
    ) -> None:
        self.model = model
        self.prompts = prompts
        self.identity = identity
        self.device = device
        self.forced = forced
        self.attention: str = model.config._attn_implementation
        self.n_layers: int = len(model.get_decoder().layers)
        self._eos = _end_tokens(model, prompts.tokenizer)
        # Several threads may run one model; a hook is for the calls of its own thread.
        self._here = _Prefilling()

    @classmethod
    def read_config(cls, folder: Path) -> Any:
        """Reads the config of a checkpoint folder."""
        return transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )

    @classmethod
    def prompt_encoder(cls, folder: Path, config: Any) -> PromptEncoder:
        """Builds the prompt encoder of a checkpoint folder with its config."""
        return PromptEncoder(
            folder,
            image_token_id=config.image_token_id,
            kinds=partial(cls.token_kinds, config),
            grid=partial(base_grid, config),
        )

    @classmethod
    def open_model(
        cls, checkpoint: Checkpoint, config: Any, device: torch.device, *, attention: str
    ) -> Any:
        """Loads the weights of a family that has no class in transformers onto one device."""
        raise NotImplementedError

    @classmethod
    def token_kinds(cls, config: Any, pixels: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns the (n,) int8 kinds of one image's visual tokens, without any model compute.

        Args:
            config: The model's config.
            pixels: ``Encoded.pixels`` of the image.
        """
        raise NotImplementedError

    def features(self, pixels: Sequence[Mapping[str, torch.Tensor]]) -> Sequence[torch.Tensor]:
        """Runs tower and projector; returns one (n, d) tensor per image.

        Args:
            pixels: ``Encoded.pixels`` of each image.
        """
        raise NotImplementedError

    def projectors(self) -> tuple[torch.nn.Module, ...]:
        """Returns the projectors, each from vision features to one entrance of the image."""
        return (self.model.model.multi_modal_projector,)

    def encode_prompt(self, prompt: str, image: Image | None, *, chat: bool = True) -> Encoded:
        """Makes model inputs; thread-safe, no model compute. See ``PromptEncoder.encode``."""
        return self.prompts.encode(prompt, image, chat=chat)

    @torch.inference_mode()
    def visual_tokens(self, prompts: Sequence[Encoded]) -> list[VisualTokens]:
        """Runs tower and projector for prompts that all have an image; one entry per prompt.

        Raises:
            ModelError: When the model makes another number of visual tokens than the prompt has
                placeholders, or puts its newlines elsewhere.
        """
        if not prompts:
            return []
        features = self.features([prompt.pixels for prompt in prompts])
        return [
            self._visual(prompt, tokens) for prompt, tokens in zip(prompts, features, strict=True)
        ]

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[Encoded],
        visual: Sequence[VisualTokens | None],
        decoding: Decoding,
    ) -> list[Answer]:
        """Splices the visual tokens in, pads left, decodes greedily, stops at EOS.

        With ``decoding.options`` nothing is decoded: the option of the largest mean
        log-probability per token is the answer, the first of equals.

        Raises:
            ModelError: When a prompt has placeholders and its visual tokens do not fit them, or
                an option has no token.
        """
        if self.forced is not None:
            return [Answer(text=self.forced, n_tokens=1, margin=0.0) for _ in prompts]
        if not prompts:
            return []
        batch = self._assemble(prompts, visual)
        if decoding.options:
            return self._choose(batch, decoding.options)
        rows = greedy(
            self.model,
            batch,
            prefill=self._prefill,
            eos=self._eos,
            pad_id=self.prompts.pad_id,
            max_new_tokens=decoding.max_new_tokens,
            stopped=partial(self._stopped, decoding.stop),
        )
        answers = []
        for row in rows:
            text = self._text(row.tokens)
            cut = _cut_at(text, decoding.stop)
            answers.append(Answer(text=text[:cut], n_tokens=row.n_tokens, margin=row.margin))
        return answers

    @torch.inference_mode()
    def logits(
        self, prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None]
    ) -> torch.Tensor:
        """Returns the (batch, vocabulary) float32 logits of the first new token, on the CPU."""
        return self._prefill(self._assemble(prompts, visual), cache=None).cpu()

    @contextmanager
    def layer_input_hook(self, layer: int, change: LayerInput) -> Iterator[None]:
        """Changes the input of one decoder layer while the prompt is read, never afterwards.

        Args:
            layer: 0-based decoder layer; 0 sees the spliced embeddings.
            change: Returns the new input; gets the prompt batch for its masks.

        Raises:
            ModelError: When there is no such layer.
        """
        layers = self.model.get_decoder().layers
        if not 0 <= layer < len(layers):
            raise ModelError(f"there is no decoder layer {layer}; the model has {len(layers)}")

        owner = threading.get_ident()

        def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            # Decoding steps call the layer too, with one token and no prompt masks.
            batch = self._here.batch
            if batch is None or threading.get_ident() != owner:
                return None
            if args:
                return (change(args[0], batch), *args[1:]), kwargs
            hidden = change(kwargs["hidden_states"], batch)
            return args, {**kwargs, "hidden_states": hidden}

        handle = layers[layer].register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def _choose(self, batch: PromptBatch, options: Sequence[str]) -> list[Answer]:
        scores = mean_log_probabilities(
            self.model,
            batch,
            option_tokens(self.prompts.tokenizer, options),
            prefill=self._prefill,
        )
        answers = []
        for row in scores.tolist():
            best = max(range(len(options)), key=row.__getitem__)
            others = row[:best] + row[best + 1 :]
            margin = row[best] - max(others) if others else 0.0
            answers.append(Answer(text=options[best], n_tokens=0, margin=margin))
        return answers

    def _visual(self, prompt: Encoded, tokens: torch.Tensor) -> VisualTokens:
        kinds = self.token_kinds(self.model.config, prompt.pixels)
        newline = getattr(self.model.model, "image_newline", None)
        fits = tokens.shape[0] == kinds.numel() == prompt.n_visual
        if fits and newline is not None:
            rows = tokens[(kinds == TokenKind.NEWLINE).to(tokens.device)]
            fits = torch.equal(rows, newline.to(rows).expand_as(rows))
        if not fits:
            raise ModelError(
                f"'{self.identity.ref}' makes {tokens.shape[0]} visual tokens for a prompt with "
                f"{prompt.n_visual} placeholders, or has its newline tokens elsewhere",
                "image processor and model config of the checkpoint disagree (image size, patch "
                "size, grid pinpoints or feature selection)",
            )
        return VisualTokens(
            tokens=tokens,
            kinds=kinds,
            positions=torch.arange(kinds.numel()),
            grid=prompt.grid,
        )

    def _assemble(
        self, prompts: Sequence[Encoded], visual: Sequence[VisualTokens | None]
    ) -> PromptBatch:
        return assemble(
            prompts,
            visual,
            embed=self.model.get_input_embeddings(),
            image_token_id=self.prompts.image_token_id,
            pad_id=self.prompts.pad_id,
            device=self.device,
        )

    def _prefill(self, batch: PromptBatch, *, cache: Any) -> torch.Tensor:
        self._here.batch = batch
        try:
            return next_logits(
                self.model,
                embeds=batch.embeds,
                mask=batch.mask,
                positions=batch.positions,
                cache=cache,
            )
        finally:
            self._here.batch = None

    def _stopped(self, stop: Sequence[str], tokens: list[int]) -> bool:
        return bool(stop) and _cut_at(self._text(tokens), stop) is not None

    def _text(self, tokens: list[int]) -> str:
        text: str = self.prompts.tokenizer.decode(tokens, skip_special_tokens=True)
        return text


def _cut_at(text: str, stop: Sequence[str]) -> int | None:
    """Returns where the first stop string begins, None when there is none."""
    found = [text.find(mark) for mark in stop if mark in text]
    return min(found, default=None)


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Returns the ids that end an answer: those of the generation config and of the tokenizer."""
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(token for token in (*ids, tokenizer.eos_token_id) if token is not None)
