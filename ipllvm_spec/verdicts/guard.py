"""Guards: a robustness claim says nothing about a model that does not use the image at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ipllvm_spec.verdicts.verdict import Outcome, Verdict


def guard(verdict: Verdict, required: Mapping[str, Verdict]) -> Verdict:
    """Withholds a decision unless every required claim passed.

    Args:
        verdict: The verdict on the claim itself.
        required: Verdicts of the claims in ``requires``, by claim id.

    Returns:
        The verdict unchanged, or INCONCLUSIVE with the measured values kept, the reason naming
        what did not pass, and ``details["without_guard"]`` holding the outcome that was withheld.
    """
    missing = {name: other for name, other in required.items() if other.outcome is not Outcome.PASS}
    if not missing:
        return verdict
    parts = "; ".join(
        f"{name} is {other.outcome} ({other.measured()})" for name, other in sorted(missing.items())
    )
    return replace(
        verdict,
        outcome=Outcome.INCONCLUSIVE,
        reason=f"not decided, because a required claim did not PASS: {parts}",
        details={**verdict.details, "without_guard": verdict.outcome.value},
    )
