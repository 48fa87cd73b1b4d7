"""Names and shapes of the published layout, and every way in which a checkpoint can be wrong."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.meteor.names import Source, fuse_qkv, is_ignored, sources, split_qkv
from ipllvm_spec.models.meteor.weights import save_meteor
from ipllvm_spec.models.registry import load, resolve

LAYER = {
    "attention.wqkv.weight": [64, 32],
    "attention.wqkv.Plora_A.weight": [3, 32],
    "attention.wqkv.Plora_B.weight": [64, 3],
    "attention.wo.weight": [32, 32],
    "attention.wo.Plora_A.weight": [3, 32],
    "attention.wo.Plora_B.weight": [32, 3],
    "feed_forward.w1.weight": [48, 32],
    "feed_forward.w1.Plora_A.weight": [3, 32],
    "feed_forward.w1.Plora_B.weight": [48, 3],
    "feed_forward.w2.weight": [32, 48],
    "feed_forward.w2.Plora_A.weight": [3, 48],
    "feed_forward.w2.Plora_B.weight": [32, 3],
    "feed_forward.w3.weight": [48, 32],
    "feed_forward.w3.Plora_A.weight": [3, 32],
    "feed_forward.w3.Plora_B.weight": [48, 3],
    "attention_norm.weight": [32],
    "ffn_norm.weight": [32],
}


@pytest.fixture
def copy(checkpoint, tmp_path):
    """A copy of the checkpoint that a test may change."""
    return shutil.copytree(checkpoint, tmp_path / "copy")


def change(path, edit):
    """Rewrites a safetensors file after ``edit`` changed its tensors."""
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_the_published_layout_is_written(checkpoint):
    """Fused and renamed as in InternLM2, the Mamba in its own folder, the head two rows less."""
    language = load_file(checkpoint / "model.safetensors")
    shapes = {name: list(tensor.shape) for name, tensor in language.items()}
    for layer in range(2):
        for name, shape in LAYER.items():
            assert shapes.pop(f"model.layers.{layer}.{name}") == shape
    rows = shapes.pop("model.tok_embeddings.weight")[0]
    assert shapes.pop("output.weight") == [rows - 2, 32]
    assert shapes.pop("model.norm.weight") == [32]
    for number, width in (("0", 24), ("2", 32)):
        assert shapes.pop(f"vision_proj.{number}.weight") == [32, width]
        assert shapes.pop(f"vision_proj.{number}.bias") == [32]
    assert all(name.startswith("vit.vision_tower.vision_model.") for name in shapes)
    mamba = load_file(checkpoint / "mamba" / "model.safetensors")
    assert mamba["backbone.embeddings.weight"].shape == (rows, 16)
    assert mamba["vision_proj.0.weight"].shape == (16, 24)
    assert mamba["tor_proj.2.weight"].shape == (32, 32)


def test_names_are_a_bijection(meteor, checkpoint):
    """Every published tensor gives our weights once, and every weight of ours comes from one."""
    ours = meteor.model.state_dict()
    found = sources(ours)
    given = [target.name for targets in found.values() for target in targets]
    assert sorted(given) == sorted(ours)
    stored = {Source("", name) for name in load_file(checkpoint / "model.safetensors")}
    stored |= {
        Source("mamba", name) for name in load_file(checkpoint / "mamba" / "model.safetensors")
    }
    assert set(found) == stored
    assert not any(is_ignored(source) for source in stored)
    shares = [sorted(target.share for target in targets) for targets in found.values()]
    assert all(share in ([""], ["k", "q", "v"]) for share in shares)


def test_a_loaded_model_saves_to_the_same_tensors(meteor, checkpoint, tmp_path):
    """Splitting and fusing undo each other bit for bit."""
    save_meteor(meteor.model, tmp_path)
    for part in (".", "mamba"):
        before = load_file(checkpoint / part / "model.safetensors")
        after = load_file(tmp_path / part / "model.safetensors")
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_fused_matrix_is_divided_as_internlm2_reads_it():
    """Per key-value head: its query heads, then a key head, then a value head."""
    heads, groups, size, width = 6, 2, 4, 5
    fused = torch.randn((heads + 2 * groups) * size, width)
    x = torch.randn(width)
    # The model views the product as groups of (query heads + 2) heads and slices the last two off.
    product = (fused @ x).reshape(groups, heads // groups + 2, size)
    parts = split_qkv(fused, heads=heads, groups=groups)
    expected = {"q": product[:, :-2], "k": product[:, -2], "v": product[:, -1]}
    for name, value in expected.items():
        torch.testing.assert_close(parts[name] @ x, value.reshape(-1))
    assert torch.equal(fuse_qkv(parts, heads=heads, groups=groups), fused)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (".", "model.layers.1.attention.wqkv.Plora_A.weight"),
        (".", "model.layers.0.attention.wqkv.weight"),
        ("mamba", "tor_proj.0.bias"),
    ],
)
def test_a_missing_tensor_is_named(copy, part, name):
    """Nothing is filled with random numbers."""
    change(copy / part / "model.safetensors", lambda tensors: tensors.pop(name))
    with pytest.raises(ModelError, match=rf"1 missing \({'mamba/' * (part == 'mamba')}{name}\)"):
        load(resolve(str(copy), entries={}))


@pytest.mark.parametrize("part", [".", "mamba"])
def test_a_surplus_tensor_is_named(copy, part):
    """A tensor that nobody uses means that the layout is another one."""
    path = copy / part / "model.safetensors"
    change(path, lambda tensors: tensors.update({"model.extra.bias": torch.ones(2)}))
    with pytest.raises(ModelError, match=r"1 surplus \((mamba/)?model\.extra\.bias\)"):
        load(resolve(str(copy), entries={}))


def test_what_is_known_and_unused_is_ignored(copy, meteor):
    """Computed tables and the Mamba's head may be stored; they change nothing."""
    table = "model.layers.0.attention.rotary_emb.inv_freq"
    change(copy / "model.safetensors", lambda tensors: tensors.update({table: torch.ones(4)}))
    head = {"lm_head.weight": torch.ones(3, 16)}
    change(copy / "mamba" / "model.safetensors", lambda tensors: tensors.update(head))
    state = load(resolve(str(copy), entries={})).model.state_dict()
    assert all(torch.equal(state[name], own) for name, own in meteor.model.state_dict().items())


@pytest.mark.parametrize("rows", [60, 56, 61])
def test_a_tensor_of_another_shape_is_named(copy, rows):
    """Config and weights of different checkpoints are told apart."""
    name = "model.layers.0.attention.wqkv.weight"
    change(copy / "model.safetensors", lambda tensors: tensors.update({name: torch.ones(rows, 32)}))
    with pytest.raises(ModelError, match=rf"'{name}'.*where the config says"):
        load(resolve(str(copy), entries={}))


def test_a_checkpoint_without_its_mamba_is_an_error(copy):
    """The message says where the other part is published."""
    shutil.rmtree(copy / "mamba")
    with pytest.raises(ModelError, match="no subfolder 'mamba'") as caught:
        resolve(str(copy), entries={})
    assert "BK-Lee/Meteor-Mamba" in caught.value.advice


@pytest.mark.parametrize("part", [".", "mamba"])
def test_pickled_weights_are_not_loaded(copy, part):
    """Either part with .bin files only is refused, with how to convert them."""
    path = copy / part / "model.safetensors"
    path.rename(path.with_name("pytorch_model.bin"))
    with pytest.raises(ModelError, match="pickled weights only") as caught:
        resolve(str(copy), entries={})
    assert "convert" in caught.value.advice


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_the_mamba_is_part_of_the_identity(copy, checkpoint, name):
    """Other rationale weights or another config never get the old answers."""
    path = copy / "mamba" / name
    if name == "config.json":
        path.write_text(path.read_text() + "\n")
    else:
        change(path, lambda tensors: tensors["tor_proj.0.bias"].add_(1))
    before, after = (resolve(str(folder), entries={}) for folder in (checkpoint, copy))
    assert before.identity.digest != after.identity.digest


def test_configs_that_cannot_be_obeyed_are_errors(copy):
    """A missing field, scaled positions and a Mamba of another vocabulary are named."""
    path, mamba = copy / "config.json", copy / "mamba" / "config.json"
    whole, other = json.loads(path.read_text()), json.loads(mamba.read_text())
    for broken, found in (
        (
            {name: value for name, value in whole.items() if name != "rope_theta"},
            "lacks 'rope_theta'",
        ),
        (whole | {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "rope_scaling"),
    ):
        path.write_text(json.dumps(broken))
        with pytest.raises(ModelError, match=found):
            load(resolve(str(copy), entries={}))
    path.write_text(json.dumps(whole | {"rope_scaling": {"type": "dynamic", "factor": 1.0}}))
    load(resolve(str(copy), entries={}))
    mamba.write_text(json.dumps(other | {"vocab_size": 9}))
    with pytest.raises(ModelError, match=r"9 in mamba/config\.json"):
        load(resolve(str(copy), entries={}))


def test_half_precision_leaves_the_rationale_in_float32(checkpoint, image):
    """A declared dtype is that of the language part; the branch is small and long."""
    from ipllvm_spec.spec.entries import ModelEntry

    entry = ModelEntry(key="t", title="t", path=str(checkpoint), dtype="bfloat16")
    adapter = load(resolve("t", entries={"t": entry}))
    prompt = adapter.encode_prompt("x", image)
    (visual,) = adapter.visual_tokens([prompt])
    assert visual.tokens.dtype == adapter.model.dtype == torch.bfloat16
    assert visual.second.tokens.dtype == torch.float32
    assert adapter.logits([prompt], [visual]).isfinite().all()


def test_a_model_larger_than_its_device_is_an_error(checkpoint):
    """The family is not spread; the message says so."""
    with pytest.raises(ModelError, match="not spread over devices"):
        load(resolve(str(checkpoint), entries={}), max_memory={"cpu": 1000})
