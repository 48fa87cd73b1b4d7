"""Scores answers as the run has chosen: by rule, by a judge, or by a rule in the judge's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ipllvm_spec.benchmarks.base import Benchmark, Item, ItemScore, Parsed
from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.engine.answers import Judgement
from ipllvm_spec.engine.client import EngineClient

#: The rule that an ``ItemScore`` names when the judge's reply could not be used.
UNREADABLE = "judge unreadable"


class Scorer:
    """Scores answers to one benchmark.

    Attributes:
        judged: Whether a judge scores answers.
        graded: Whether scores are graded: by a judge, or by what stands in for one.
        unscored: Why nothing can be scored; "" when it can.
        scored_by: ``rule``, ``judge <model>``, ``proxy`` or ``unscored``.

    Args:
        client: Asks the engine that asks the judge.
        benchmark: The benchmark in its protocol mode.
        judging: What the run has chosen.
    """

    def __init__(self, client: EngineClient, benchmark: Benchmark, judging: Judging) -> None:
        self.judged = judging.asks(benchmark)
        self.graded = self.judged or benchmark.judge == "required"
        self.unscored = judging.unscored(benchmark)
        self.scored_by = judging.scored_by(benchmark)
        self._client = client
        self._benchmark = benchmark

    def score(self, answers: Sequence[tuple[Item, str]]) -> list[ItemScore]:
        """Scores raw answers, in order; all calls to the judge go out together.

        Raises:
            JudgeError: When the judge cannot be reached or refuses.
        """
        if not self.judged:
            return [self._benchmark.score_item(item, text) for item, text in answers]
        calls = [self._benchmark.judge_call(item, text) for item, text in answers]
        replies = iter(self._client.judge([call for call in calls if call is not None]))
        return [
            self._by_rule(item, text) if call is None else self._by_reply(item, text, next(replies))
            for call, (item, text) in zip(calls, answers, strict=True)
        ]

    def _by_rule(self, item: Item, text: str) -> ItemScore:
        # The benchmark asks no judge about such an answer, so its rule is no proxy here.
        return replace(self._benchmark.score_item(item, text), source="rule")

    def _by_reply(self, item: Item, text: str, reply: Judgement) -> ItemScore:
        if not reply.usable:
            return ItemScore(0.0, Parsed(None, UNREADABLE), "judge", excluded=True)
        return self._benchmark.score_reply(item, text, reply.text)
