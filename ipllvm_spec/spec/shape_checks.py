"""What can be wrong about the shape of one claim: keys that a statistic needs or cannot have."""

from __future__ import annotations

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.interventions import (
    GridShuffle,
    Intervention,
    KeepGroup,
    PatchDrop,
    PermuteTokens,
)
from ipllvm_spec.spec.schema import Claim

#: The key that each statistic cannot do without, and the keys that only it may have.
_REQUIRED = {
    "drop": "intervention",
    "gap": "control",
    "average_drop": "aggregate",
    "worst_drop": "search",
    "contrast": "sweep",
    "every_drop": "sweep",
    "spread": "sweep",
    "drop_difference": "intervention",
    "answer_excess": "answer",
    "similarity_difference": "than",
}
#: Statistics that compare two benchmarks.
_BETWEEN = ("drop_difference", "similarity_difference")


def check_shape(claim: Claim, where: str) -> None:
    """Demands the keys that the statistic needs and no others."""
    statistic = claim.limit.statistic
    needed = _REQUIRED[statistic]
    if not getattr(claim, needed):
        raise SpecError(f"{where}: statistic '{statistic}' needs the key '{needed}'")
    for other, key in _REQUIRED.items():
        # Intervention is free: averages and searches have one too.
        if key not in (needed, "intervention", "than") and getattr(claim, key):
            raise SpecError(f"{where}: key '{key}' belongs to statistic '{other}'")
    if claim.intervention is None and needed not in ("control", "sweep"):
        raise SpecError(f"{where}: statistic '{statistic}' needs the key 'intervention'")
    if claim.intervention is not None and claim.sweep:
        raise SpecError(f"{where}: a sweep stands in the place of an intervention; remove one")
    if claim.reported and claim.aggregate is None:
        raise SpecError(f"{where}: key 'reported' belongs to statistic 'average_drop'")
    if claim.aggregate and len(claim.benchmarks) < 2:
        raise SpecError(f"{where}.benchmarks: an aggregate needs at least two")
    _check_difference(claim, where)
    if claim.mini_sweep and not claim.sweep:
        raise SpecError(f"{where}: key 'mini_sweep' stands beside the key 'sweep'; add that")
    if statistic == "spread" and claim.limit.target != "population":
        raise SpecError(
            f"{where}.limit: a spread is held against what chance makes of units like these; "
            'use target = "population"'
        )


def _check_difference(claim: Claim, where: str) -> None:
    differs = claim.limit.statistic == "drop_difference"
    if claim.than is not None and claim.limit.statistic not in _BETWEEN:
        raise SpecError(f"{where}: key 'than' belongs to the statistics {', '.join(_BETWEEN)}")
    similar = claim.limit.statistic == "similarity_difference"
    if similar and "encode" not in claim.property_needs:
        raise SpecError(f"{where}: only what needs 'encode' can be about similarities")
    if differs and bool(claim.than) == bool(claim.against):
        raise SpecError(
            f"{where}: statistic 'drop_difference' needs either 'than', another benchmark, or "
            "'against', another model"
        )


def check_contradictions(claim: Claim, where: str) -> None:
    """Demands that nothing in a claim contradicts something else in it."""
    for key in ("intervention", "control"):
        value: Intervention | None = getattr(claim, key)
        if value is not None and not value.steps():
            raise SpecError(f"{where}.{key}: identity changes nothing, so there is nothing to see")
    if any(not one.steps() for one in (*claim.sweep, *claim.mini_sweep)):
        raise SpecError(f"{where}.sweep: identity is measured anyway; leave it out")
    if claim.search is not None:
        _check_template(claim, where)
        if claim.limit.at_most is None:
            raise SpecError(f"{where}.limit: a search can only break a limit 'at_most'")
    if claim.early_stop and claim.feeds:
        raise SpecError(
            f"{where}: early_stop would bias what it feeds ({', '.join(claim.feeds)}); "
            "remove early_stop or feeds"
        )
    if claim.early_stop and claim.limit.target == "population":
        raise SpecError(
            f"{where}: early_stop is only valid for target = 'benchmark'; remove one of them"
        )


def _check_template(claim: Claim, where: str) -> None:
    """Demands an intervention that leaves open what a search looks for."""
    assert claim.search is not None
    template = claim.intervention
    spans = claim.search.spans is not None
    match template:
        case PermuteTokens(order=None) if spans:
            return
        case PermuteTokens(order=None):
            raise SpecError(f"{where}.search: missing key 'spans'")
        case _ if spans:
            raise SpecError(f"{where}.search: key 'spans' belongs to permute_tokens; remove it")
        case GridShuffle(order=None) | KeepGroup():
            return
        case PatchDrop(kind="random", ratio=float()):
            return
    raise SpecError(
        f"{where}.intervention: a search needs permute_tokens or grid_shuffle without order, "
        "keep_group, or patch_drop with kind = 'random' and the largest ratio"
    )
