"""Checks on checkpoint folders before anything is loaded."""

import json
import shutil

import pytest

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.files import check_weights, read_config


@pytest.fixture
def copy(checkpoints, tmp_path):
    """A copy of the tiny LLaVA that a test may damage."""
    return shutil.copytree(checkpoints["llava"], tmp_path / "copy")


def shards(folder, names):
    """Splits the one weight file into an index over copies of it."""
    for name in names:
        shutil.copy(folder / "model.safetensors", folder / name)
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {f"w{number}": name for number, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_whole_weights_are_counted(copy, llava):
    """Parameters and stored dtypes are read from the header."""
    (shard,) = check_weights(copy)
    assert shard.parameters == sum(weight.numel() for weight in llava.model.parameters())
    assert shard.dtypes == {"F32"}


@pytest.mark.parametrize("kept", [0, 5, 8, 500, -1])
def test_truncated_weights_are_an_error(copy, kept):
    """Whatever is left of a file that lost its end, it is refused before loading."""
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"model.safetensors'") as caught:
        check_weights(copy)
    assert "truncated or damaged" in caught.value.advice


@pytest.mark.parametrize("header", [b"\xff" * 60, b"[1, 2]", b'{"w": {"shape": [1]}}'])
def test_damaged_headers_are_an_error(copy, header):
    """A header that is no description of tensors is refused with the file's name."""
    path = copy / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match="header cannot be read"):
        check_weights(copy)


def test_bytes_after_the_end_are_an_error(copy):
    """A file that is longer than its header promises is not the file that was saved."""
    with (copy / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match="bytes where its header promises"):
        check_weights(copy)


def test_every_shard_of_an_index_is_checked(copy):
    """Sharded checkpoints are read through their index; a missing shard is named."""
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    shards(copy, names)
    assert [shard.path.name for shard in check_weights(copy)] == names
    (copy / names[1]).unlink()
    with pytest.raises(ModelError, match="lacks 1 of 2 weight files, first 'model-00002"):
        check_weights(copy)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "old.pth"])
def test_pickled_weights_are_refused(copy, name):
    """Pickles can run code: they are named, not loaded, with advice how to convert."""
    (copy / "model.safetensors").rename(copy / name)
    with pytest.raises(ModelError, match=f"pickled weights only \\({name}\\)") as caught:
        check_weights(copy)
    assert "save_pretrained" in caught.value.advice


def test_a_folder_without_weights_is_an_error(copy):
    """Neither safetensors nor pickles: the message says what is missing."""
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no weights"):
        check_weights(copy)


def test_a_missing_folder_or_config_is_an_error(tmp_path):
    """The two usual wrong paths get different messages."""
    with pytest.raises(ModelError, match="there is no model folder"):
        read_config(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="has no config\\.json"):
        read_config(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_config_is_an_error(tmp_path, content):
    """A config that is no JSON object is named."""
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config.json'"):
        read_config(tmp_path)
