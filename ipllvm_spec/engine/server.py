"""The engine process from inside: listens, answers, ends with its parent."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import (
    Connection,
    Listener,
    answer_challenge,
    deliver_challenge,
)
from pathlib import Path
from typing import Any

from ipllvm_spec.engine.answers import unpack_call
from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.engine.core import Engine, parse_cells
from ipllvm_spec.engine.wire import STATE_FILE, pack_error, receive, send
from ipllvm_spec.errors import EngineError, IpllvmError

#: How often an engine looks whether its parent is still the one that started it.
_PARENT_CHECK_S = 1.0
#: How long an ending engine waits for a commit under way.
_LAST_COMMIT_S = 2.0
_LAST_RESORT_S = 15.0


class Server:
    """Accepts clients; one thread per connection.

    Attributes:
        socket: Path of the socket.

    Args:
        engine: Answers the requests.
        socket: Path of the socket to listen at.
        authkey: Shared secret as hex digits.
    """

    def __init__(self, engine: Engine, *, socket: Path, authkey: str) -> None:
        self._engine = engine
        self._authkey = bytes.fromhex(authkey)
        self.socket = socket
        # A killed predecessor leaves its socket file behind.
        socket.unlink(missing_ok=True)
        self._listener = Listener(str(socket), family="AF_UNIX", backlog=128)

    def serve_forever(self) -> None:
        """Accepts connections until the process ends."""
        while True:
            connection = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Removes the socket."""
        self._listener.close()
        self.socket.unlink(missing_ok=True)

    def _serve(self, connection: Connection) -> None:
        """Answers one client until it leaves."""
        with connection, contextlib.suppress(EOFError, ConnectionError, AuthenticationError):
            # The key is checked here, in the client's own thread, so that a client that stalls
            # in the middle of it keeps nobody else out.
            deliver_challenge(connection, self._authkey)
            answer_challenge(connection, self._authkey)
            while True:
                self._reply(connection, receive(connection))

    def _reply(self, connection: Connection, request: Mapping[str, Any]) -> None:
        reply: dict[str, Any] | None = None
        try:
            reply = {"ok": True, "result": self._answer(request)}
        except IpllvmError as error:
            reply = {"ok": False, "error": pack_error(error)}
        finally:
            # Anything else is a bug: the client hears of it, the traceback goes to the log and
            # this connection ends, because the error goes on from here.
            if reply is None:
                bug = sys.exception()
                problem = f"the engine failed at '{request['op']}': {type(bug).__name__}: {bug}"
                advice = "this is a fault of the program; the engine's log has the traceback"
                reply = {"ok": False, "error": pack_error(EngineError(problem, advice))}
            send(connection, reply)

    def _answer(self, request: Mapping[str, Any]) -> Any:  # noqa: PLR0911 (one a request)
        match request:
            case {"op": "lookup", "cell": cell, "start": start, "stop": stop}:
                items, rows = self._engine.lookup(Cell.from_json(cell), start, stop)
                return {"items": items, "rows": _fields(rows)}
            case {"op": "compute", "cell": cell, "items": items}:
                return _fields(self._engine.compute(Cell.from_json(cell), items))
            case {"op": "judge", "calls": calls}:
                return [list(one) for one in self._engine.judge([unpack_call(c) for c in calls])]
            case {"op": "stats"}:
                return vars(self._engine.stats())
            case {"op": "describe", "benchmark": name, "source": source, "mode": mode, **rest}:
                return self._engine.describe(name, source, mode, rest["suite_seed"]).to_json()
            case {"op": "capabilities", "model": model}:
                return sorted(self._engine.capabilities(model))
            case {"op": "plan", "cells": cells}:
                return [vars(line) for line in self._engine.plan(parse_cells(cells))]
            case _:
                raise EngineError(
                    f"the engine knows no request '{request.get('op')}'",
                    "client and engine come from different versions: start the run again",
                )


def _fields(rows: list[Row]) -> list[list[Any]]:
    return [list(vars(row).values()) for row in rows]


def end_with_parent(server: Server, engine: Engine) -> None:
    """Starts a thread that ends this process when its parent has died or closed our stdin.

    The running batch is dropped: it was not committed and will be computed again. Nothing is left
    behind: no process, no socket.
    """
    parent = os.getppid()

    def watch() -> None:
        while True:
            # Polling too: another child of the parent may hold a copy of the pipe's other end.
            ready, _, _ = select.select([sys.stdin], [], [], _PARENT_CHECK_S)
            if (ready and not os.read(sys.stdin.fileno(), 1024)) or os.getppid() != parent:
                break
        # Whatever tidying up raises or waits for, the process must not outlive its parent.
        last_resort = threading.Timer(_LAST_RESORT_S, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()
        try:
            server.close()
            _clear_if_orphaned(server.socket.parent, parent)
            engine.abandon(patience_s=_LAST_COMMIT_S)
            logging.shutdown()
        finally:
            # Not sys.exit: compute and connection threads would be waited for.
            os._exit(0)

    threading.Thread(target=watch, daemon=True, name="ipllvm-watch").start()


def _clear_if_orphaned(folder: Path, parent: int) -> None:
    """Removes the folder of the sockets when the parent has died and so could not do it."""
    state = folder / STATE_FILE
    deadline = time.monotonic() + _PARENT_CHECK_S
    while time.monotonic() < deadline:
        # Looked at in this order: another orphan removes the state too, but only after all of them
        # have changed their parent, so a state gone before a parent's change is an orderly stop.
        orderly = not state.exists()
        if os.getppid() != parent:
            with contextlib.suppress(OSError):
                state.unlink(missing_ok=True)
                # Fails while another engine still has its socket here; the last one succeeds.
                folder.rmdir()
            return
        if orderly:
            return
        # The parent has given up and lives on, or it is dying: its pipe closes a moment before
        # its children change their parent.
        time.sleep(0.02)
