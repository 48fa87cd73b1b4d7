"""The judge's desk of an engine: every reply is asked for once, stored and shared by all workers.

One engine of a run has it, whatever the number of workers, so the limit on calls under way holds
for the whole run, and two checks that need the same reply pay for it once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from ipllvm_spec.benchmarks.base import Benchmark, Item, JudgeCall
from ipllvm_spec.benchmarks.judge_client import JudgeClient
from ipllvm_spec.engine.answers import EngineStats, Judgement
from ipllvm_spec.engine.keys import judge_key
from ipllvm_spec.engine.store import Store, StoredJudgement

#: Characters of English text in a token, for estimates before any server has counted.
_CHARACTERS = 4
#: Stands for an answer that is not known yet: none that a rule could decide about.
_UNKNOWN = "?"


class JudgeEstimate(NamedTuple):
    """What judging would take: answers, those stored, tokens still to send and to receive."""

    calls: int
    hits: int
    prompt_tokens: int
    reply_tokens: int


class JudgeDesk:
    """Asks one judge and keeps what it says. Thread-safe.

    Args:
        client: Asks the judge.
        store: Where replies are kept.
        stats: Counters to raise.
        run_id: Recorded with each reply.
    """

    def __init__(
        self, client: JudgeClient, store: Store, *, stats: EngineStats, run_id: str
    ) -> None:
        self._client = client
        self._store = store
        self._stats = stats
        self._run_id = run_id
        self._lock = threading.Lock()
        self._running: dict[str, Future[Judgement]] = {}
        # As many threads as calls may be under way: the pool is the limit.
        self._pool = ThreadPoolExecutor(client.options.concurrency, "ipllvm-judge")

    def judge(self, calls: Sequence[JudgeCall]) -> list[Judgement]:
        """Returns a reply to each call, in order; blocks until all are there.

        Raises:
            JudgeError: When the judge cannot be reached or refuses. Replies that came are kept.
            StoreError: When a reply cannot be stored.
        """
        by_key = {judge_key(self._client.options.model, call): call for call in calls}
        with self._lock:
            # Looked up under the lock: a reply leaves the running ones only after it is stored.
            stored = self._store.judgements(by_key)
            waiting = {key: self._start(key, by_key[key]) for key in by_key if key not in stored}
            self._stats.judge_hits += len(stored)
        found = {key: _seen(one) for key, one in stored.items()}
        found |= {key: future.result() for key, future in waiting.items()}
        return [found[judge_key(self._client.options.model, call)] for call in calls]

    def estimate(
        self, benchmark: Benchmark, items: Sequence[Item], answers: Mapping[str, str]
    ) -> JudgeEstimate:
        """Says what judging would take.

        Args:
            benchmark: Makes the calls.
            items: What would be answered.
            answers: Answers that are known already, by item id; for each of the others a call is
                counted, even where a rule may turn out to decide.
        """
        calls, keys = [], []
        unknown = 0
        for item in items:
            call = benchmark.judge_call(item, answers.get(item.item_id, _UNKNOWN))
            if item.item_id not in answers:
                unknown += 1
                calls += [call] if call is not None else []
            elif call is not None:
                calls.append(call)
                keys.append(judge_key(self._client.options.model, call))
        stored = self._store.judgements(keys)
        hits = sum(key in stored for key in keys)
        total = unknown + len(keys)
        left = total - hits
        length = sum(len(text) for call in calls for _, text in call.messages)
        share = left / max(1, len(calls))
        return JudgeEstimate(
            calls=total,
            hits=hits,
            prompt_tokens=round(share * length / _CHARACTERS),
            reply_tokens=round(share * sum(call.max_tokens for call in calls)),
        )

    def close(self) -> None:
        """Drops what is waiting; calls under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, key: str, call: JudgeCall) -> Future[Judgement]:
        if key in self._running:
            self._stats.judge_hits += 1
            return self._running[key]
        self._running[key] = self._pool.submit(self._ask, key, call)
        return self._running[key]

    def _ask(self, key: str, call: JudgeCall) -> Judgement:
        try:
            reply = self._client.ask(call)
            stored = StoredJudgement(
                judge_key=key,
                judge=self._client.options.model,
                rubric=call.rubric,
                question=call.question,
                answer=call.answer,
                usable=reply.usable,
                reply=reply.text,
                tries=reply.tries,
                prompt_tokens=reply.prompt_tokens,
                reply_tokens=reply.reply_tokens,
                url=self._client.options.url,
                run_id=self._run_id,
                created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            )
            self._store.add_judgements([stored])
            with self._lock:
                self._stats.judge_calls += 1
                self._stats.judge_unreadable += not reply.usable
                self._stats.judge_prompt_tokens += reply.prompt_tokens
                self._stats.judge_reply_tokens += reply.reply_tokens
            # What the store has is what everybody gets, should a reply have been there already.
            return _seen(self._store.judgements([key])[key])
        finally:
            with self._lock:
                self._running.pop(key, None)


def _seen(stored: StoredJudgement) -> Judgement:
    return Judgement(stored.reply, stored.usable)
