"""The order of jobs: few model changes, nobody starves, errors reach who asked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipllvm_spec.engine.caches import ByteLRU, Once
from ipllvm_spec.engine.keys import ModelId
from ipllvm_spec.engine.models import ModelPool
from ipllvm_spec.engine.scheduler import Scheduler


def test_jobs_of_loaded_models_go_first_one_at_a_time():
    """While the thread is busy, jobs queue up; those for the loaded model overtake."""
    gate = threading.Event()
    done: list[str] = []
    scheduler = Scheduler(lambda model: model == "loaded")
    scheduler.submit("loaded", gate.wait)
    futures = [
        scheduler.submit(model, lambda name=f"{model}{n}": done.append(name))
        for n, model in enumerate(["other", "loaded", "other", "loaded"])
    ]
    gate.set()
    for future in futures:
        future.result(timeout=10)
    assert done == ["loaded1", "loaded3", "other0", "other2"]
    scheduler.close()


def test_a_job_that_waits_long_enough_goes_first():
    """A stream of jobs for the loaded model cannot keep another one waiting for ever."""
    gate = threading.Event()
    done: list[str] = []
    scheduler = Scheduler(lambda model: model == "loaded")
    scheduler.submit("loaded", gate.wait)
    futures = [scheduler.submit("other", lambda: done.append("other"))]
    futures += [scheduler.submit("loaded", lambda: done.append("loaded")) for _ in range(200)]
    gate.set()
    for future in futures:
        future.result(timeout=10)
    assert 0 < done.index("other") < 100
    scheduler.close()


def test_lanes_run_as_many_jobs_at_once():
    """Two lanes hold two jobs at the same time and never three."""
    both = threading.Barrier(2, timeout=10)
    running: list[int] = []
    most: list[int] = []

    def job() -> None:
        running.append(1)
        most.append(len(running))
        both.wait()
        running.pop()

    scheduler = Scheduler(lambda model: True, lanes=2)
    for future in [scheduler.submit("m", job) for _ in range(8)]:
        future.result(timeout=20)
    assert max(most) == 2
    scheduler.close()


def test_lanes_share_one_load():
    """Several lanes that need a model at once wait for one load of it."""
    loads: list[str] = []

    class Slow:
        memory = 10

        def load(self, model: ModelId) -> object:
            loads.append(model.ref)
            time.sleep(0.05)
            return object()

    pool = ModelPool(Slow())
    model = ModelId("m", "digest", "processor", "float32", weight_bytes=1)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: pool.get(model), range(4)))
    assert loads == ["m"]
    assert len(set(map(id, found))) == 1


def test_errors_and_cancelled_jobs_do_not_stop_the_thread():
    """An exception goes to its own future; a cancelled job never runs."""
    gate = threading.Event()
    scheduler = Scheduler(lambda model: False)
    scheduler.submit("m", gate.wait)
    broken = scheduler.submit("m", lambda: 1 / 0)
    cancelled = scheduler.submit("m", lambda: pytest.fail("ran"))
    last = scheduler.submit("m", lambda: "fine")
    assert cancelled.cancel()
    gate.set()
    assert last.result(timeout=10) == "fine"
    with pytest.raises(ZeroDivisionError):
        broken.result(timeout=10)
    scheduler.close()


def test_lru_keeps_what_was_used_last_within_its_bytes():
    """Bytes count, not entries; a value larger than everything is not kept at all."""
    cache: ByteLRU[str, int] = ByteLRU(100)
    cache.put("a", 1, size=40)
    cache.put("b", 2, size=40)
    assert cache.get("a") == 1
    cache.put("c", 3, size=40)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    cache.put("huge", 4, size=101)
    assert cache.get("huge") is None
    cache.put("a", 5, size=10)
    assert (cache.used, len(cache)) == (50, 2)


def test_once_makes_a_value_once_and_forgets_failures():
    """Simultaneous callers share one attempt's result; a failed attempt is made again."""
    once: Once[str, int] = Once()
    made = []
    with pytest.raises(ZeroDivisionError):
        once.get("a", lambda: 1 // 0)
    threads = [
        threading.Thread(target=once.get, args=("a", lambda: made.append(1) or 7)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (once.get("a", lambda: 8), len(made)) == (7, 1)
