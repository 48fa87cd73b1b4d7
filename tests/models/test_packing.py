"""Token kinds against what transformers really packs."""

import pytest
import torch
import transformers

from ipllvm_spec.errors import ModelError
from ipllvm_spec.interventions.base import TokenKind
from ipllvm_spec.models.registry import adapter_class, load, resolve

#: (width, height): square, wide, tall, thin, larger than every tile grid.
SIZES = [(24, 24), (60, 40), (30, 90), (100, 100), (200, 20), (19, 170), (71, 73)]

MARKS = {TokenKind.BASE: 1.0, TokenKind.GRID: 2.0, TokenKind.NEWLINE: 3.0}


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_kinds_are_those_of_marked_features(packed, make_image, size):
    """Tower outputs marked by view come out of the real packing where the kinds say.

    The base view is all ones, every tile all twos, the newline threes: unpadding drops tokens and
    the bilinear reduction averages equal numbers, so each packed token still tells its origin.
    """
    pixels = packed.encode_prompt("x", make_image(*size)).pixels
    model = packed.model.model
    tiles = pixels["pixel_values"].shape[1]
    side = model.config.vision_config.image_size // model.config.vision_config.patch_size
    views = torch.full((tiles, side**2, 5), MARKS[TokenKind.GRID])
    views[0] = MARKS[TokenKind.BASE]
    options = {"image_newline": torch.full((5,), MARKS[TokenKind.NEWLINE])}
    if packed.family == "llava_next":
        options["vision_feature_select_strategy"] = "default"
    else:
        options["vision_aspect_ratio"] = model.config.vision_aspect_ratio
    features, _ = model.pack_image_features([views], pixels["image_sizes"], **options)
    kinds = packed.token_kinds(model.config, pixels)
    expected = torch.tensor([MARKS[TokenKind(kind)] for kind in kinds.tolist()])
    torch.testing.assert_close(features[0][:, 0], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_visual_tokens_are_the_models_own_features(adapter, make_image, size):
    """Encoding gives bit for bit what get_image_features gives, in order, newlines included."""
    prompt = adapter.encode_prompt("x", make_image(*size))
    (visual,) = adapter.visual_tokens([prompt])
    with torch.inference_mode():
        own = adapter.model.get_image_features(**prompt.pixels).pooler_output[0]
    assert torch.equal(visual.tokens, own)
    assert visual.tokens.shape[0] == visual.kinds.numel() == prompt.n_visual
    assert visual.positions.tolist() == list(range(prompt.n_visual))


def test_onevision_reduces_large_maps(checkpoints, make_image):
    """The sizes above really exercise the bilinear reduction and its absence."""
    adapter = load(resolve(str(checkpoints["llava_onevision"]), entries={}))
    config = adapter.model.config
    grid = {}
    for size in ((60, 40), (100, 100)):
        pixels = adapter.encode_prompt("x", make_image(*size)).pixels
        grid[size] = int((adapter.token_kinds(config, pixels) == TokenKind.GRID).sum())
        rows = pixels["pixel_values"].shape[1] - 1
        assert grid[size] < rows * 16, "neither unpadded nor reduced"
    assert grid[100, 100] == 25, "2 tiles' worth at most: 12 x 12 reduced to 5 x 5"


@pytest.mark.parametrize(
    ("family", "size", "counts"),
    [
        ("llava_next", (336, 336), (576, 576, 24)),
        ("llava_next", (640, 480), (576, 1728, 36)),
        ("llava_next", (1000, 1000), (576, 2304, 48)),
        ("llava_onevision", (336, 336), (729, 729, 27)),
        ("llava_onevision", (640, 480), (729, 2160, 40)),
        ("llava_onevision", (1000, 1000), (729, 6561, 81)),
        ("llava_onevision", (2000, 1500), (729, 6510, 70)),
    ],
    ids=str,
)
def test_published_geometries(family, size, counts):
    """Published tile sizes and pinpoints give the known token counts without any weights."""
    width, height = size
    if family == "llava_next":
        tile = 336
        config = transformers.LlavaNextConfig(
            vision_config=transformers.CLIPVisionConfig(image_size=336, patch_size=14),
            image_grid_pinpoints=[[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]],
        )
    else:
        tile = 384
        steps = [384 * count for count in range(1, 7)]
        config = transformers.LlavaOnevisionConfig(
            vision_config=transformers.SiglipVisionConfig(image_size=384, patch_size=14),
            image_grid_pinpoints=[[tall, wide] for tall in steps for wide in steps],
        )
    pixels = {
        "pixel_values": torch.empty(1, 1, 3, tile, tile),
        "image_sizes": torch.tensor([[height, width]]),
    }
    kinds = adapter_class(family).token_kinds(config, pixels)
    assert tuple(int((kinds == kind).sum()) for kind in TokenKind) == counts


def test_views_of_another_size_are_an_error(adapter, image):
    """A preprocessor config of another checkpoint is named as the cause."""
    pixels = dict(adapter.encode_prompt("x", image).pixels)
    pixels["pixel_values"] = pixels["pixel_values"][..., :12, :12]
    with pytest.raises(ModelError, match="views of 12 x 12 pixels but the vision tower takes 24"):
        adapter.token_kinds(adapter.model.config, pixels)


def test_an_unreadable_aspect_ratio_is_an_error():
    """OneVision's limit is read from anyres_max_<n> and from nothing else."""
    config = transformers.LlavaOnevisionConfig(vision_aspect_ratio="pad")
    with pytest.raises(ModelError, match="vision_aspect_ratio 'pad'"):
        adapter_class("llava_onevision").token_kinds(config, {})
