"""Fetching and locking, against a small server that speaks the hub's protocol on this machine."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ipllvm_spec.errors import UnknownNameError, UsageError
from ipllvm_spec.models.hub import fetch, is_hub_id
from ipllvm_spec.spec.lock import LockFile

HUB_ID = "lab/tiny-llava"
OLD, NEW = "a" * 40, "b" * 40


class Hub(ThreadingHTTPServer):
    """One repository: files, the commit its main branch is at, what was downloaded."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.main = OLD
        self.served = []
        self.refuses = ""


class Handler(BaseHTTPRequestHandler):
    """Model info, file tree and files; everything else is 404."""

    def log_message(self, *args):
        """Keeps the test output clean."""

    def do_HEAD(self):
        """Headers alone."""
        self.answer(body=False)

    def do_GET(self):
        """Headers and content."""
        self.answer(body=True)

    def answer(self, *, body):
        """Routes by path."""
        path = self.path.partition("?")[0]
        hub = self.server
        if path.startswith(f"/api/models/{HUB_ID}") and hub.refuses:
            return self.reply(b"{}", body, status=403, more={"X-Error-Code": hub.refuses})
        if path == f"/api/models/{HUB_ID}":
            return self.reply(json.dumps({"id": HUB_ID, "sha": hub.main}).encode(), body)
        if path.startswith(f"/api/models/{HUB_ID}/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": oid(data)}
                for name, data in hub.files.items()
            ]
            return self.reply(json.dumps(tree).encode(), body)
        start = f"/{HUB_ID}/resolve/"
        commit, _, name = path.removeprefix(start).partition("/")
        if path.startswith(start) and name in hub.files:
            hub.served += [name] if body else []
            data = hub.files[name]
            return self.reply(data, body, more={"ETag": f'"{oid(data)}"', "X-Repo-Commit": commit})
        return self.reply(b"{}", body, status=404, more={"X-Error-Code": "RepoNotFound"})

    def reply(self, data, body, status=200, more=None):
        """Sends one response."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


def oid(data):
    """The git-like id of a file."""
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub(checkpoints):
    """A server with the tiny LLaVA and two files that must not be fetched."""
    files = {
        path.name: path.read_bytes() for path in checkpoints["llava"].iterdir() if path.is_file()
    }
    server = Hub(files | {"pytorch_model.bin": b"pickle", "code.py": b"import os"})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def call(hub, tmp_path):
    """Runs an expression in a fresh process whose hub is the server and whose cache is empty."""

    def run(expression, **more):
        code = (
            "from pathlib import Path; from ipllvm_spec.errors import IpllvmError\n"
            "from ipllvm_spec.models.hub import fetch\n"
            "from ipllvm_spec.models.registry import resolve\n"
            "from ipllvm_spec.spec.lock import LockFile\n"
            f"lock = Path({str(tmp_path / 'ipllvm.lock')!r})\n"
            f"try: print('GOT', {expression})\n"
            "except IpllvmError as error: print(type(error).__name__, error)\n"
        )
        environment = os.environ | {
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


FETCH = f"fetch('{HUB_ID}', lock)"
RESOLVE = f"resolve('{HUB_ID}', lock=LockFile.load(lock)).identity.digest"


def test_fetching_locks_the_commit_and_leaves_pickles_and_code(call, hub, tmp_path):
    """Commit asked once and written down; safetensors and configs only; then usable offline."""
    assert call(FETCH) == f"GOT {OLD}"
    assert LockFile.load(tmp_path / "ipllvm.lock").model_commit(HUB_ID) == OLD
    assert "model.safetensors" in hub.served
    assert not {"pytorch_model.bin", "code.py"} & set(hub.served)
    assert call(RESOLVE, HF_HUB_OFFLINE="1") == f"GOT commit:{OLD}"


def test_a_locked_id_stays_at_its_commit(call, hub, tmp_path):
    """The hub moving on changes nothing; without the lock the new commit would be taken."""
    call(FETCH)
    hub.main = NEW
    assert call(FETCH) == f"GOT {OLD}"
    (tmp_path / "ipllvm.lock").unlink()
    assert call(FETCH) == f"GOT {NEW}"
    assert call(RESOLVE) == f"GOT commit:{NEW}"


def test_a_second_machine_gets_the_locked_commit(call, hub, tmp_path):
    """With the lock file and an empty cache the locked commit is downloaded, not the newest."""
    call(FETCH)
    shutil.rmtree(tmp_path / "home")
    hub.main = NEW
    assert "is not, or not wholly, on this machine" in call(RESOLVE)
    assert call(FETCH) == f"GOT {OLD}"
    assert call(RESOLVE) == f"GOT commit:{OLD}"


def test_an_incomplete_download_is_an_error(call, tmp_path):
    """A snapshot that lost its weights is not used; the advice is to fetch again, which helps."""
    call(FETCH)
    (weights,) = (tmp_path / "home").rglob("snapshots/*/model.safetensors")
    weights.unlink()
    said = call(RESOLVE)
    assert "not wholly" in said
    assert f"ipllvm fetch {HUB_ID}" in said
    assert call(FETCH) == f"GOT {OLD}"
    assert call(RESOLVE) == f"GOT commit:{OLD}"


def test_offline_without_a_copy_is_an_error(call, tmp_path):
    """The message names what is missing and the switch that forbids fetching it."""
    said = call(FETCH, HF_HUB_OFFLINE="1")
    assert said.startswith("ModelError")
    assert HUB_ID in said
    assert "HF_HUB_OFFLINE" in said
    assert not (tmp_path / "ipllvm.lock").exists()


def test_an_unreachable_hub_is_an_error(call):
    """A closed port is told as what it is."""
    said = call(FETCH, HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith("ModelError")
    assert "could not be fetched" in said
    assert "check the network" in said


def test_refusals_say_what_to_do(call, hub):
    """A gated repository and one that does not exist have different advice."""
    hub.refuses = "GatedRepo"
    assert "accept them at" in call(FETCH)
    hub.refuses = ""
    assert "the hub has no model 'lab/other'" in call("fetch('lab/other', lock)")


def test_a_repository_without_safetensors_is_not_locked(call, hub, tmp_path):
    """Pickled weights only: told at the fetch, and nothing is written down."""
    del hub.files["model.safetensors"]
    assert "has no weights" in call(FETCH)
    assert not (tmp_path / "ipllvm.lock").exists()


def test_only_published_models_can_be_fetched(tmp_path):
    """A mini is shipped; a name that is neither key nor hub id is unknown."""
    with pytest.raises(UsageError, match="nothing to fetch"):
        fetch("mini-llava", tmp_path / "ipllvm.lock")
    with pytest.raises(UnknownNameError, match=r"did you mean 'llava-1.5-7b'"):
        fetch("llava-15-7b", tmp_path / "ipllvm.lock")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", True),
        ("a-b/c.d_e", True),
        ("a", False),
        ("./a/b", False),
        ("/a/b", False),
        ("a/b/c", False),
    ],
)
def test_hub_ids_are_told_from_paths(text, expected):
    """Exactly one slash and no leading dot or slash."""
    assert is_hub_id(text) is expected
