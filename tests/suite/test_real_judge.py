"""The judge client against a real server: transformers' own, with one of our language models."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.resources import files
from pathlib import Path

import pytest

from ipllvm_spec.benchmarks.base import JudgeCall
from ipllvm_spec.benchmarks.judge_client import READ_TRIES, JudgeClient
from ipllvm_spec.benchmarks.judging import JudgeOptions
from ipllvm_spec.engine.answers import EngineStats
from ipllvm_spec.engine.judges import JudgeDesk
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import JudgeError

MODEL = str(files("ipllvm_spec") / "mini" / "checkpoints" / "mini-lm-llama")
PATIENCE_S = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serves mini-lm-llama on localhost, offline; gives the base URL."""
    log = tmp_path_factory.mktemp("serve") / "serve.log"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # The model is named at the start: it is loaded before the first request and answers them all.
    line = [
        str(Path(sys.executable).with_name("transformers")), "serve", MODEL,
        "--host", "127.0.0.1", "--port", str(port), "--device", "cpu",
    ]  # fmt: skip
    offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (
        log.open("w") as output,
        subprocess.Popen(
            line, env={**os.environ, **offline}, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"transformers serve did not start:\n{log.read_text()}")


@pytest.fixture
def client(server):
    """A client of that server, which needs no key."""
    made = JudgeClient(JudgeOptions(server, MODEL, concurrency=2), key="", sleep=lambda _: None)
    yield made
    made.close()


def question(text: str, *, reads: str = "any") -> JudgeCall:
    """A question that our language models were trained on."""
    return JudgeCall("mini-1", (("user", text),), text, "", 8, reads)


def test_a_real_model_judges_and_says_the_same_again(client):
    """A greedy reply with the server's own count of tokens, equal for equal questions."""
    asked = question("How many red circles are there?")
    first, second = client.ask(asked), client.ask(asked)

    assert first == second
    assert (first.usable, first.tries) == (True, 1)
    assert first.text.strip()
    assert first.prompt_tokens > 5
    assert 0 < first.reply_tokens <= 8


def test_a_real_model_that_cannot_grade_is_given_up(client):
    """It answers every try, and no reply is a grade: unusable, not an error and not 0."""
    found = client.ask(question("What color is the sky?", reads="pair"))

    assert (found.usable, found.tries) == (False, READ_TRIES)


def test_replies_of_a_real_judge_are_stored(client, tmp_path):
    """The second desk on the store asks nothing."""
    asked = [question(f"Is {number} even?") for number in range(4)]
    runs = []
    for _ in range(2):
        store, stats = Store(tmp_path / "s.sqlite"), EngineStats()
        desk = JudgeDesk(client, store, stats=stats, run_id="r")
        runs.append((desk.judge(asked), stats.judge_calls))
        desk.close()
        store.close()

    assert [calls for _, calls in runs] == [4, 0]
    assert runs[0][0] == runs[1][0]


def test_a_real_server_without_that_model_stops_the_run(server):
    """A typo in --judge-model is one clear error."""
    client = JudgeClient(JudgeOptions(server, "no-such-model"), key="", sleep=lambda _: None)
    with pytest.raises(
        JudgeError, match=r"(?s)'no-such-model' at .* answers HTTP 4.*--judge-model"
    ):
        client.ask(question("Is this here?"))
    client.close()
