"""All engine processes of a run: started, watched, restarted once, stopped. Free of torch.

One process per device. A process that dies is started again at the same address, once; clients
notice nothing but a delay. When it dies again the whole group gives up with one clear error.
"""

from __future__ import annotations

import atexit
import json
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ipllvm_spec.benchmarks.judging import JudgeOptions
from ipllvm_spec.engine.backend import DEFAULT_BACKEND
from ipllvm_spec.engine.member import GroupOptions, Member, describe_exit, usable_cores
from ipllvm_spec.engine.plan import TOKEN_BUDGET
from ipllvm_spec.engine.store import Store
from ipllvm_spec.engine.wire import STATE_FILE, EngineAddress, pack_error
from ipllvm_spec.errors import EngineError, IpllvmError, UsageError

#: Unix sockets cannot have longer paths on any system we know.
_LONGEST_SOCKET = 100
_RESTARTS = 1


class EngineGroup:
    """All engines of a run. Made by ``start``; also a context manager that stops them.

    Attributes:
        address: What clients need.
        options: As started.
        failure: Why the group gave up; None while it works.
    """

    def __init__(self, options: GroupOptions) -> None:
        self.options = options
        self.failure: EngineError | None = None
        self._folder = _socket_folder()
        authkey = secrets.token_hex(32)
        self._members = [
            Member(rank, options=options, folder=self._folder, authkey=authkey)
            for rank in range(len(options.devices))
        ]
        self.address = EngineAddress(tuple(str(member.socket) for member in self._members), authkey)
        self._lock = threading.Lock()
        self._stopping = False
        self._write_state(None)

    @classmethod
    def start(
        cls,
        *,
        store: Path,
        run_dir: Path,
        devices: Sequence[str] = ("cpu",),
        run_id: str = "",
        cores: int | None = None,
        lock: Path | None = None,
        token_budget: int = TOKEN_BUDGET,
        reuse: bool = True,
        backend: str = DEFAULT_BACKEND,
        env: Mapping[str, str] | None = None,
        judge: JudgeOptions | None = None,
    ) -> EngineGroup:
        """Starts one engine per device and waits until all listen.

        Args:
            store: The store's file; made if absent.
            run_dir: Where logs go; made if absent.
            devices: For example ``("cpu",)``, ``("cpu", "cpu")``, ``("cuda:0", "cuda:1")``.
            run_id: Recorded with each batch.
            cores: Cores of each engine; its share of the usable ones when None. On a CPU that
                many batches are computed at once, so that no answer depends on it.
            lock: The user's lock file; the one in use when None.
            token_budget: Most padded tokens of a batch; 1 makes every prompt its own batch.
            reuse: Whether projector outputs are kept for other interventions. Changes the time,
                never the rows.
            backend: ``module:class`` of the backend.
            env: Additional environment of the engines.
            judge: The judge model; its key is read from the environment. None for none.

        Raises:
            StoreError: When the store cannot be opened.
            UsageError: When a device does not exist, or the run directory cannot be written.
            EngineError: When an engine dies while starting.
        """
        if not devices:
            raise UsageError("no device was given", "use for example --device cpu")
        # Found out here, in the user's own process, and before any engine has to be waited for.
        Store(store).close()
        _make_run_dir(run_dir)
        options = GroupOptions(
            devices=tuple(devices),
            store=store.absolute(),
            run_dir=run_dir.absolute(),
            run_id=run_id,
            cores=cores or max(1, usable_cores() // len(devices)),
            lock=lock.absolute() if lock else None,
            token_budget=token_budget,
            reuse=reuse,
            backend=backend,
            env=dict(env or {}),
            judge=judge,
        )
        group = cls(options)
        atexit.register(group.stop)
        group._start()
        return group

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids by rank."""
        return tuple(m.process.pid for m in self._members if m.process is not None)

    @property
    def restarts(self) -> int:
        """Engines that were started again."""
        return sum(min(len(member.deaths), _RESTARTS) for member in self._members)

    def stop(self) -> None:
        """Ends all engines and removes their sockets. May be called again."""
        with self._lock:
            self._stopping = True
        # First: a client that loses its connection now must not wait for a restart.
        (self._folder / STATE_FILE).unlink(missing_ok=True)
        for member in self._members:
            member.end()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def __enter__(self) -> EngineGroup:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        ready = False
        try:
            for member in self._members:
                member.spawn()
            for member in self._members:
                member.wait_until_ready()
            ready = True
        finally:
            if not ready:
                self.stop()
        for member in self._members:
            threading.Thread(target=self._watch, args=(member,), daemon=True).start()

    def _watch(self, member: Member) -> None:
        """Waits for an engine's death; starts it again as often as allowed."""
        while True:
            assert member.process is not None
            code = member.process.wait()
            with self._lock:
                if self._stopping:
                    return
                member.deaths.append(describe_exit(code))
                if len(member.deaths) > _RESTARTS or self.failure is not None:
                    break
                self._note_restart(member)
                member.spawn()
            try:
                member.wait_until_ready()
            except IpllvmError as error:
                self._fail(member, f"it could not be restarted: {error.problem}")
                return
        self._fail(member, " and ".join(member.deaths))

    def _note_restart(self, member: Member) -> None:
        with member.log.open("a", encoding="utf-8") as log:
            log.write(f"--- the engine died ({member.deaths[-1]}) and is started again ---\n")

    def _fail(self, member: Member, how: str) -> None:
        with self._lock:
            if self._stopping or self.failure is not None:
                return
            self.failure = EngineError(
                f"the engine on {member.device} died {len(member.deaths)} times ({how}); "
                f"everything measured so far is kept in {self.options.store}",
                f"read the end of {member.log}, then run the same command again: it goes on from "
                "there (killed by SIGKILL often means that the machine ran out of memory)",
            )
            self._write_state(self.failure)
        for other in self._members:
            other.end()

    def _write_state(self, failure: EngineError | None) -> None:
        state = {"error": pack_error(failure) if failure else None}
        draft = self._folder / (STATE_FILE + ".part")
        draft.write_text(json.dumps(state), encoding="utf-8")
        draft.replace(self._folder / STATE_FILE)


def _make_run_dir(run_dir: Path) -> None:
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=run_dir):
            pass
    except OSError as error:
        raise UsageError(
            f"the run directory '{run_dir}' cannot be written ({error.strerror})",
            "make it writable or choose another one with --run-dir",
        ) from None


def _socket_folder() -> Path:
    """Makes a folder that only this user can enter, with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="ipllvm-"))
    if len(str(folder)) + len("/000.sock") > _LONGEST_SOCKET:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="ipllvm-", dir="/tmp"))
    return folder


if __name__ == "__main__":
    from ipllvm_spec.engine.child import main

    sys.exit(main())
