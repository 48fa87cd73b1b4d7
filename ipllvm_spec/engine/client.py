"""The client of the engines: what pytest workers hold instead of a model. Free of torch."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from typing import Any

from ipllvm_spec.benchmarks.base import JudgeCall
from ipllvm_spec.engine.answers import (
    Description,
    EngineStats,
    Judgement,
    PlanLine,
    PlanReport,
    Stats,
    pack_call,
)
from ipllvm_spec.engine.caches import Once
from ipllvm_spec.engine.cells import SUITE_SEED, Cell, Row, caption_cell
from ipllvm_spec.engine.member import JUDGE_RANK
from ipllvm_spec.engine.plan import WINDOW_UNITS
from ipllvm_spec.engine.wire import EngineAddress, receive, send, unpack_error
from ipllvm_spec.errors import EngineError, LockError, ModelError

#: How long a client waits for an engine that is being restarted. A restart imports torch and may
#: meet a busy machine; the group says so at once when it has given up.
PATIENCE_S = 180.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class EngineClient:
    """Asks the engines of a run. Thread-safe; every request may be repeated without harm.

    Args:
        address: From ``EngineGroup.address``.
        patience_s: How long to wait for an engine that is being restarted.
    """

    def __init__(self, address: EngineAddress, *, patience_s: float = PATIENCE_S) -> None:
        self.address = address
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._idle: list[list[Connection]] = [[] for _ in address.sockets]
        self._descriptions: Once[tuple[str, str, str, int], Description] = Once()
        self._threads: ThreadPoolExecutor | None = None
        self._captioned: set[tuple[Cell, int]] = set()

    def describe(
        self, benchmark: str, source: str, mode: str, *, suite_seed: int = SUITE_SEED
    ) -> Description:
        """Returns a benchmark's items and the seeded order of its units.

        Raises:
            UnknownNameError: For an unknown benchmark.
            DataError: When its data are missing or damaged.
        """
        key = (benchmark, source, mode, suite_seed)
        question = dict(zip(("benchmark", "source", "mode", "suite_seed"), key, strict=True))
        return self._descriptions.get(
            key, lambda: Description.from_json(self._ask(0, "describe", question))
        )

    def capabilities(self, model: str) -> frozenset[str]:
        """Returns the sites at which interventions can enter a model.

        Raises:
            ModelError: When the model cannot be identified.
        """
        return frozenset(self._ask(0, "capabilities", {"model": model}))

    def unavailable(self, model: str) -> str:
        """Says why a model cannot be found on this machine; "" when it can."""
        try:
            self.capabilities(model)
        except (ModelError, LockError) as error:
            return error.problem
        return ""

    def measure(self, cell: Cell, start: int, stop: int) -> list[Row]:
        """Returns one row per item of units ``order[start:stop]``, in unit order.

        Answers come from the store where it has them; the rest is computed by the engines that
        own the missing batches. Blocks until all are there.

        Raises:
            InertInterventionError: When the intervention changed nothing.
            ModelError: When the model cannot be loaded or fed.
            DataError: When the benchmark's data are missing or damaged.
            StoreError: When an answer cannot be stored.
            EngineError: When an engine died twice; everything measured before is stored.
        """
        self._caption(cell, start, stop)
        question = {"cell": cell.to_json(), "start": start, "stop": stop}
        found = self._ask(0, "lookup", question)
        rows = {row.item_id: row for row in _rows(found["rows"])}
        if missing := [item_id for item_id in found["items"] if item_id not in rows]:
            question = {"cell": cell.to_json(), "items": missing}
            for part in self._ask_all("compute", question):
                rows |= {row.item_id: row for row in _rows(part)}
        if lost := [item_id for item_id in found["items"] if item_id not in rows]:
            raise EngineError(
                f"no engine answered for item '{lost[0]}' ({len(lost)} in all)",
                "the engines do not agree on who computes what: start the run again",
            )
        return [rows[item_id] for item_id in found["items"]]

    def _caption(self, cell: Cell, start: int, stop: int) -> None:
        """Measures the captions that the synthetic images of some units are made of.

        For whole windows: batches that have only one of the units wanted are computed whole.
        """
        captions = caption_cell(cell)
        if captions is None:
            return
        for window in range(start // WINDOW_UNITS, -(-stop // WINDOW_UNITS)):
            first = window * WINDOW_UNITS
            if (captions, window) not in self._captioned:
                self.measure(captions, first, first + WINDOW_UNITS)
                self._captioned.add((captions, window))

    def judge(self, calls: Sequence[JudgeCall]) -> list[Judgement]:
        """Returns the judge's reply to each call, in order; blocks until all are there.

        Raises:
            JudgeError: When the run has no judge, or it cannot be reached, or refuses; every reply
                that came is stored.
        """
        if not calls:
            return []
        question = {"calls": [pack_call(call) for call in calls]}
        return [Judgement(*fields) for fields in self._ask(JUDGE_RANK, "judge", question)]

    def stats(self) -> Stats:
        """Returns the counters of every engine."""
        parts = self._ask_all("stats", {})
        return Stats(tuple(EngineStats(**{**p, "models": tuple(p["models"])}) for p in parts))

    def plan(self, cells: Iterable[tuple[Cell, int | None]]) -> PlanReport:
        """Says what cells would cost, without loading a model.

        Args:
            cells: Cells with the number of units to measure, None for all.
        """
        wanted = [{"cell": cell.to_json(), "units": units} for cell, units in cells]
        lines = self._ask(0, "plan", {"cells": wanted})
        return PlanReport(tuple(PlanLine(**line) for line in lines), len(self.address.sockets))

    def close(self) -> None:
        """Closes the connections; the engines go on."""
        with self._lock:
            for connections in self._idle:
                while connections:
                    connections.pop().close()
            if self._threads is not None:
                self._threads.shutdown(wait=False)
                self._threads = None

    def _ask_all(self, operation: str, question: Mapping[str, Any]) -> Sequence[Any]:
        ranks = range(len(self.address.sockets))
        if len(ranks) == 1:
            return [self._ask(0, operation, question)]
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(4 * len(ranks), "ipllvm-client")
            threads = self._threads
        answers = [threads.submit(self._ask, rank, operation, question) for rank in ranks]
        return [answer.result() for answer in answers]

    def _ask(self, rank: int, operation: str, question: Mapping[str, Any]) -> Any:
        """Asks one engine; asks again when it dies over the question, until the group gives up."""
        pause = _FIRST_PAUSE_S
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                connection = self._borrow(rank)
                deadline = time.monotonic() + self._patience_s
                reply = self._exchange(connection, {"op": operation, **question})
            except (EOFError, ConnectionError, FileNotFoundError, BlockingIOError):
                self._give_up_if_over(deadline)
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                continue
            with self._lock:
                self._idle[rank].append(connection)
            if reply["ok"]:
                return reply["result"]
            raise unpack_error(reply["error"])

    def _exchange(self, connection: Connection, message: Mapping[str, Any]) -> Any:
        done = False
        try:
            send(connection, message)
            reply = receive(connection)
            done = True
        finally:
            # After an interrupt the answer to this question could be taken for the next one's.
            if not done:
                connection.close()
        return reply

    def _borrow(self, rank: int) -> Connection:
        with self._lock:
            if self._idle[rank]:
                return self._idle[rank].pop()
        key = bytes.fromhex(self.address.authkey)
        try:
            return Client(self.address.sockets[rank], family="AF_UNIX", authkey=key)
        except AuthenticationError:
            raise EngineError(
                "the engine refuses this run's key",
                "an address of another run was used: start again",
            ) from None

    def _give_up_if_over(self, deadline: float) -> None:
        state = self.address.state_path
        if not state.exists():
            raise EngineError(
                "the engine has been stopped", "the run that started it has ended: start it again"
            )
        failed = json.loads(state.read_text(encoding="utf-8")).get("error")
        if failed:
            raise unpack_error(failed)
        if time.monotonic() > deadline:
            raise EngineError(
                f"the engine has not answered for {self._patience_s:.0f} s",
                "see the engine's log in the run directory, then run the same command again",
            )


def _rows(data: Iterable[Sequence[Any]]) -> list[Row]:
    return [Row(*fields) for fields in data]
