"""A judge as pytest's users know it: asked once, limited, missing, refused, never leaking."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import datasets
import pytest
from PIL import Image

from tests.judge_server import refusal, reply, scripted_judge
from tests.suite.conftest import ROOT, command, leftovers

CANARY = "sk-canary-0123456789abcdef"
ROWS = 8


@pytest.fixture(scope="module")
def mmvet(tmp_path_factory) -> Path:
    """A few questions in MM-Vet's published schema."""
    folder = tmp_path_factory.mktemp("mmvet")
    rows = [
        {
            "question_id": f"v1_{number}",
            "image": Image.new("RGB", (32, 32), (20 * number, 90, 90)),
            "question": "Describe this image in detail.",  # never answered with nothing
            "answer": "blue <OR> green",
            "capability": "rec, ocr" if number % 2 else "rec",
            "image_source": "none",
        }
        for number in range(ROWS)
    ]
    table = datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())
    table.to_parquet(str(folder / "test-00000-of-00001.parquet"))
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The project with ``image_matters`` declared on MM-Vet alone."""
    folder = tmp_path_factory.mktemp("tree")
    for name in ("ipllvm_spec", "fixtures", "properties"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("checkpoints", "__pycache__")
        )
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    weights = Path("ipllvm_spec", "mini", "checkpoints")
    (folder / weights).symlink_to(ROOT / weights)
    spec = folder / "ipllvm_spec" / "specs" / "permutation.toml"
    head, mark, claim = spec.read_text().partition("[claim.image_matters]")
    declared, limit, rest = claim.partition("[claim.image_matters.limit.gap]")
    declared = re.sub(r"benchmarks = \[[^]]*\]", 'benchmarks = ["mmvet"]', declared)
    # The other claims require this guard on their own benchmarks, so they go.
    rest = rest.partition("[claim.")[0]
    spec.write_text(head + mark + declared + limit + rest)
    for other in (folder / "properties").glob("test_*.py"):
        if other.stem != "test_permutation":
            other.unlink()
            (spec.parent / f"{other.stem.removeprefix('test_')}.toml").unlink()
    profiles = spec.parent / "profiles.toml"
    # Scopes, and what is left out, name claims of properties that are gone.
    text = re.sub(r"^leaves_out.*\n", "", profiles.read_text(), flags=re.MULTILINE)
    sections = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    profiles.write_text("".join(part for part in sections if ".scope]" not in part[:40]))
    test = folder / "properties" / "test_permutation.py"
    kept = test.read_text().split('@pytest.mark.claim("permutation.accuracy_survives")')[0]
    test.write_text(kept)
    return folder


@pytest.fixture
def run(tmp_path, mmvet, tree):
    """Decides ``image_matters`` on that folder as a user does."""

    def suite(*options: str, key: str = CANARY) -> subprocess.CompletedProcess[str]:
        run_dir = tmp_path / "run"
        line = command(
            "--run-dir", str(run_dir), "--models", "mini-llava", "-k", "image_matters",
            "--benchmarks", f"mmvet={mmvet}", *options,
        )  # fmt: skip
        # OPENAI_LOG makes the client of the judge write down all that it does.
        given = {
            "IPLLVM_JUDGE_KEY": key,
            "OPENAI_LOG": "debug",
            "COLUMNS": "120",
            "PYTHONPATH": str(tree),
        }
        done = subprocess.run(
            line, cwd=tree, env={**os.environ, **given}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert leftovers(run_dir) == []
        assert "INTERNALERROR" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    return suite


def the_record(tmp_path: Path) -> dict:
    """The only record of a run."""
    (line,) = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    return json.loads(line)


def leaks(done: subprocess.CompletedProcess[str], *folders: Path) -> list[str]:
    """Where the key can be found: what was printed, and every file that was written."""
    found = [name for name in ("stdout", "stderr") if CANARY in getattr(done, name)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files
    return found + [str(path) for path in files if CANARY.encode() in path.read_bytes()]


def test_a_judged_check_asks_once_obeys_its_limit_and_leaks_nothing(run, tmp_path):
    """Two workers, two calls at once; the second run asks nothing; no file holds the key."""
    allure = tmp_path / "allure"
    with scripted_judge(
        # The judge repeats the key that it was given, as servers do.
        lambda asked: reply(f"0.5 ({asked.headers['authorization']})", delay_s=0.02)
    ) as server:
        judge = ("--judge-url", f"{server.url}/chat/completions", "--judge-model", "judge-1")
        options = (*judge, "--judge-concurrency", "2", "--showlocals", "--alluredir", str(allure))
        first = run(*options, "-n", "2")
        asked, busiest = len(server.asked), server.busiest
        keys = {one.headers["authorization"] for one in server.asked}
        record = the_record(tmp_path)
        second = run(*options, "-n", "0", "-vv")
        again = the_record(tmp_path)
        plan = run(*judge, "--plan", "--judge-price", "2.5/10")

        assert len(server.asked) == asked, "the second run and the plan ask nothing"

    assert keys == {f"Bearer {CANARY}"}
    assert 0 < asked <= 2 * ROWS
    assert busiest <= 2
    (part,) = record["measured"]
    assert (part["scored_by"], part["excluded"]) == ("judge judge-1", 0)
    assert (part["intact"], part["other"]) == (50.0, 50.0)
    assert part["parts_intact"] == {"rec": 50.0, "ocr": 50.0}
    assert again["measured"] == record["measured"]
    assert again["verdict"] == record["verdict"]
    assert f"judge judge-1: {asked} replies asked for (0 unreadable)" in first.stdout
    assert "judge judge-1: 0 replies asked for" in second.stdout
    assert f"{2 * ROWS} from the store" in second.stdout
    assert "mmvet (judge)" in second.stdout
    with sqlite3.connect(tmp_path / "run" / "cells.sqlite") as store:
        stored = store.execute("SELECT DISTINCT reply FROM judgements").fetchall()
    assert stored == [("0.5 (Bearer ***)",)]
    stated = next(line for line in plan.stdout.splitlines() if line.startswith("judge judge-1:"))
    assert f"at most {2 * ROWS} replies, {2 * ROWS} of them stored" in stated
    assert "0.00 at the declared price" in stated
    for done in (first, second, plan):
        assert leaks(done, tmp_path / "run", allure) == []


def test_without_a_judge_a_check_is_unscored_and_no_model_is_asked(run, tmp_path):
    """A skip with the reason and the way out; a row that says so; not one prompt."""
    done = run("-n", "0", "-rs", "--strict-undecided")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout
    assert "unscored: no judge for MM-Vet; set --judge-url" in done.stdout
    assert "1 unscored" in done.stdout
    assert "models: 0 prompts answered" in done.stdout
    assert the_record(tmp_path)["measured"][0]["scored_by"] == "unscored"


def test_a_refusal_stops_the_run_and_keeps_the_answers(run, tmp_path):
    """A wrong key is one clear error, not a thousand; what the model had said is stored."""
    with scripted_judge([refusal(401, f"Incorrect API key provided: {CANARY}")]) as server:
        done = run(
            "--judge-url", server.url, "--judge-model", "judge-1", "-n", "1", "--showlocals"
        )  # fmt: skip

    assert done.returncode != 0
    assert "JudgeError: judge 'judge-1' at http" in done.stdout
    assert "Incorrect API key provided: ***" in done.stdout
    assert "set IPLLVM_JUDGE_KEY or OPENAI_API_KEY" in done.stdout
    assert leaks(done, tmp_path / "run") == []
    with sqlite3.connect(tmp_path / "run" / "cells.sqlite") as store:
        assert store.execute("SELECT count(*) FROM results").fetchone()[0] == ROWS


def test_options_that_cannot_work_are_refused_before_anything_starts(run):
    """A URL with a password in it ends the run, and is not repeated."""
    done = run("--judge-url", f"https://me:{CANARY}@x.org/v1", "--judge-model", "m")

    assert done.returncode == 4
    assert "put the key into IPLLVM_JUDGE_KEY" in done.stderr
    assert CANARY not in done.stdout + done.stderr
