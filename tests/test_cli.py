"""The command line: what it prints, its exit codes, and that it stays light."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from ipllvm_spec.spec.loader import SPECS, load_suite

PROBE = (
    "import sys\n"
    "from ipllvm_spec.cli import main\n"
    "try:\n"
    "    main()\n"
    "finally:\n"
    "    heavy = {'torch', 'transformers', 'datasets', 'pandas', 'matplotlib'} & set(sys.modules)\n"
    "    print('HEAVY', sorted(heavy), file=sys.stderr)\n"
)


def ipllvm(*arguments, cwd=None):
    """Runs the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_spec_check_counts_what_is_declared():
    """The packaged specs load strictly, without any heavy package."""
    done = ipllvm("spec", "check")

    assert done.returncode == 0
    assert f"{len(load_suite().claims)} claims" in done.stdout
    assert "HEAVY []" in done.stderr


def test_spec_list_shows_every_claim_with_its_limit():
    """A reviewer sees all limits on one page."""
    done = ipllvm("spec", "list")

    assert done.returncode == 0
    assert all(claim.id in done.stdout for claim in load_suite().claims.values())
    assert all(c.limit.sentence()[:20] in done.stdout for c in load_suite().claims.values())


@pytest.mark.parametrize("name", ["permutation", "permutation.image_matters"])
def test_spec_show_prints_what_was_understood(name):
    """Properties and claims can be looked at by id."""
    done = ipllvm("spec", "show", name)

    assert done.returncode == 0
    assert '"why"' in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("spec", "show", "permutaton"), "did you mean 'permutation'?"),
        (("spec", "check", "no-such-folder"), "no-such-folder"),
        (("store", "info", "--run-dir", "empty"), "empty"),
        (("store", "prune", "--run-dir", "empty"), "prune"),
        (("mini", "verify", "mini-lava"), "did you mean 'mini-llava'?"),
        (("mini", "train", "mini-lava"), "mini-llava"),
        (("measure", "mini-llava", "mmstar", "--intervention", "{"), "no JSON"),
        (("measure", "mini-llava", "mmstar", "--intervention", '{"x": {}}'), "intervention 'x'"),
        (("fetch", "llava-1.5-7"), "llava-1.5-7b"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_message_and_exit_code_2(tmp_path, arguments, message):
    """Nobody has to read a traceback to learn what to do."""
    done = ipllvm(*arguments, cwd=tmp_path)

    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_malformed_spec_names_file_line_and_column(tmp_path):
    """TOML that cannot be parsed is shown where it breaks."""
    folder = shutil.copytree(SPECS, tmp_path / "specs")
    (folder / "broken.toml").write_text("[property\nstatement = 1\n")
    done = ipllvm("spec", "check", str(folder))

    assert done.returncode == 2
    assert "broken.toml" in done.stderr
    assert "line 1" in done.stderr
