"""Compute threads, fed by many requests, that change models as seldom as they can.

On a CPU several batches run at once, each on one core: small models leave most of a machine idle
when one batch has all cores, and a batch's floats then depend on their number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

#: Picks after which the oldest job goes first, loaded model or not.
_PATIENCE = 64


@dataclass
class _Job:
    model: Hashable
    work: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)
    passed_over: int = 0


class Scheduler:
    """Runs jobs in threads of its own, one job a lane.

    The order decides how often models are changed and who waits, never what is computed.

    Args:
        is_loaded: Whether a model is in memory; jobs for such models go first.
        lanes: Jobs that run at once.
    """

    def __init__(self, is_loaded: Callable[[Hashable], bool], *, lanes: int = 1) -> None:
        self._is_loaded = is_loaded
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []
        self._free = lanes
        self._executor = ThreadPoolExecutor(lanes, "ipllvm-compute")

    def submit(self, model: Hashable, work: Callable[[], Any]) -> Future[Any]:
        """Queues a job.

        Args:
            model: Which model it needs.
            work: The job.

        Returns:
            A future of its result; cancelling it before its turn takes it out.
        """
        job = _Job(model, work)
        with self._lock:
            self._waiting.append(job)
        self._next()
        return job.future

    def close(self) -> None:
        """Takes no more jobs and waits for the running ones."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _next(self) -> None:
        with self._lock:
            if not self._free or not self._waiting:
                return
            job = self._choose()
            self._free -= 1
        if job.future.set_running_or_notify_cancel():
            self._executor.submit(job.work).add_done_callback(lambda done: self._done(job, done))
        else:
            self._leave()

    def _choose(self) -> _Job:
        ready = (job for job in self._waiting if self._is_loaded(job.model))
        oldest = self._waiting[0]
        job = oldest if oldest.passed_over >= _PATIENCE else next(ready, oldest)
        oldest.passed_over += 1
        self._waiting.remove(job)
        return job

    def _done(self, job: _Job, done: Future[Any]) -> None:
        error = done.exception()
        if error is None:
            job.future.set_result(done.result())
        else:
            job.future.set_exception(error)
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._free += 1
        self._next()
