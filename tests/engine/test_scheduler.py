"""The order of jobs: few model changes, nobody starves, errors reach who asked."""

from __future__ import annotations

import threading

import pytest

from ipllvm_spec.engine.caches import ByteLRU, Once
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
