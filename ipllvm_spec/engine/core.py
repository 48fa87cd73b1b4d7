"""What one engine does with a request: look up, plan, compute, estimate, judge."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ipllvm_spec.benchmarks.base import JudgeCall
from ipllvm_spec.benchmarks.judge_client import JudgeClient
from ipllvm_spec.engine.answers import Description, EngineStats, Judgement, PlanLine
from ipllvm_spec.engine.backend import Backend
from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.engine.compute import Computer, Work
from ipllvm_spec.engine.estimates import Estimator
from ipllvm_spec.engine.judges import JudgeDesk
from ipllvm_spec.engine.library import Context, Library
from ipllvm_spec.engine.models import ModelPool
from ipllvm_spec.engine.plan import TOKEN_BUDGET, Batch, Window, owner, plan_window
from ipllvm_spec.engine.prompts import Lengths, Prompts
from ipllvm_spec.engine.scheduler import Scheduler
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import JudgeError

#: Batches of one request that are made ready beside those in computation.
_AHEAD = 2
#: Bytes of encoded prompts and of projector outputs kept, at most.
_CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class EngineOptions:
    """Who this engine is among its equals.

    Attributes:
        rank: 0-based place.
        world: Number of engines.
        run_id: Recorded with each batch.
        host: Recorded with each batch.
        token_budget: Most padded tokens of a batch; the same for all engines.
        reuse: Whether projector outputs are kept for other interventions.
        prepare_threads: Threads for preprocessing.
    """

    rank: int = 0
    world: int = 1
    run_id: str = ""
    host: str = ""
    token_budget: int = TOKEN_BUDGET
    reuse: bool = True
    prepare_threads: int = 1


class _Outcome(NamedTuple):
    """Rows of a batch; ``computed`` unless all were found in the store at the last moment."""

    rows: list[Row]
    computed: bool


class _Started(NamedTuple):
    """A batch under way; ``mine`` when this request started it."""

    prepared: Future[Future[_Outcome]]
    mine: bool


class Engine:
    """Answers requests about cells. Thread-safe; one per device.

    Args:
        backend: Models and data.
        store: Where answers are kept.
        options: Who this engine is.
        judge: Asks the judge model; None where there is none.
    """

    def __init__(
        self,
        backend: Backend,
        store: Store,
        options: EngineOptions,
        *,
        judge: JudgeClient | None = None,
    ) -> None:
        self._backend = backend
        self._store = store
        self._options = options
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[Future[_Outcome]]] = {}
        self._stats = EngineStats(rank=options.rank, pid=os.getpid(), device=backend.device_name)
        self._library = Library(backend, store=store)
        self._pool = ModelPool(backend)
        self._prompts = Prompts(
            backend=backend,
            library=self._library,
            workers=options.prepare_threads,
            prompt_bytes=_CACHE_BYTES,
            visual_bytes=min(_CACHE_BYTES, backend.memory // 20) if options.reuse else 0,
            store=store,
        )
        self._scheduler = Scheduler(self._pool.holds, lanes=backend.lanes)
        self._computer = Computer(
            backend,
            store,
            prompts=self._prompts,
            pool=self._pool,
            stats=self._stats,
            run_id=options.run_id,
            host=options.host,
        )
        self._computer.resume()
        self._judges: JudgeDesk | None = None
        if judge is not None:
            self._judges = JudgeDesk(judge, store, stats=self._stats, run_id=options.run_id)
        self._estimator = Estimator(
            backend, store, prompts=self._prompts, computer=self._computer, judges=self._judges
        )

    def describe(self, benchmark: str, source: str, mode: str, suite_seed: int) -> Description:
        """Returns a benchmark's items and the seeded order of its units."""
        return self._library.describe(benchmark, source, mode, suite_seed)

    def capabilities(self, model: str) -> frozenset[str]:
        """Returns the sites at which interventions can enter a model."""
        return self._backend.capabilities(self._library.model(model))

    def lookup(self, cell: Cell, start: int, stop: int) -> tuple[list[str], list[Row]]:
        """Returns the items of units ``order[start:stop]`` and the rows that are stored."""
        context = self._library.context(cell)
        item_ids = context.course.item_ids(start, stop)
        rows = self._store.rows(context.item_key(item_id) for item_id in item_ids)
        self._count(hits=len(rows))
        return item_ids, list(rows.values())

    def compute(self, cell: Cell, item_ids: Sequence[str]) -> list[Row]:
        """Returns rows for those of the items that this engine owns; blocks until they are there.

        A batch that lacks any row is computed whole, as the plan forms it.
        """
        context = self._library.context(cell)
        wanted = frozenset(item_ids)
        rows: list[Row] = []
        under_way: deque[_Started] = deque()
        # Each lane computes a batch while the next ones are made ready, and not more: prompts of
        # large images would fill the memory.
        for started in self._start_all(context, wanted, rows):
            under_way.append(started)
            if len(under_way) >= self._backend.lanes + _AHEAD:
                rows += self._finish(under_way.popleft(), wanted)
        while under_way:
            rows += self._finish(under_way.popleft(), wanted)
        return rows

    def stats(self) -> EngineStats:
        """Returns the counters."""
        with self._lock:
            return replace(self._stats, models=self._pool.names(), loads=self._pool.loads)

    def plan(self, cells: Iterable[tuple[Cell, int | None]]) -> list[PlanLine]:
        """Says what cells would cost without loading a model."""
        return [self._estimator.line(self._library.context(cell), units) for cell, units in cells]

    def judge(self, calls: Sequence[JudgeCall]) -> list[Judgement]:
        """Returns the judge's reply to each call; blocks until all are there.

        Raises:
            JudgeError: When there is no judge, or it cannot be reached, or refuses.
        """
        if self._judges is None:
            raise JudgeError("this run has no judge", "set --judge-url and --judge-model")
        return self._judges.judge(calls)

    def close(self) -> None:
        """Ends the threads after the running batch and closes the store."""
        self._scheduler.close()
        if self._judges is not None:
            self._judges.close()
        self._prompts.pool.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    def abandon(self, *, patience_s: float) -> None:
        """Closes the store and nothing else, when the process is about to end at once."""
        self._store.close(patience_s=patience_s)

    def _start_all(
        self, context: Context, wanted: frozenset[str], rows: list[Row]
    ) -> Iterator[_Started]:
        """Yields the started batches that have wanted items; failed items go to ``rows``."""
        course = context.course
        for index in sorted({course.window_of[item_id] for item_id in wanted}):
            window = course.windows[index]
            lengths = self._prompts.lengths(context, window)
            if self._owns(window.index):
                rows += self._fail(context, window, lengths.failures, wanted)
            batches = plan_window(
                window, lengths.tokens, budget=self._options.token_budget, left=lengths.left
            )
            for batch in batches:
                if self._owns(batch.index) and not wanted.isdisjoint(batch.item_ids):
                    yield self._start(context, batch, lengths)

    def _owns(self, index: int) -> bool:
        return owner(index, world=self._options.world) == self._options.rank

    def _start(self, context: Context, batch: Batch, lengths: Lengths) -> _Started:
        key = (context.key, batch.item_ids)
        with self._lock:
            if key in self._running:
                return _Started(self._running[key], mine=False)
            prepared = self._prompts.pool.submit(self._prepare, context, batch, lengths)
            self._running[key] = prepared
        prepared.add_done_callback(lambda _: self._forget_when_done(key, prepared))
        return _Started(prepared, mine=True)

    def _prepare(self, context: Context, batch: Batch, lengths: Lengths) -> Future[_Outcome]:
        """Makes a batch ready and queues it, unless another request has computed it meanwhile."""
        stored = self._store.rows(context.item_key(item_id) for item_id in batch.item_ids)
        if len(stored) == len(batch.item_ids):
            done: Future[_Outcome] = Future()
            done.set_result(_Outcome(list(stored.values()), computed=False))
            return done
        work = Work(context, batch, lengths, self._computer.parts(context, batch, lengths))
        return self._scheduler.submit(
            context.model.weights, lambda: _Outcome(self._computer.run(work), computed=True)
        )

    def _forget_when_done(self, key: Hashable, prepared: Future[Future[_Outcome]]) -> None:
        def forget(_: object) -> None:
            with self._lock:
                self._running.pop(key, None)

        if prepared.cancelled() or prepared.exception() is not None:
            forget(None)
        else:
            prepared.result().add_done_callback(forget)

    def _finish(self, started: _Started, wanted: frozenset[str]) -> list[Row]:
        outcome = started.prepared.result().result()
        rows = [row for row in outcome.rows if row.item_id in wanted]
        # Work that another request has started is free for this one.
        if started.mine and outcome.computed:
            self._count(misses=len(rows))
        else:
            self._count(hits=len(rows))
        return rows

    def _fail(
        self,
        context: Context,
        window: Window,
        failures: Mapping[str, str],
        wanted: frozenset[str],
    ) -> list[Row]:
        failed = [
            context.stored(item_id, status="error", text=reason)
            for item_id, reason in failures.items()
            if item_id in wanted
        ]
        if failed:
            item_ids = tuple(row.item_id for row in failed)
            batch = Batch(window.index, 0, item_ids, padded_tokens=0, sources=(item_ids,))
            self._store.commit(
                failed,
                cells={context.key: context.description},
                provenance=self._computer.provenance(context, batch, seconds=0.0),
            )
            self._count(errors=len(failed))
        return [row.row() for row in failed]

    def _count(self, *, hits: int = 0, misses: int = 0, errors: int = 0) -> None:
        with self._lock:
            self._stats.hits += hits
            self._stats.misses += misses
            self._stats.errors += errors


def parse_cells(data: Iterable[Mapping[str, Any]]) -> list[tuple[Cell, int | None]]:
    """Rebuilds the argument of ``plan`` from JSON data."""
    return [(Cell.from_json(entry["cell"]), entry["units"]) for entry in data]
