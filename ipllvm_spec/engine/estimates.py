"""What cells would cost, found out without loading a model or asking a judge."""

from __future__ import annotations

from ipllvm_spec.engine.answers import PlanLine
from ipllvm_spec.engine.backend import Backend
from ipllvm_spec.engine.compute import Computer
from ipllvm_spec.engine.judges import JudgeDesk, JudgeEstimate
from ipllvm_spec.engine.library import Context
from ipllvm_spec.engine.prompts import Prompts
from ipllvm_spec.engine.store import Store

#: Prompts that are encoded to estimate the length of all.
_SAMPLE = 8
#: For models that never ran here: multiply-adds per second, and the cost of a call that is
#: independent of size.
_GUESSED_FLOPS = {"cpu": 2.0e10, "cuda": 1.0e14}
_GUESSED_CALL_S = 0.002
_NOTHING = JudgeEstimate(0, 0, 0, 0)


class Estimator:
    """Estimates cells for one engine.

    Args:
        backend: The device.
        store: What is measured already.
        prompts: For prompt lengths.
        computer: For remembered speeds.
        judges: For what judging would take; None without a judge.
    """

    def __init__(
        self,
        backend: Backend,
        store: Store,
        *,
        prompts: Prompts,
        computer: Computer,
        judges: JudgeDesk | None,
    ) -> None:
        self._backend = backend
        self._store = store
        self._prompts = prompts
        self._computer = computer
        self._judges = judges

    def line(self, context: Context, units: int | None) -> PlanLine:
        """Estimates one cell.

        Args:
            context: The cell.
            units: First units of the seeded order; None for all.
        """
        item_ids = context.course.item_ids(0, units)
        keys = {context.item_key(item_id): item_id for item_id in item_ids}
        stored = self._store.rows(keys)
        left = len(item_ids) - len(stored)
        tokens = self._store.note(self._computer.tokens_key(context))
        if left and tokens is None:
            tokens = self._prompts.mean_length(
                context, item_ids[:: max(1, len(item_ids) // _SAMPLE)]
            )
        tokens = tokens or 0.0
        speed = self._store.note(self._computer.speed_key(context))
        each = self._guess(context, tokens) if speed is None else speed
        judging = self._judging(
            context, item_ids, {keys[key]: row.text for key, row in stored.items()}
        )
        return PlanLine(
            cell=context.cell.to_json(),
            units=len(context.course.unit_items[:units]),
            prompts=len(item_ids),
            hits=len(stored),
            tokens=round(left * tokens),
            seconds=left * each / self._backend.lanes,
            guess=speed is None,
            judge_calls=judging.calls,
            judge_hits=judging.hits,
            judge_prompt_tokens=judging.prompt_tokens,
            judge_reply_tokens=judging.reply_tokens,
        )

    def _judging(
        self, context: Context, item_ids: list[str], answers: dict[str, str]
    ) -> JudgeEstimate:
        benchmark = context.course.data.benchmark
        if self._judges is None or benchmark.judge == "no":
            return _NOTHING
        items = [context.course.items[item_id] for item_id in item_ids]
        return self._judges.estimate(benchmark, items, answers)

    def _guess(self, context: Context, tokens: float) -> float:
        """Returns seconds per prompt from the model's size: two operations per weight and token."""
        kind = "cuda" if "cuda" in self._backend.device_name.lower() else "cpu"
        size = {"float32": 4}.get(context.model.dtype, 2)
        weights = context.model.weight_bytes / size
        return _GUESSED_CALL_S + 2 * weights * tokens / _GUESSED_FLOPS[kind]
