"""What no single table can say wrong: names that other files define, and contradictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ipllvm_spec.errors import SpecError, nearest
from ipllvm_spec.spec.cases import split_ref
from ipllvm_spec.spec.reference_checks import check_against
from ipllvm_spec.spec.references import glob_matches
from ipllvm_spec.spec.schema import (
    AGGREGATES,
    AVERAGE,
    CAPABILITIES,
    FIGURES,
    Claim,
    Expectation,
)
from ipllvm_spec.spec.shape_checks import check_contradictions, check_shape
from ipllvm_spec.spec.sweeps import check_levels, within

if TYPE_CHECKING:
    from ipllvm_spec.spec.suite import Suite

#: Squared one-sided 5 % quantile of the normal distribution.
_Z2 = 1.6448536269514722**2


def check_suite(suite: Suite) -> None:
    """Raises ``SpecError`` for the first name or combination that cannot be right."""
    for name in suite.benchmarks:
        if name == AVERAGE:
            raise SpecError(f"benchmarks.toml: benchmark.{name}: the name means 'over several'")
    _check_models(suite)
    _check_profiles(suite)
    for prop in suite.properties.values():
        for need in prop.needs:
            where = f"{prop.file}: property.needs"
            _known("capability", need, CAPABILITIES, where)
        for claim in prop.claims:
            where = f"{prop.file}: claim.{claim.name}"
            _check_names(suite, claim, where)
            _check_modes(suite, claim, where)
            check_shape(claim, where)
            _check_levels(suite, claim, where)
            check_against(claim, suite.models, f"{where}.against")
            check_contradictions(claim, where)
            _check_guards(suite, claim, where)
            _check_reachable(suite, claim, where)
            _check_expectations(suite, claim, where)


def _known(kind: str, name: str, known: Iterable[str], where: str) -> None:
    known = list(known)
    if name not in known:
        raise SpecError(f"{where}: unknown {kind} '{name}'; {nearest(name, known)}")


def _check_models(suite: Suite) -> None:
    declared: dict[tuple[str, str], str] = {}
    for entry in suite.models.values():
        where = f"models.toml: model.{entry.key}"
        if "~" in entry.key or "/" in entry.key or ":" in entry.key:
            raise SpecError(f"{where}: a key must not contain '~', '/' or ':'")
        if entry.family is None:
            raise SpecError(f"{where}: missing key 'family'")
        if entry.printed is not None:
            _known("model of the paper", entry.printed, suite.paper.models(), f"{where}.printed")
        for role, what in (("saliency", "saliency model"), ("captions", "captioner")):
            data = getattr(entry, role)
            first = declared.setdefault((role, data), entry.key) if data else entry.key
            if first != entry.key:
                raise SpecError(
                    f"{where}.{role}: '{first}' is the {what} of {data} data already; "
                    "declare one of them"
                )


def _check_profiles(suite: Suite) -> None:
    for profile in suite.profiles.values():
        where = f"profiles.toml: profile.{profile.name}"
        for model in profile.models:
            _known("model", model, suite.models, f"{where}.models")
        for model in profile.encoders:
            _known("model", model, suite.models, f"{where}.encoders")
        for name in profile.one_benchmark:
            _known("benchmark", name, suite.benchmarks, f"{where}.one_benchmark")
        named = [*suite.properties, *suite.claims]
        for name in profile.leaves_out:
            _known("property or claim", name, named, f"{where}.leaves_out")
        check_levels(profile.levels, f"{where}.levels")
        for model, properties in profile.scope:
            _known("model", model, profile.models, f"{where}.scope")
            for name in properties:
                _known("property or claim", name, named, f"{where}.scope.{model}")


def _check_names(suite: Suite, claim: Claim, where: str) -> None:
    for name in claim.benchmarks:
        _known("benchmark", name, suite.benchmarks, f"{where}.benchmarks")
    if len(set(claim.benchmarks)) < len(claim.benchmarks):
        raise SpecError(f"{where}.benchmarks: names a benchmark twice")
    if claim.than is not None:
        _known("benchmark", claim.than, suite.benchmarks, f"{where}.than")
        if claim.than in claim.benchmarks:
            raise SpecError(f"{where}.than: '{claim.than}' would be compared with itself")
    for name in claim.requires:
        _known("claim", name, suite.claims, f"{where}.requires")
    for name in claim.feeds:
        _known("claim, table or figure", name, [*suite.claims, *FIGURES], f"{where}.feeds")
    for name in (*((claim.aggregate,) if claim.aggregate else ()), *claim.reported):
        _known("aggregate", name, AGGREGATES, where)


def _check_modes(suite: Suite, claim: Claim, where: str) -> None:
    """Demands that every benchmark offers the mode in which it would be measured."""
    wanted = {p.mode: f"profiles.toml: profile.{p.name}.mode" for p in suite.profiles.values()}
    if claim.mode is not None:
        wanted = {claim.mode: f"{where}.mode"}
    for name in (*claim.benchmarks, *((claim.than,) if claim.than else ())):
        offered = suite.benchmarks[name].modes
        if not offered:
            raise SpecError(f"{where}.benchmarks: '{name}' is a data set without a metric")
        for mode, place in wanted.items():
            if mode not in offered:
                raise SpecError(
                    f"{place}: '{name}' of {claim.id} has no protocol mode '{mode}'; "
                    f"{nearest(mode, offered)}"
                )


def _check_levels(suite: Suite, claim: Claim, where: str) -> None:
    """Demands that every profile measures something of a sweep."""
    for profile in suite.profiles.values():
        for key in ("sweep", "mini_sweep"):
            declared = getattr(claim, key)
            if declared and not within(declared, profile.levels):
                raise SpecError(
                    f"profiles.toml: profile.{profile.name}.levels: nothing is left of "
                    f"{where}.{key}; name at least one of its values"
                )


def _check_guards(suite: Suite, claim: Claim, where: str) -> None:
    for name in claim.requires:
        guard = suite.claims[name]
        if guard.requires or guard.aggregate:
            raise SpecError(
                f"{where}.requires: '{name}' cannot guard: it requires others or aggregates"
            )
        # Without a mode of its own a guard is decided in that of the claim it guards.
        if guard.mode not in (None, claim.mode):
            raise SpecError(
                f"{where}.requires: guard '{name}' declares mode '{guard.mode}', which is not "
                "this claim's; give both the same or the guard none"
            )
        measured = {*claim.benchmarks, *((claim.than,) if claim.than else ())}
        for missing in sorted(measured - set(guard.benchmarks)):
            raise SpecError(f"{where}.requires: guard '{name}' is not declared on '{missing}'")


def _check_reachable(suite: Suite, claim: Claim, where: str) -> None:
    """Rejects a population limit that even identical outputs on all units cannot meet."""
    if claim.limit.target != "population" or claim.limit.at_most is None or claim.aggregate:
        return
    for name in claim.benchmarks:
        size = suite.benchmarks[name].size(claim.mode or "standard")
        units = max(size.units, size.twin_units)
        # The upper score bound of zero differences in n units (statistics.md, section 4).
        floor = 100 * _Z2 / (units + _Z2)
        if floor >= claim.limit.at_most:
            raise SpecError(
                f"{where}.limit: at most {claim.limit.at_most:g} points cannot be shown for the "
                f"population on '{name}': identical outputs on all {units} units leave "
                f"{floor:.2f}; raise the limit, drop the benchmark or use target = 'benchmark'"
            )


def _check_expectations(suite: Suite, claim: Claim, where: str) -> None:
    keys = (AVERAGE,) if claim.aggregate else claim.benchmarks
    for expected in claim.expect:
        here = f'{where}.expect."{expected.pattern}"'
        model, colon, benchmark = expected.pattern.rpartition(":")
        if not colon:
            raise SpecError(f"{here}: must be 'model:benchmark', each with * as wildcard")
        base = split_ref(model).base
        if "*" not in model:
            _known("model", base, suite.models, here)
        if "*" not in benchmark:
            _known("benchmark of the claim", benchmark, keys, here)
        for name in expected.unless:
            _known("benchmark of the claim", name, keys, f"{here}.unless")
            if not glob_matches(benchmark, name):
                raise SpecError(f"{here}.unless: '{name}' is not matched anyway; remove it")
        # Variants are derived at load time and not listed, so only the base has to exist.
        bare = expected.model_copy(update={"pattern": f"{base}:{benchmark}"})
        if not any(bare.matches(known, key) for known in suite.models for key in keys):
            raise SpecError(f"{here}: matches no model and benchmark of the claim; correct it")
    for model in suite.models:
        for key in keys:
            _check_unambiguous(claim, model, key, where)


def _check_unambiguous(claim: Claim, model: str, key: str, where: str) -> None:
    found = [expected for expected in claim.expect if expected.matches(model, key)]
    for first, second in _pairs(found):
        if first.specificity() == second.specificity():
            raise SpecError(
                f'{where}.expect: "{first.pattern}" and "{second.pattern}" both match '
                f"{model}:{key}; make one more specific"
            )


def _pairs(found: list[Expectation]) -> Iterator[tuple[Expectation, Expectation]]:
    for index, first in enumerate(found):
        for second in found[index + 1 :]:
            yield first, second
