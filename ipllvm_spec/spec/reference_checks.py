"""What can be wrong about the models that a claim compares others with."""

from __future__ import annotations

from collections.abc import Mapping

from ipllvm_spec.errors import SpecError, nearest
from ipllvm_spec.spec.cases import split_ref
from ipllvm_spec.spec.entries import ModelEntry
from ipllvm_spec.spec.references import Against, glob_matches
from ipllvm_spec.spec.schema import Claim


def check_against(claim: Claim, models: Mapping[str, ModelEntry], where: str) -> None:
    """Raises ``SpecError`` for a comparison that names no model, or not one model.

    Args:
        claim: The claim.
        models: The registry.
        where: File and key path.
    """
    if claim.against and claim.limit.statistic not in ("contrast", "drop_difference"):
        raise SpecError(
            f"{where}: key 'against' belongs to statistics 'contrast' and 'drop_difference'"
        )
    for one in claim.against:
        here = f'{where}."{one.pattern}"'
        _check_references(one, models, here)
        # Variants are derived at load time and not listed, so only the base has to exist.
        base = split_ref(one.pattern).base
        if not any(glob_matches(base, known) for known in models):
            hint = nearest(base, models)
            raise SpecError(f"{here}: matches no model; {hint}")
    for model in models:
        found = [one for one in claim.against if glob_matches(one.pattern, model)]
        if len({one.specificity() for one in found}) < len(found):
            names = ", ".join(f'"{one.pattern}"' for one in found)
            raise SpecError(f"{where}: {names} all match '{model}'; make one more specific")


def _check_references(one: Against, models: Mapping[str, ModelEntry], where: str) -> None:
    taken: dict[str, str] = {}
    for name in one.models:
        if name not in models:
            raise SpecError(f"{where}: unknown model '{name}'; {nearest(name, models)}")
        data = models[name].data
        if data in taken:
            raise SpecError(
                f"{where}: '{taken[data]}' and '{name}' are both measured on {data} data; "
                "name one of them"
            )
        taken[data] = name
