"""One batch from ready prompts to stored rows: the only place that runs a model."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ipllvm_spec.engine.answers import KEPT_COUNTERS, EngineStats
from ipllvm_spec.engine.backend import Backend, LoadedModel, OutOfDeviceMemoryError, Reply
from ipllvm_spec.engine.cells import Row
from ipllvm_spec.engine.library import Context
from ipllvm_spec.engine.models import ModelPool
from ipllvm_spec.engine.plan import Batch, cut
from ipllvm_spec.engine.prompts import Prompts, Ready
from ipllvm_spec.engine.store import Provenance, Store, StoredRow
from ipllvm_spec.errors import EngineError

#: Weight of the newest batch in a remembered speed.
_NEWEST = 0.2
#: The largest margin that is stored; a masked-out second logit would give infinity.
_LARGEST = 3.0e38


@dataclass(frozen=True)
class Work:
    """A batch to compute.

    Attributes:
        context: Its cell.
        batch: What the plan says.
        tokens: Prompt lengths by item id.
        parts: The batch, or what memory allows of it at a time.
    """

    context: Context
    batch: Batch
    tokens: dict[str, int]
    parts: tuple[Ready, ...]


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

    def parts(self, context: Context, batch: Batch, tokens: dict[str, int]) -> tuple[Ready, ...]:
        """Makes a batch ready in as few parts as the remembered memory allows."""
        budget = self._store.note(self._budget_key(context))
        if budget is None or batch.padded_tokens <= budget:
            return (self._prompts.ready(context, batch.item_ids),)
        cuts = cut(batch.item_ids, tokens, budget=budget)
        return tuple(self._prompts.ready(context, item_ids) for item_ids in cuts)

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
            too_large = 0
            for part in parts:
                try:
                    found = self._part(model, work.context, part)
                except OutOfDeviceMemoryError:
                    too_large = len(part.item_ids) * work.tokens[part.item_ids[-1]]
                    break
                replies |= dict(zip(part.item_ids, found, strict=True))
            if not too_large:
                return replies
            # From the start, so that a later run with the smaller budget forms the same parts.
            parts = self._smaller(work, part, too_large)

    def _part(self, model: LoadedModel, context: Context, part: Ready) -> list[Reply]:
        visual = part.visual
        if visual is None and part.key is not None:
            # Another cell may have made it since this part was made ready.
            visual = self._prompts.visuals.get(part.key)
        if visual is None:
            visual = model.visual(part.prompts)
            self._raise(model_calls=1)
            if part.key is not None:
                self._prompts.visuals.put(part.key, visual, size=visual.nbytes)
        else:
            self._raise(reused=1)
        replies = model.answer(visual, context.ask)
        tokens = sum(reply.n_tokens for reply in replies)
        self._raise(model_calls=1, prompts=len(replies), generated_tokens=tokens)
        return replies

    def _smaller(self, work: Work, part: Ready, tokens: int) -> tuple[Ready, ...]:
        longest = work.tokens[part.item_ids[-1]]
        if len(part.item_ids) == 1:
            raise EngineError(
                f"one prompt of {longest} tokens does not fit into the memory of "
                f"{self._backend.device_name} beside '{work.context.cell.model}'",
                "use a device with more memory, or --device auto to spread the model",
            )
        self._raise(oom_splits=1)
        self._prompts.visuals.clear()
        self._backend.release()
        budget = max(tokens // 2, longest)
        self._store.remember({self._budget_key(work.context): budget})
        return self.parts(work.context, work.batch, work.tokens)

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
            self.tokens_key(context): sum(work.tokens[i] for i in work.batch.item_ids) / count,
        }
        return {key: _mix(self._store.note(key), value) for key, value in now.items()}

    def speed_key(self, context: Context) -> str:
        """Key of the remembered seconds per prompt."""
        name = context.cell.benchmark
        return f"seconds:{context.model.digest}:{name}:{self._backend.device_name}"

    def tokens_key(self, context: Context) -> str:
        """Key of the remembered tokens per prompt."""
        return "tokens:" + ":".join(context.prompts_key)

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
