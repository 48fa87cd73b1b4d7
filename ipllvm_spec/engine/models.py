"""Loaded models of one engine, the least recently used one dropped when memory is short."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from ipllvm_spec.engine.backend import Backend, LoadedModel
from ipllvm_spec.engine.keys import ModelId


class ModelPool:
    """Keeps models in memory up to the backend's budget. Thread-safe.

    Small models all stay; of large ones the least recently used goes first. A single model larger
    than the budget is loaded alone: the backend spreads it or says that it does not fit.

    Attributes:
        loads: Times a model was loaded.
    """

    def __init__(self, backend: Backend) -> None:
        self.loads = 0
        self._backend = backend
        self._lock = threading.Lock()
        self._models: OrderedDict[tuple[str, ...], tuple[ModelId, LoadedModel]] = OrderedDict()

    def get(self, model: ModelId) -> LoadedModel:
        """Returns a model, loading it when needed.

        Raises:
            ModelError: When it cannot be loaded.
        """
        with self._lock:
            if model.weights in self._models:
                self._models.move_to_end(model.weights)
                return self._models[model.weights][1]
            while self._models and self._used() + model.weight_bytes > self._backend.memory:
                self._models.popitem(last=False)
                self._backend.release()
            loaded = self._backend.load(model)
            self.loads += 1
            self._models[model.weights] = (model, loaded)
            return loaded

    def holds(self, weights: Hashable) -> bool:
        """Whether a model with these ``ModelId.weights`` is in memory."""
        return weights in self._models

    def names(self) -> tuple[str, ...]:
        """Names of the models in memory, sorted."""
        return tuple(sorted(model.ref for model, _ in list(self._models.values())))

    def _used(self) -> int:
        return sum(model.weight_bytes for model, _ in self._models.values())
