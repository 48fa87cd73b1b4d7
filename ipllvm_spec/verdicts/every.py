"""A limit on every condition of a sweep: an intersection of claims, one for each condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.frame import ALPHA
from ipllvm_spec.verdicts.measurement import Measurement
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

#: The outcome that decides about all conditions comes first.
_SEVERITY = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)


class Worst(NamedTuple):
    """The verdict about all conditions, and the comparison that it rests on."""

    verdict: Verdict
    pair: Comparison


def worst_of(pairs: Sequence[Comparison], judge: Callable[[Comparison, float], Verdict]) -> Worst:
    """Decides whether every condition satisfies the limit.

    "All are within" passes when each passes at the full error rate: it takes a wrong PASS of one
    particular condition, the one that is beyond. A FAIL may come from any of them, so one that
    is not exact must hold at its share of the rate.

    Args:
        pairs: The intact run against each condition.
        judge: Decides one condition at an error rate.

    Returns:
        The verdict of the condition that decides: the worst outcome, and among equals the
        estimate closest to the limit or furthest beyond. Its details list every condition.

    Raises:
        ValueError: When there is no condition.
    """
    if not pairs:
        raise ValueError("a claim about every condition needs one")
    found = [Worst(_shared(pair, judge, count=len(pairs)), pair) for pair in pairs]
    worst = min(found, key=lambda one: (_SEVERITY.index(one.verdict.outcome), _margin(one.verdict)))
    details = {**worst.verdict.details, "conditions": [_summary(one) for one in found]}
    reason = worst.verdict.reason
    if len(found) > 1:
        reason = f"the worst of {len(found)} conditions, {_named(worst.pair)!r}: {reason}"
    return Worst(replace(worst.verdict, details=details, reason=reason), worst.pair)


def _shared(
    pair: Comparison, judge: Callable[[Comparison, float], Verdict], *, count: int
) -> Verdict:
    verdict = judge(pair, ALPHA)
    if verdict.outcome is not Outcome.FAIL or verdict.exact or count == 1:
        return verdict
    strict = judge(pair, ALPHA / count)
    if strict.outcome is Outcome.FAIL:
        return strict
    return replace(
        verdict,
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{verdict.reason}, but not at this condition's share of the error rate",
    )


def _margin(verdict: Verdict) -> float:
    """Distance from the estimate to the limit, negative beyond it; what is unknown comes first."""
    if verdict.estimate is None:
        return float("-inf")
    beyond = verdict.estimate - verdict.limit
    return -beyond if verdict.direction == "at_most" else beyond


def _named(pair: Comparison) -> Intervention:
    assert isinstance(pair.other, Measurement)
    return pair.other.intervention


def _summary(one: Worst) -> dict[str, Any]:
    return {
        "intervention": _named(one.pair).canonical(),
        "outcome": one.verdict.outcome.value,
        "estimate": one.verdict.estimate,
        "lower": one.verdict.lower,
        "upper": one.verdict.upper,
        "n": one.verdict.n,
    }
