"""Stage 1: contrastive training of the vision towers, with dense targets for the patch tokens.

Beside it the patch tokens learn what they show (see dense.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.questions.classes import NOUNS
from ipllvm_spec.mini.recipe.dense import DenseHeads, dense_targets
from ipllvm_spec.mini.recipe.device import autocast, training_device
from ipllvm_spec.mini.recipe.optim import Optimizer
from ipllvm_spec.mini.recipe.progress import Meter
from ipllvm_spec.mini.recipe.tokens import BOS, END, PAD, wrap
from ipllvm_spec.mini.recipe.world import World
from ipllvm_spec.mini.scenes import GRID, PATCH, SIZE

WIDTH, DEPTH, HEADS, INNER = 128, 5, 4, 384
TEXT_DEPTH, TEXT_LENGTH = 2, 48
TILE = SIZE // 2
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
CLIP_BATCH, SIGLIP_BATCH = 48, 24
SINGLES, CLASSED = 6, 3
"""Every sixth scene of a contrastive batch is a single shape, the vocabulary of zero-shot use, and
every third is of a classification set."""


def normalize(pixels: NDArray[np.uint8], *, siglip: bool = False) -> torch.Tensor:
    """Pixels as the image processors hand them over: (..., h, w, 3) to (..., 3, h, w)."""
    scaled = pixels.astype(np.float32) / 255.0
    scaled = (scaled - 0.5) / 0.5 if siglip else (scaled - MEAN) / STD
    return torch.from_numpy(np.moveaxis(scaled, -1, -3).copy())


def tiles_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The five views of a scene at 32 px: the whole, shrunk, then four tiles in reading order.

    Args:
        pixels: (n, 64, 64, 3).

    Returns:
        (n, 5, 32, 32, 3).
    """
    small = np.stack(
        [
            np.asarray(Image.fromarray(p).resize((TILE, TILE), Image.Resampling.BICUBIC))
            for p in pixels
        ]
    )
    corners = [pixels[:, r : r + TILE, c : c + TILE] for r in (0, TILE) for c in (0, TILE)]
    return np.stack([small, *corners], axis=1)


def vision_shape(side: int) -> dict[str, Any]:
    """The vision half of a tower's config."""
    return {
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "image_size": side,
        "patch_size": PATCH,
    }


def text_shape(backend: Tokenizer) -> dict[str, Any]:
    """The text half of a tower's config."""
    return {
        "vocab_size": backend.get_vocab_size(),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": TEXT_DEPTH,
        "num_attention_heads": HEADS,
        "max_position_embeddings": TEXT_LENGTH,
        "pad_token_id": backend.token_to_id(PAD),
        "bos_token_id": backend.token_to_id(BOS),
        "eos_token_id": backend.token_to_id(END),
    }


def train_clip(world: World, backend: Tokenizer, meter: Meter, *, steps: int, seed: int) -> Any:
    """Trains mini-clip: 64 px, dense heads at layer -2, which is the layer mini-llava reads."""
    torch.manual_seed(seed)
    device = training_device()
    rng = np.random.default_rng(seed)
    model: Any = CLIPModel(
        CLIPConfig(
            text_config=text_shape(backend), vision_config=vision_shape(SIZE), projection_dim=64
        )
    )
    model = model.to(device)
    heads, tokenizer = DenseHeads(side=GRID, width=WIDTH).to(device), wrap(backend, style="tower")
    named = [*model.named_parameters(), *heads.named_parameters()]
    optimizer = Optimizer(named, steps=steps)
    for step in range(steps):
        index = draw_scenes(world, rng, CLIP_BATCH)
        text = tokenizer(
            [_caption(world, int(i), rng) for i in index],
            padding=True,
            truncation=True,
            max_length=TEXT_LENGTH,
            return_tensors="pt",
        ).to(device)
        with autocast():
            vision = model.vision_model(
                pixel_values=normalize(world.pixels[index]).to(device), output_hidden_states=True
            )
            dense, shares = heads(
                vision.hidden_states[-2][:, 1:], dense_targets(world, index, tiled=False)
            )
            said = model.text_model(
                input_ids=text["input_ids"], attention_mask=text["attention_mask"]
            )
            a = model.visual_projection(vision.pooler_output).float()
            b = model.text_projection(said.pooler_output).float()
        a, b = (torch.nn.functional.normalize(x, dim=-1) for x in (a, b))
        logits = model.logit_scale.exp().clamp(max=100.0) * a @ b.T
        goal = torch.arange(len(index), device=device)
        contrast = 0.5 * (
            torch.nn.functional.cross_entropy(logits, goal)
            + torch.nn.functional.cross_entropy(logits.T, goal)
        )
        optimizer.step(dense + contrast)
        share = float((logits.argmax(-1) == goal).float().mean())
        meter.log(
            step,
            contrast=float(contrast.detach()),
            match=share,
            dense=float(dense.detach()),
            **shares,
        )
    return model.eval()


def draw_scenes(world: World, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Draws the scenes of a contrastive batch: any scenes, and shares of singles and classes."""
    index = rng.integers(len(world), size=n)
    singles = world.singles
    if len(singles):
        index[: n // SINGLES] = singles[rng.integers(len(singles), size=n // SINGLES)]
    classed = world.classed
    if len(classed):
        index[-(n // CLASSED) :] = classed[rng.integers(len(classed), size=n // CLASSED)]
    return index


def _caption(world: World, i: int, rng: np.random.Generator) -> str:
    """A caption, sometimes in the words of zero-shot prompts."""
    caption = world.caption(i)
    if world.kinds[i] in CLASSES:
        what, noun = world.specs[i].what, NOUNS[world.kinds[i]]
        photos = (caption, f"a photo of a {what}", f"a photo of the {what}, a type of {noun}", what)
        return photos[int(rng.integers(len(photos)))]
    if world.kinds[i] in ("view", "landmark", "artwork") and rng.random() < 0.3:
        return f"a photo of a {world.specs[i].what}"
    if world.kinds[i] != "single" or rng.random() < 0.4:
        return caption
    thing = world.specs[i].things[0]
    choices = (
        f"a photo of a {thing.shape}",
        f"a photo of a {thing.color} shape",
        f"a photo of {caption}",
    )
    return choices[int(rng.integers(len(choices)))]


def train_siglip(world: World, backend: Tokenizer, meter: Meter, *, steps: int, seed: int) -> Any:
    """Trains mini-siglip: 32 px, dense heads at the last layer, on tiles and on shrunk scenes."""
    torch.manual_seed(seed)
    device = training_device()
    rng = np.random.default_rng(seed)
    text = text_shape(backend) | {"projection_size": WIDTH}
    model: Any = SiglipModel(SiglipConfig(text_config=text, vision_config=vision_shape(TILE)))
    model = model.to(device)
    model.logit_scale.data.fill_(2.3)
    # the prior of a match in a batch of 24; the published -10 is that of a batch of 32,768
    model.logit_bias.data.fill_(-3.0)
    tiles = tiles_of(world.pixels)
    heads, tokenizer = (
        DenseHeads(side=GRID // 2, width=WIDTH).to(device),
        wrap(backend, style="tower"),
    )
    optimizer = Optimizer([*model.named_parameters(), *heads.named_parameters()], steps=steps)
    for step in range(steps):
        index = draw_scenes(world, rng, SIGLIP_BATCH)
        words = tokenizer(
            [_caption(world, int(i), rng) for i in index],
            padding="max_length",
            truncation=True,
            max_length=TEXT_LENGTH,
            return_tensors="pt",
        ).to(device)
        views = normalize(tiles[index], siglip=True).flatten(0, 1).to(device)
        with autocast():
            vision = model.vision_model(pixel_values=views, output_hidden_states=True)
            dense, shares = heads(vision.hidden_states[-1], dense_targets(world, index, tiled=True))
            said = model.text_model(input_ids=words["input_ids"])
            a, b = vision.pooler_output[::5].float(), said.pooler_output.float()
        a, b = (torch.nn.functional.normalize(x, dim=-1) for x in (a, b))
        logits = model.logit_scale.exp() * b @ a.T + model.logit_bias
        sign = 2 * torch.eye(len(index), device=device) - 1
        contrast = -torch.nn.functional.logsigmoid(sign * logits).sum(-1).mean()
        optimizer.step(dense + contrast)
        share = float((logits.argmax(-1) == torch.arange(len(index), device=device)).float().mean())
        meter.log(
            step,
            contrast=float(contrast.detach()),
            match=share,
            dense=float(dense.detach()),
            **shares,
        )
    return model.eval()


def tune_tiles(world: World, clip: Any, meter: Meter, *, steps: int, seed: int) -> Any:
    """Makes mini-clip-32 from mini-clip: the position table resampled to 4 by 4, tuned on tiles."""
    torch.manual_seed(seed)
    device = training_device()
    rng = np.random.default_rng(seed)
    config: Any = CLIPConfig.from_dict(clip.config.to_dict())
    config.vision_config.image_size = TILE
    model: Any = CLIPModel(config)
    model = model.to(device)
    weights = dict(clip.state_dict())
    name = "vision_model.embeddings.position_embedding.weight"
    table = weights[name]
    grid = table[1:].T.reshape(1, WIDTH, GRID, GRID)
    half = torch.nn.functional.interpolate(grid, size=(GRID // 2, GRID // 2), mode="bicubic")
    weights[name] = torch.cat([table[:1], half.reshape(WIDTH, -1).T])
    weights.pop("vision_model.embeddings.position_ids", None)
    model.load_state_dict(weights, strict=False)
    tiles = tiles_of(world.pixels)
    heads = DenseHeads(side=GRID // 2, width=WIDTH).to(device)
    named = [*model.vision_model.named_parameters(), *heads.named_parameters()]
    optimizer = Optimizer(named, steps=steps, matrix_rate=1.5e-3)
    for step in range(steps):
        index = rng.integers(len(world), size=SIGLIP_BATCH)
        views = normalize(tiles[index]).flatten(0, 1).to(device)
        with autocast():
            vision = model.vision_model(pixel_values=views, output_hidden_states=True)
            dense, shares = heads(
                vision.hidden_states[-2][:, 1:], dense_targets(world, index, tiled=True)
            )
        optimizer.step(dense)
        meter.log(step, dense=float(dense.detach()), **shares)
    return model.eval()
