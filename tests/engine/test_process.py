"""Engine processes: one per device, restarted once, never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.exchange import export_store
from ipllvm_spec.engine.wire import EngineAddress
from ipllvm_spec.errors import (
    EngineError,
    InertInterventionError,
    ModelError,
    StoreError,
    UnknownNameError,
    UsageError,
)
from ipllvm_spec.spec.interventions import BlankImage, PermuteTokens

INTACT = Cell("present", "pairs")
CELLS = [
    INTACT,
    Cell("present", "pairs", intervention=PermuteTokens()),
    Cell("present", "pairs", intervention=PermuteTokens(), repeat=1),
    Cell("present", "pairs", intervention=BlankImage()),
    Cell("other", "pairs", source="corrupt"),
]
BLOCKS = [(start, min(start + 32, 100)) for start in range(0, 100, 32)]


def _export(tmp_path: Path, store: str) -> bytes:
    export_store(tmp_path / store, tmp_path / "export.parquet")
    return (tmp_path / "export.parquet").read_bytes()


def _gone(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rsplit(")", 1)[1].split()[0] == "Z"


def _until(condition, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_exports_do_not_depend_on_clients_or_engines(start_group, client_of, tmp_path):
    """One client, four at once in any order, two engines: the same bytes, work done once."""
    rows = {}
    one = start_group(store="one")
    client = client_of(one)
    for cell in CELLS:
        rows[cell] = [row for start, stop in BLOCKS for row in client.measure(cell, start, stop)]
    prompts = client.stats().prompts
    one.stop()
    expected = _export(tmp_path, "one")

    for name, devices in {"four": ("cpu",), "two": ("cpu", "cpu")}.items():
        group = start_group(store=name, devices=devices)
        clients = [client_of(group) for _ in range(4)]
        jobs = [(cell, *block) for block in BLOCKS for cell in CELLS]
        with ThreadPoolExecutor(4) as threads:
            # Every second worker goes backwards and all ask everything.
            orders = [jobs[:: -1 if worker % 2 else 1] for worker in range(4)]
            asked = threads.map(lambda m, o: [len(m.measure(*job)) for job in o], clients, orders)
            assert [sum(counts) for counts in asked] == [200 * len(CELLS)] * 4
        got = [row for block in BLOCKS for row in clients[0].measure(CELLS[1], *block)]
        assert got == rows[CELLS[1]]
        stats = clients[0].stats()
        assert len(stats.engines) == len(group.pids) == len(devices)
        assert stats.prompts == prompts
        assert all(engine.batches > 0 for engine in stats.engines)
        group.stop()
        assert _export(tmp_path, name) == expected


def test_a_second_run_makes_no_model_call(start_group, client_of):
    """All hits: nothing is loaded, nothing is computed, and the counts say so."""
    first = start_group()
    rows = client_of(first).measure(INTACT, 0, 100)
    first.stop()
    client = client_of(start_group())
    assert client.measure(INTACT, 0, 100) == rows
    stats = client.stats()
    assert (stats.hits, stats.misses, stats.model_calls) == (200, 0, 0)
    assert stats.engines[0].loads == 0


def test_killed_in_mid_batch_it_is_restarted_and_the_rows_are_the_same(
    start_group, client_of, tmp_path
):
    """After kill -9 in mid-batch clients notice nothing, the export is that of a quiet run."""
    quiet = start_group(store="quiet")
    for cell in CELLS[:2]:
        client_of(quiet).measure(cell, 0, 100)
    quiet.stop()

    deaths = tmp_path / "deaths"
    deaths.mkdir()
    group = start_group(store="hurt", env={"FAKE_DEATHS": str(deaths)}, run_id="run")
    (before,) = group.pids
    client = client_of(group)
    assert len(client.measure(CELLS[0], 0, 100)) == 200
    (deaths / "die-once").touch()
    assert len(client.measure(CELLS[1], 0, 100)) == 200
    assert not list(deaths.iterdir())
    assert (group.restarts, group.failure) == (1, None)
    assert group.pids != (before,)
    # What the dead process had computed still counts, and nothing was computed twice.
    assert client.stats().prompts == 400
    assert "is started again" in (tmp_path / "run" / "engine-0.log").read_text()
    group.stop()
    assert _export(tmp_path, "hurt") == _export(tmp_path, "quiet")


def test_the_second_death_ends_the_run_and_keeps_what_was_measured(
    start_group, client_of, tmp_path
):
    """Dying twice is one clear error for every client; a rerun goes on from the store."""
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    group = start_group(env={"FAKE_DEATHS": str(deaths)})
    client = client_of(group)
    kept = client.measure(INTACT, 0, 32)
    for name in ("die-1", "die-2"):
        (deaths / name).touch()
    errors = []

    def ask() -> None:
        with pytest.raises(EngineError) as caught:
            client_of(group).measure(CELLS[1], 0, 100)
        errors.append(str(caught.value))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(errors) == 3
    assert len(set(errors)) == 1
    assert "died 2 times (SIGKILL and SIGKILL)" in errors[0]
    assert str(tmp_path / "cells.sqlite") in errors[0]
    assert group.failure is not None
    with pytest.raises(EngineError, match="died 2 times"):
        client.measure(INTACT, 32, 64)
    group.stop()
    again = client_of(start_group())
    assert again.measure(INTACT, 0, 32) == kept
    assert again.stats().misses == 0


def test_errors_reach_the_client_by_name_and_text(start_group, client_of):
    """The engine's errors are the user's errors: same class, same advice, engine unharmed."""
    client = client_of(start_group())
    with pytest.raises(UnknownNameError, match=r"unknown model 'absent'\n  -> .*present"):
        client.measure(Cell("absent", "pairs"), 0, 10)
    with pytest.raises(UnknownNameError, match="unknown benchmark"):
        client.describe("unknown", "twin", "standard")
    with pytest.raises(ModelError, match="copy it again"):
        client.measure(Cell("unloadable", "pairs"), 0, 10)
    inert = Cell("present", "pairs", intervention=PermuteTokens(order=(0, 1)))
    with pytest.raises(InertInterventionError, match="changed nothing"):
        client.measure(inert, 0, 10)
    assert client.capabilities("present") == {"answers", "pixels", "visual_tokens"}
    description = client.describe("pairs", "twin", "standard")
    assert (len(description.items), len(description.order)) == (200, 100)
    report = client.plan([(INTACT, 32), (CELLS[1], None)])
    assert (report.prompts, report.hits, report.guess) == (264, 0, True)
    assert len(client.measure(INTACT, 0, 10)) == 20


def test_a_fault_of_the_program_is_an_error_with_the_log_named(start_group, client_of, tmp_path):
    """A request that breaks the engine's own code is answered; the traceback is in the log."""
    client = client_of(start_group())
    with pytest.raises(EngineError, match=r"(?s)failed at 'compute': KeyError.*log"):
        client._ask(0, "compute", {"cell": INTACT.to_json(), "items": ["no such item"]})
    assert _until(lambda: "KeyError" in (tmp_path / "run" / "engine-0.log").read_text())
    assert len(client.measure(INTACT, 0, 10)) == 20


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"devices": ("cpu", "cuda:9")}, (UsageError, "no device 'cuda:9'")),
        ({"devices": ()}, (UsageError, "no device was given")),
        ({"env": {"PYTHONPATH": "/"}}, (EngineError, "no engine backend|could not start")),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(
    start_group, tmp_path, monkeypatch, options, error
):
    """What is wrong at start reaches the user as one message; no process, no socket folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "sockets"))
    (tmp_path / "sockets").mkdir()
    with pytest.raises(error[0], match=error[1]):
        start_group(**options)
    assert not list((tmp_path / "sockets").iterdir())


def test_an_unwritable_store_or_run_dir_fails_before_any_engine_starts(start_group, tmp_path):
    """Both are found out in the user's own process."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--run-dir"):
        start_group(store="file/cells.sqlite")
    (tmp_path / "run").write_text("")
    with pytest.raises(UsageError, match=r"(?s)run directory.*--run-dir"):
        start_group()


def test_stop_leaves_no_process_and_no_socket(start_group, client_of):
    """After stop the process is gone, its folder too, and a waiting client is told at once."""
    group = start_group(env={"FAKE_SLEEP": "30"})
    client = client_of(group)
    folder = Path(group.address.sockets[0]).parent
    assert folder.stat().st_mode & 0o077 == 0
    waiting = ThreadPoolExecutor(1).submit(client.measure, INTACT, 0, 100)
    assert _until(lambda: client.stats().engines[0].current != "")
    assert "present | pairs" in client.stats().engines[0].current
    started = time.monotonic()
    group.stop()
    with pytest.raises(EngineError, match="has been stopped"):
        waiting.result(30)
    assert time.monotonic() - started < 20
    assert all(_gone(pid) for pid in group.pids)
    assert not folder.exists()


_CONTROLLER = """
import json, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
from pathlib import Path
from ipllvm_spec.engine.process import EngineGroup
root = Path(sys.argv[1])
group = EngineGroup.start(store=root / "s.sqlite", run_dir=root, devices=("cpu", "cpu"), cores=1,
                          backend="engine_fakes:FakeBackend")
print(json.dumps({"pids": group.pids, **group.address.to_json()}), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_engines_end_with_their_parent(tmp_path, how):
    """A killed or interrupted controller leaves no engine, no socket, no engine traceback."""
    here = Path(__file__).parent
    env = {**os.environ, "PYTHONPATH": f"{here}:{here.parent.parent}"}
    controller = subprocess.Popen(
        [sys.executable, "-c", _CONTROLLER, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env,
    )  # fmt: skip
    told = json.loads(controller.stdout.readline())
    address = EngineAddress.from_json(told)
    assert not any(_gone(pid) for pid in told["pids"])
    controller.send_signal(how)
    controller.wait(60)
    controller.stdout.close()
    assert _until(lambda: all(_gone(pid) for pid in told["pids"]))
    assert _until(lambda: not Path(address.sockets[0]).parent.exists())
    assert all("Traceback" not in log.read_text() for log in tmp_path.glob("engine-*.log"))


def test_a_stranger_is_not_let_in(start_group, client_of):
    """Without the key there is no answer, and the engine goes on serving."""
    group = start_group()
    forged = EngineAddress(group.address.sockets, "00" * 32)
    stranger = client_of(type("Group", (), {"address": forged}))
    with pytest.raises(EngineError, match="refuses this run's key"):
        stranger.stats()
    assert client_of(group).stats().done == 0


def test_clients_import_neither_torch_nor_data_libraries():
    """A worker that holds a client stays small."""
    heavy = ["torch", "transformers", "datasets", "pandas", "pyarrow", "scipy", "sqlite3", "PIL"]
    code = (
        "import sys, ipllvm_spec.engine.client, ipllvm_spec.engine.process as p\n"
        f"print([name for name in {heavy[:-2]!r} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    code = code.replace(", ipllvm_spec.engine.process as p", "").replace(
        str(heavy[:-2]), str(heavy)
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
