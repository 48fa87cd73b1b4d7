"""One batch from ready prompts to stored rows: the only place that runs a model."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ipllvm_spec.engine.answers import KEPT_COUNTERS, EngineStats
from ipllvm_spec.engine.backend import (
    Backend,
    LoadedModel,
    OutOfDeviceMemoryError,
    Reply,
    Visual,
)
from ipllvm_spec.engine.cells import Row
from ipllvm_spec.engine.library import Context
from ipllvm_spec.engine.models import ModelPool
from ipllvm_spec.engine.plan import Batch, cut, join
from ipllvm_spec.engine.prompts import Lengths, Prompts, Ready
from ipllvm_spec.engine.store import Provenance, Store, StoredRow
from ipllvm_spec.errors import EngineError

#: Weight of the newest batch in a remembered speed.
_NEWEST = 0.2
#: The largest margin that is stored; a masked-out second logit would give infinity.
_LARGEST = 3.0e38

#: What the language model reads at once.
Part = tuple[Ready, ...]


@dataclass(frozen=True)
class Work:
    """A batch to compute.

    Attributes:
        context: Its cell.
        batch: What the plan says.
        lengths: Prompt lengths.
        parts: The batch, or what memory allows the language model to read of it at a time; each
            by what is encoded at once.
    """

    context: Context
    batch: Batch
    lengths: Lengths
    parts: tuple[Part, ...]


class _TooLargeError(Exception):
    """Memory ran out over ``count`` prompts of at most ``longest`` tokens."""

    def __init__(self, item_ids: Sequence[str], lengths: Mapping[str, int]) -> None:
        self.count = len(item_ids)
        self.longest = max(lengths[item_id] for item_id in item_ids)


class Computer:
    """Computes batches and stores them; used from the compute threads.

    Args:
        backend: The device.
        store: Where rows go.
        prompts: For parts that must be made again after memory ran out.
        pool: Loaded models.
        stats: Counters to raise.
        run_id: Recorded with each batch.
        host: Recorded with each batch.
    """

    def __init__(
        self,
        backend: Backend,
        store: Store,
        *,
        prompts: Prompts,
        pool: ModelPool,
        stats: EngineStats,
        run_id: str,
        host: str,
    ) -> None:
        self._backend = backend
        self._store = store
        self._prompts = prompts
        self._pool = pool
        self._stats = stats
        self._run_id = run_id
        self._host = host
        self._lock = threading.Lock()
        self._titles: list[str] = []

    def parts(self, context: Context, batch: Batch, lengths: Lengths) -> tuple[Part, ...]:
        """Makes a batch ready in as few parts as the remembered memory allows."""
        budget = self._store.note(self._budget_key(context))
        groups = [batch.sources]
        if budget is not None:
            cuts = [part for s in batch.sources for part in cut(s, lengths.tokens, budget=budget)]
            groups = join(cuts, lengths.left, budget=budget)
        return tuple(
            tuple(self._prompts.ready(context, item_ids) for item_ids in group) for group in groups
        )

    def run(self, work: Work) -> list[Row]:
        """Computes a batch and stores all its rows at once.

        Raises:
            InertInterventionError: When the intervention changed nothing.
            ModelError: When the model cannot be loaded or fed.
            StoreError: When the rows cannot be stored.
            EngineError: When a single prompt does not fit into memory.
        """
        context = work.context
        with self._shown(context.title):
            model = self._pool.get(context.model)
            started = time.perf_counter()
            replies = self._replies(model, work)
            seconds = time.perf_counter() - started
        rows = [_row(context, item_id, reply) for item_id, reply in replies.items()]
        self._commit(work, rows, seconds=seconds)
        # What the store has is what everybody gets, should a row have been there already.
        stored = self._store.rows(row.item_key for row in rows)
        return [stored.get(row.item_key, row.row()) for row in rows]

    @contextmanager
    def _shown(self, title: str) -> Iterator[None]:
        """Shows a cell as the current one; of several the one that began last."""
        with self._lock:
            self._titles.append(title)
            self._stats.current = title
        try:
            yield
        finally:
            with self._lock:
                self._titles.remove(title)
                self._stats.current = self._titles[-1] if self._titles else ""

    def _raise(self, **counts: float) -> None:
        """Adds to counters."""
        with self._lock:
            for name, count in counts.items():
                setattr(self._stats, name, getattr(self._stats, name) + count)

    def _replies(self, model: LoadedModel, work: Work) -> dict[str, Reply]:
        parts = work.parts
        while True:
            replies: dict[str, Reply] = {}
            try:
                for part in parts:
                    replies |= self._part(model, work, part)
            except _TooLargeError as error:
                # From the start, so that a later run with the smaller budget forms the same parts.
                parts = self._smaller(work, error)
            else:
                return replies

    def _part(self, model: LoadedModel, work: Work, part: Part) -> dict[str, Reply]:
        item_ids = [item_id for ready in part for item_id in ready.item_ids]
        visual = Visual.joined([self._visual(model, work, ready) for ready in part])
        try:
            replies = model.answer(visual, work.context.ask)
        except OutOfDeviceMemoryError:
            raise _TooLargeError(item_ids, work.lengths.left) from None
        tokens = sum(reply.n_tokens for reply in replies)
        self._raise(model_calls=1, prompts=len(replies), generated_tokens=tokens)
        return dict(zip(item_ids, replies, strict=True))

    def _visual(self, model: LoadedModel, work: Work, ready: Ready) -> Visual:
        visual = ready.visual
        if visual is None and ready.key is not None:
            # Another cell may have made it since this one was made ready.
            visual = self._prompts.visuals.get(ready.key)
        if visual is not None:
            self._raise(reused=1)
            return visual
        try:
            visual = model.visual(ready.prompts)
        except OutOfDeviceMemoryError:
            raise _TooLargeError(ready.item_ids, work.lengths.tokens) from None
        self._raise(model_calls=1)
        if ready.key is not None:
            self._prompts.visuals.put(ready.key, visual, size=visual.nbytes)
        return visual

    def _smaller(self, work: Work, error: _TooLargeError) -> tuple[Part, ...]:
        if error.count == 1:
            raise EngineError(
                f"one prompt of {error.longest} tokens does not fit into the memory of "
                f"{self._backend.device_name} beside '{work.context.cell.model}'",
                "use a device with more memory, or --device auto to spread the model",
            )
        self._raise(oom_splits=1)
        self._prompts.visuals.clear()
        self._backend.release()
        budget = max(error.count * error.longest // 2, error.longest)
        self._store.remember({self._budget_key(work.context): budget})
        return self.parts(work.context, work.batch, work.lengths)

    def _commit(self, work: Work, rows: Sequence[StoredRow], *, seconds: float) -> None:
        context = work.context
        self._store.commit(
            rows,
            cells={context.key: context.description},
            provenance=self.provenance(context, work.batch, seconds=seconds),
        )
        self._raise(batches=1, compute_seconds=seconds)
        counters = {name: getattr(self._stats, name) for name in KEPT_COUNTERS}
        self._store.remember(
            self._learnt(context, work, seconds=seconds)
            | {self._stats_key(): {"run_id": self._run_id, "counters": counters}}
        )

    def resume(self) -> None:
        """Takes over the counters of the process that died before this one in the same run."""
        saved = self._store.note(self._stats_key())
        if saved and self._run_id and saved["run_id"] == self._run_id:
            for name, value in saved["counters"].items():
                setattr(self._stats, name, value)

    def provenance(self, context: Context, batch: Batch, *, seconds: float) -> Provenance:
        """Returns where a batch comes from."""
        return Provenance(
            run_id=self._run_id,
            host=self._host,
            device=self._backend.device_name,
            model_ref=context.cell.model,
            size=len(batch.item_ids),
            padded_tokens=batch.padded_tokens,
            seconds=seconds,
        )

    def _learnt(self, context: Context, work: Work, *, seconds: float) -> dict[str, Any]:
        """Returns running means of seconds and tokens per prompt, for later estimates."""
        count = len(work.batch.item_ids)
        now = {
            self.speed_key(context): seconds / count,
            self.tokens_key(context): sum(work.lengths.left[i] for i in work.batch.item_ids)
            / count,
        }
        return {key: _mix(self._store.note(key), value) for key, value in now.items()}

    def speed_key(self, context: Context) -> str:
        """Key of the remembered seconds per prompt."""
        name = f"{context.cell.benchmark}{context.length_key}"
        return f"seconds:{context.model.digest}:{name}:{self._backend.device_name}"

    def tokens_key(self, context: Context) -> str:
        """Key of the remembered tokens per prompt."""
        return "tokens:" + ":".join(context.prompts_key) + context.length_key

    def _stats_key(self) -> str:
        return f"stats:{self._stats.rank}"

    def _budget_key(self, context: Context) -> str:
        return f"budget:{context.model.digest}:{self._backend.device_name}"


def _mix(before: float | None, now: float) -> float:
    return now if before is None else (1 - _NEWEST) * before + _NEWEST * now


def _row(context: Context, item_id: str, reply: Reply) -> StoredRow:
    if math.isnan(reply.margin):
        return context.stored(
            item_id, status="error", text="the model's logits are not numbers (NaN)"
        )
    margin = min(max(reply.margin, -_LARGEST), _LARGEST)
    return context.stored(
        item_id, status="ok", text=reply.text, margin=margin, n_tokens=reply.n_tokens
    )
