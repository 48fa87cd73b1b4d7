"""What can be wrong with a user's input: one clear message, a non-zero exit, no process left."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipllvm_spec.benchmarks.sources import twin_folder
from tests.suite.conftest import (
    ROOT,
    SMALL,
    answers,
    command,
    ipllvm,
    leftovers,
    wait_for_answers,
)

IPLLVM = str(Path(sys.executable).with_name("ipllvm"))
CHECKPOINT = ROOT / "ipllvm_spec/mini/checkpoints/mini-llava"
ONE = ("-n", "1", "-k", "image_matters", "--benchmarks", "mmstar", "--units", "32")


def said(done, *parts):
    """Asserts a non-zero exit, every part of the message, and no traceback."""
    output = done.stdout + done.stderr
    assert done.returncode != 0, output
    for part in parts:
        assert part in output, output
    assert "Traceback" not in output, output


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--models", "mini-lava"), ("unknown model 'mini-lava'", "did you mean 'mini-llava'?")),
        (("--benchmarks", "mmstra"), ("unknown benchmark 'mmstra'", "did you mean 'mmstar'?")),
        (("--profile", "smok"), ("unknown profile 'smok'", "did you mean 'smoke'?")),
        (("--units", "0"), ("--units 0 measures nothing",)),
        (("--mode", "papr"), ("unknown protocol mode of", "did you mean 'paper'?")),
        (("--device", "cuda:77"), ("cuda:77",)),
    ],
    ids=["model", "benchmark", "profile", "units", "mode", "device"],
)
def test_unknown_names_stop_before_anything_is_measured(run, options, parts):
    """The nearest right name is in the message."""
    said(run(*options, "-n", "1"), *parts)


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of mini-llava to damage."""
    return Path(shutil.copytree(CHECKPOINT, tmp_path / "checkpoint"))


def test_a_folder_without_config(run, checkpoint):
    """The file that is missing is named."""
    (checkpoint / "config.json").unlink()
    said(run(*ONE, "--models", str(checkpoint), "--data", "twin"), "config.json")


def test_pickled_weights_only(run, checkpoint):
    """A pickle can run code when it is read, so it is never read."""
    weights = checkpoint / "model.safetensors"
    weights.rename(checkpoint / "pytorch_model.bin")
    said(run(*ONE, "--models", str(checkpoint), "--data", "twin"), "safetensors")


def test_an_unknown_family(run, checkpoint):
    """The families that would work are listed."""
    config = checkpoint / "config.json"
    config.write_text(config.read_text().replace('"model_type": "llava"', '"model_type": "blip"'))
    said(run(*ONE, "--models", str(checkpoint), "--data", "twin"), "blip", "llava_next")


def test_truncated_weights(run, checkpoint):
    """An interrupted copy is found before the model is loaded."""
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    said(run(*ONE, "--models", str(checkpoint), "--data", "twin"), "model.safetensors")


@pytest.fixture
def twin(tmp_path):
    """A copy of the MMStar twin to damage, with a function that rewrites its table."""
    folder = twin_folder("mmstar")
    copy = Path(shutil.copytree(folder, tmp_path / "mmstar"))
    (file,) = copy.rglob("*.parquet")

    def change(edit):
        pq.write_table(edit(pq.read_table(file)), file)
        return copy

    return change


def test_a_missing_column(run, twin):
    """The column is named, and what was found instead."""
    folder = twin(lambda table: table.drop_columns(["answer"]))
    options = ("-n", "1", "-k", "image_matters", "--models", "mini-llava")
    said(run(*options, "--benchmarks", f"mmstar={folder}"), "answer", "mmstar")


def spoiler(count):
    """Makes the first images of a table undecodable."""

    def spoil(table):
        images = table.column("image").to_pylist()
        broken = [{"bytes": b"no image", "path": None} for _ in images[:count]]
        images = broken + images[count:]
        index = table.schema.get_field_index("image")
        column = pa.array(images, type=table.schema.field("image").type)
        return table.set_column(index, table.schema.field("image"), column)

    return spoil


def test_a_corrupt_image_is_left_out_and_counted(run, twin, tmp_path):
    """The other rows are measured; the summary says what is missing, the exit status does not."""
    done = run(
        "-n", "1", "-k", "image_matters", "--models", "mini-llava",
        "--benchmarks", f"mmstar={twin(spoiler(1))}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mmstar: 1 unit never asked, an image cannot be decoded" in done.stdout
    answered = ipllvm("store", "info", "--run-dir", str(tmp_path / "run"))
    assert " ok " in answered


def test_many_corrupt_images_stop_the_run(run, twin):
    """More than one per cent would be another benchmark; the first rows are named."""
    done = run(
        "-n", "1", "-k", "image_matters", "--models", "mini-llava",
        "--benchmarks", f"mmstar={twin(spoiler(4))}",
    )  # fmt: skip
    said(done, "4 of 300", "row 0")


def test_an_unwritable_run_dir(run, tmp_path):
    """A file in the way of the folder stands for every reason why it cannot be made."""
    (tmp_path / "taken").write_text("")
    said(run(*ONE, run_dir=tmp_path / "taken" / "run"), "taken", "--run-dir")


def test_a_full_disk_keeps_what_was_stored(tmp_path):
    """One message that names the file and says what to do, no traceback, no process left."""
    folder = tmp_path / "small"
    folder.mkdir()
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=900k tmpfs '{folder}'"
    probe = subprocess.run([*alone, mount], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this system lets no user make a small file system of his own")
    line = shlex.join(command("-n", "2", "--models", "mini-llava", "--run-dir", f"{folder}/run"))
    store = shlex.join([IPLLVM, "store", "info", "--run-dir", f"{folder}/run"])
    done = subprocess.run(
        [*alone, f"{mount} && {line}; echo exit code $?; {store}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = done.stdout + done.stderr
    assert "exit code 1" in output
    assert "disk" in output
    # The store says it, and so do the records, whichever comes first.
    assert "free space on that disk" in output or "free some space" in output
    assert "Traceback" not in output, output
    assert "INTERNALERROR" not in output, output
    assert leftovers(folder / "run") == []


def test_ctrl_c_ends_everything_and_keeps_what_was_measured(tmp_path):
    """Interrupting the controller stops workers and engines; the store can be read again."""
    run_dir = tmp_path / "run"
    line = command("-n", "2", "--models", "mini-llava", "--run-dir", str(run_dir))
    # A shell's background jobs, and with them these tests, ignore Ctrl-C; a user's run does not.
    default = "import os, signal, sys; signal.signal(2, signal.SIG_DFL); os.execv(sys.argv[1], "
    line = [sys.executable, "-c", f"{default}sys.argv[1:])", *line]
    with subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        wait_for_answers(run_dir)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 2, output
    assert leftovers(run_dir) == []
    assert answers(run_dir) > 0


def test_undecided_is_a_skip_unless_strict(run):
    """INCONCLUSIVE never passes silently, and --strict-undecided turns the run red."""
    options = (*SMALL, "-n", "1", "-k", "no_order", "--units", "8")
    lax = run(*options)
    strict = run(*options, "--strict-undecided")

    assert lax.returncode == 0, lax.stdout
    assert "skipped" in lax.stdout
    assert strict.returncode == 1, strict.stdout
