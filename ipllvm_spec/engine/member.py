"""One engine process seen from the controller: its settings, its start, its end. Free of torch."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ipllvm_spec
from ipllvm_spec.benchmarks.judging import JudgeOptions
from ipllvm_spec.engine.backend import BackendOptions
from ipllvm_spec.engine.wire import unpack_error
from ipllvm_spec.errors import EngineError

#: The engine that asks the judge.
JUDGE_RANK = 0
#: How long an engine may take to end by itself.
_STOP_S = 10.0


@dataclass(frozen=True)
class GroupOptions:
    """What all engines of a run have in common.

    Attributes:
        devices: One engine per entry; an entry may occur twice.
        store: The store's file.
        run_dir: Where logs go.
        run_id: Recorded with each batch.
        cores: Cores of each engine.
        lock: The user's lock file, None for the one in use.
        token_budget: Most padded tokens of a batch.
        reuse: Whether projector outputs are kept for other interventions.
        backend: ``module:class`` of the backend.
        env: Additional environment of the engines.
        judge: The judge that the first engine asks; None for none.
    """

    devices: tuple[str, ...]
    store: Path
    run_dir: Path
    run_id: str
    cores: int
    lock: Path | None
    token_budget: int
    reuse: bool
    backend: str
    env: Mapping[str, str]
    judge: JudgeOptions | None = None


class Member:
    """One engine process of a group.

    Attributes:
        rank: 0-based place in the group.
        device: Its device as the user wrote it.
        socket: Where it listens, before and after a restart.
        log: Where its stderr goes.
        deaths: How it died, each time.
        process: The process; None before the first start.
    """

    def __init__(self, rank: int, *, options: GroupOptions, folder: Path, authkey: str) -> None:
        self.rank = rank
        self.device = options.devices[rank]
        self.socket = folder / f"{rank}.sock"
        self.log = options.run_dir / f"engine-{rank}.log"
        self.deaths: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._env = _environment(options)
        self._settings = _settings(options, rank=rank, socket=self.socket, authkey=authkey)

    def spawn(self) -> None:
        """Starts the process and tells it its settings."""
        self._close_pipes()
        self._ready = False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ipllvm_spec.engine.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        # When it has died already, wait_until_ready says why.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(self._settings).encode() + b"\n")
            self.process.stdin.flush()

    def wait_until_ready(self) -> None:
        """Waits for the engine's own word.

        Raises:
            IpllvmError: What the engine reports, or that it died without a word.
        """
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.process.stdout.close()
        if not line:
            code = self.process.wait()
            raise EngineError(
                f"the engine on {self.device} could not start ({describe_exit(code)})",
                f"its log says why: {self.log}",
            )
        message = json.loads(line)
        if "error" in message:
            self.process.wait()
            raise unpack_error(message["error"])
        self._ready = True

    def end(self) -> None:
        """Ends the process: by the end of its stdin, by force when that takes too long."""
        if self.process is None:
            return
        if not self._ready:
            # It does not listen to its stdin yet, and there is nothing that it could lose.
            self.process.kill()
        self._close_pipes()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _close_pipes(self) -> None:
        if self.process is not None:
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()


def usable_cores() -> int:
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_exit(code: int) -> str:
    """Names the signal or the exit code by which a process ended."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _settings(options: GroupOptions, *, rank: int, socket: Path, authkey: str) -> dict[str, Any]:
    world = len(options.devices)
    return {
        "store": str(options.store),
        "socket": str(socket),
        "authkey": authkey,
        "backend": options.backend,
        # One engine asks for all: its limit on calls under way is the run's.
        "judge": asdict(options.judge) if options.judge and rank == JUDGE_RANK else None,
        "backend_options": asdict(
            BackendOptions(
                device=options.devices[rank],
                cores=options.cores,
                lock=str(options.lock) if options.lock else "",
            )
        ),
        "engine_options": {
            "rank": rank,
            "world": world,
            "run_id": options.run_id,
            "token_budget": options.token_budget,
            "reuse": options.reuse,
            "prepare_threads": max(1, min(4, usable_cores() // world - 1)),
        },
    }


def _environment(options: GroupOptions) -> dict[str, str]:
    root = str(Path(ipllvm_spec.__file__).resolve().parent.parent)
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    fixed = {
        # A checkout need not be installed for pytest to find it; the engine must find it too.
        "PYTHONPATH": path,
        # One thread an operation: on a CPU batches run side by side instead, and sums have one
        # order, whatever the number of cores, the load and the alignment of the memory.
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
        "MKL_CBWR": "AUTO",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return {**os.environ, **fixed, **options.env}
