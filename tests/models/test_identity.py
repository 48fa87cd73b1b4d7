"""Digests: equal for equal content, different for every change that changes answers."""

import os
import shutil

import pytest

from ipllvm_spec.models.identity import file_digest, processor_digest, weights_digest


@pytest.fixture
def copy(checkpoints, tmp_path):
    """A copy of the tiny LLaVA that a test may change."""
    return shutil.copytree(checkpoints["llava"], tmp_path / "copy")


def digests(folder):
    """Weights digest and processor digest of a folder."""
    return weights_digest(folder, folder.glob("*.safetensors")), processor_digest(folder)


def test_digests_follow_content_not_place(checkpoints, copy):
    """A copy elsewhere has the same digests."""
    assert digests(copy) == digests(checkpoints["llava"])
    assert digests(copy)[0].startswith("sha256:")


@pytest.mark.parametrize(
    ("name", "weights", "processor"),
    [
        ("model.safetensors", True, False),
        ("config.json", True, False),
        ("generation_config.json", True, False),
        ("tokenizer.json", False, True),
        ("chat_template.json", False, True),
        ("preprocessor_config.json", False, True),
        ("processor_config.json", False, True),
    ],
)
def test_a_changed_file_changes_its_digest(copy, name, weights, processor):
    """Each file belongs to exactly one of the two digests."""
    before = digests(copy)
    with (copy / name).open("ab") as file:
        file.write(b" ")
    after = digests(copy)
    assert (before[0] != after[0], before[1] != after[1]) == (weights, processor)


def test_files_that_change_nothing_are_left_out(copy):
    """A readme or a training log does not give a model another identity."""
    before = digests(copy)
    (copy / "README.md").write_text("x")
    (copy / "trainer_state.json").write_text("{}")
    assert digests(copy) == before


def test_swapped_names_change_the_digest(tmp_path):
    """Content alone does not decide: two files with their names exchanged are another folder."""
    for order in (("a", "b"), ("b", "a")):
        folder = tmp_path / "".join(order)
        folder.mkdir()
        (folder / "tokenizer.json").write_text(order[0])
        (folder / "vocab.json").write_text(order[1])
    assert processor_digest(tmp_path / "ab") != processor_digest(tmp_path / "ba")


def test_a_rewritten_file_is_read_again(tmp_path):
    """Retrained weights at the same path and of the same size never get the old digest."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"a" * 64)
    first = file_digest(path)
    path.write_bytes(b"b" * 64)
    os.utime(path, ns=(1, 1))
    assert file_digest(path) != first
