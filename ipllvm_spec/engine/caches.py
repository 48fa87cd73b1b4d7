"""Small thread-safe containers of the engine."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteLRU(Generic[K, V]):
    """Keeps the most recently used values up to a number of bytes.

    Args:
        limit: Most bytes kept; a value larger than this is never kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Returns the value and marks it as used, or None."""
        with self._lock:
            entry = self._values.get(key)
            if entry is None:
                return None
            self._values.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V, *, size: int) -> None:
        """Keeps a value of ``size`` bytes, dropping the least recently used ones."""
        with self._lock:
            _, before = self._values.pop(key, (None, 0))
            self.used -= before
            if size > self.limit:
                return
            self._values[key] = (value, size)
            self.used += size
            while self.used > self.limit:
                _, (_, freed) = self._values.popitem(last=False)
                self.used -= freed

    def clear(self) -> None:
        """Drops everything."""
        with self._lock:
            self._values.clear()
            self.used = 0

    def __len__(self) -> int:
        return len(self._values)


class Once(Generic[K, V]):
    """Makes each value once, however many threads ask for it; a failure is not remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[K, threading.Lock] = {}
        self._values: dict[K, V] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Returns the value of ``key``; the first caller makes it, the others wait."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._values:
                self._values[key] = make()
            return self._values[key]
