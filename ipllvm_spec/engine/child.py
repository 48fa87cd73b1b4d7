"""The engine process: reads its settings from stdin, says that it is ready, serves."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from ipllvm_spec.benchmarks.judge_client import JudgeClient
from ipllvm_spec.benchmarks.judging import JudgeOptions, read_key
from ipllvm_spec.engine.backend import BackendOptions, make_backend
from ipllvm_spec.engine.core import Engine, EngineOptions
from ipllvm_spec.engine.server import Server, end_with_parent
from ipllvm_spec.engine.store import Store
from ipllvm_spec.engine.wire import pack_error
from ipllvm_spec.errors import IpllvmError


def main() -> int:
    """Runs one engine until its parent ends it.

    The settings come as one JSON line on stdin, because command lines can be read by every user
    of a machine and they hold the key. Stdin stays open; its end is the order to stop.
    """
    # Ctrl-C in the terminal is the controller's business; it ends us through stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The answer channel becomes private, and whatever libraries print goes to the log.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING)
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    try:
        server = _start(settings)
    except IpllvmError as error:
        print(json.dumps({"error": pack_error(error)}), file=report, flush=True)
        return 1
    print(json.dumps({"pid": os.getpid()}), file=report, flush=True)
    report.close()
    server.serve_forever()
    return 0


def _start(settings: dict[str, Any]) -> Server:
    store = Store(Path(settings["store"]))
    backend = make_backend(settings["backend"], BackendOptions(**settings["backend_options"]))
    options = EngineOptions(**settings["engine_options"], host=socket.gethostname())
    judge = None
    if settings["judge"]:
        # From the environment, not from the settings: the key passes through no file and no pipe.
        judge = JudgeClient(JudgeOptions(**settings["judge"]), key=read_key(os.environ))
    engine = Engine(backend, store, options, judge=judge)
    server = Server(engine, socket=Path(settings["socket"]), authkey=settings["authkey"])
    end_with_parent(server, engine)
    return server
