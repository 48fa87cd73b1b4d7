"""Reads the TOML files strictly: every mistake is a ``SpecError`` with file and key path.

Loading is pure: it reads files and nothing else, and imports nothing heavy.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from ipllvm_spec.errors import SpecError, nearest
from ipllvm_spec.spec.checks import check_suite
from ipllvm_spec.spec.entries import BenchmarkEntry, Frozen, ModelEntry, Profile, ProfileName
from ipllvm_spec.spec.interventions import parse_intervention
from ipllvm_spec.spec.paper import Paper
from ipllvm_spec.spec.references import Against
from ipllvm_spec.spec.schema import STATISTICS, Claim, Expectation, Limit, Property, Search
from ipllvm_spec.spec.suite import Suite
from ipllvm_spec.spec.sweeps import parse_sweep

SPECS = Path(__file__).parent.parent / "specs"
#: Files of a spec folder that are registries; every other TOML file is a property.
REGISTRIES = ("models.toml", "benchmarks.toml", "profiles.toml", "paper.toml")
#: Read by ``spec.generators``.
GENERATORS = "generators.toml"

T = TypeVar("T", bound=Frozen)
E = TypeVar("E")


def load_suite(directory: Path | None = None, *, extra: Sequence[Path] = ()) -> Suite:
    """Loads a whole spec folder and checks it.

    Args:
        directory: Folder with the registries and one TOML file per property; None for the
            folder of this package, which is read once per process.
        extra: Further folders whose models, benchmarks and properties are added.

    Raises:
        SpecError: For the first mistake, with file, key path and the nearest right name.
    """
    if directory is None and not extra:
        return _packaged()
    return _load(directory or SPECS, tuple(extra))


def load_property(path: Path) -> Property:
    """Loads one property file without checking the names that other files define.

    Raises:
        SpecError: As ``load_suite``.
    """
    return _property(path.name, read_toml(path), path.stem)


def read_toml(path: Path) -> dict[str, Any]:
    """Reads one TOML file.

    Raises:
        SpecError: When it is missing, not UTF-8 or malformed, with line and column.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SpecError(f"{path.name}: cannot be read in {path.parent}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        # Python 3.11 has the position in the message only, and none for the end of the file.
        text, _, where = str(error).rpartition(" (at ")
        where = where.rstrip(")")
        if not where.startswith("line"):
            lines = path.read_text(encoding="utf-8").split("\n")
            where = f"line {len(lines)}, column {len(lines[-1]) + 1}"
        raise SpecError(f"{path.name}: {where}: malformed TOML: {text}") from None


@cache
def _packaged() -> Suite:
    return _load(SPECS, ())


def _load(directory: Path, extra: tuple[Path, ...]) -> Suite:
    files: dict[str, Path] = {}
    models: dict[str, ModelEntry] = {}
    benchmarks: dict[str, BenchmarkEntry] = {}
    properties: dict[str, Property] = {}
    for folder in (directory, *extra):
        if not folder.is_dir():
            raise SpecError(f"{folder}: there is no such folder of specs")
        missing = [name for name in REGISTRIES if not (folder / name).is_file()]
        if folder == directory and missing:
            raise SpecError(f"{folder}: lacks {', '.join(missing)}")
        for path in sorted(folder.glob("*.toml")):
            if path.name == GENERATORS:
                continue
            if path.name in REGISTRIES[2:]:
                if folder != directory:
                    raise SpecError(f"{path}: profiles and printed numbers cannot be added to")
                continue
            data = read_toml(path)
            if path.name == "models.toml":
                found = _entries(path.name, data, "model", ModelEntry, "key")
                _add(models, found, "model", path, files)
            elif path.name == "benchmarks.toml":
                entries = _entries(path.name, data, "benchmark", BenchmarkEntry, "name")
                _add(benchmarks, entries, "benchmark", path, files)
            else:
                prop = _property(path.name, data, path.stem)
                _add(properties, {prop.id: prop}, "property", path, files)
    suite = Suite(
        properties=MappingProxyType(properties),
        claims=MappingProxyType({c.id: c for prop in properties.values() for c in prop.claims}),
        models=MappingProxyType(models),
        benchmarks=MappingProxyType(benchmarks),
        profiles=MappingProxyType(_profiles(directory / "profiles.toml")),
        paper=_build(Paper, read_toml(directory / "paper.toml"), "paper.toml"),
    )
    check_suite(suite)
    return suite


def _add(
    known: dict[str, E], found: Mapping[str, E], kind: str, path: Path, files: dict[str, Path]
) -> None:
    for name, value in found.items():
        first = files.setdefault(f"{kind} {name}", path)
        if first != path:
            raise SpecError(f"{path}: {kind} '{name}' is already declared in {first}; rename one")
        known[name] = value


def _entries(
    file: str, data: Mapping[str, Any], kind: str, model: type[T], field: str
) -> dict[str, T]:
    tables = _only_tables(data, (kind,), file + ": ")[kind]
    return {
        name: _named(model, field, name, table, f"{file}: {kind}.{name}")
        for name, table in _tables(tables, f"{file}: {kind}")
    }


def _profiles(path: Path) -> dict[str, Profile]:
    data = read_toml(path)
    names = get_args(ProfileName)
    tables = _only_tables(data, ("profile",), f"{path.name}: ")["profile"]
    _no_unknown(tables, set(names), f"{path.name}: profile")
    for name in names:
        if name not in tables:
            raise SpecError(f"{path.name}: missing table [profile.{name}]")
    return _entries(path.name, data, "profile", Profile, "name")


def _property(file: str, data: Mapping[str, Any], stem: str) -> Property:
    tables = _only_tables(data, ("property", "claim"), file + ": ")
    head = tables["property"]
    for key in ("statement", "source"):
        if key not in head:
            raise SpecError(f"{file}: property: missing key '{key}'")
    needs = tuple(head["needs"]) if isinstance(head.get("needs"), list) else ()
    inherited = {"source": head["source"], "property_needs": needs}
    claims = tuple(
        _claim(f"{file}: claim.{name}", f"{stem}.{name}", table, inherited)
        for name, table in _tables(tables["claim"], f"{file}: claim")
    )
    # "claims" and the others here are no keys of the table, so writing them there is an error.
    allowed = {"statement", "source", "needs"}
    _no_unknown(head, allowed, f"{file}: property")
    return _build(
        Property, {"id": stem, "file": file, "claims": claims, **head}, f"{file}: property"
    )


def _claim(where: str, claim_id: str, table: Mapping[str, Any], inherited: dict[str, Any]) -> Claim:
    values = dict(table)
    _no_unknown(values, (set(Claim.model_fields) | {"target"}) - {"id", "property_needs"}, where)
    target = {"target": values.pop("target")} if "target" in values else {}
    if "limit" not in values:
        raise SpecError(f"{where}: missing key 'limit'")
    values["limit"] = _limit(f"{where}.limit", values["limit"], target)
    parsers = {"intervention": parse_intervention, "control": parse_intervention}
    for key, parse in {**parsers, "sweep": parse_sweep, "mini_sweep": parse_sweep}.items():
        if key in values:
            try:
                values[key] = parse(values[key])
            except SpecError as error:
                advice = f"; {error.advice}" if error.advice else ""
                raise SpecError(f"{where}.{key}: {error.problem}{advice}") from None
    if "against" in values:
        values["against"] = _against(f"{where}.against", values["against"])
    if "search" in values:
        values["search"] = _build(Search, values["search"], f"{where}.search")
    values["expect"] = tuple(
        _named(Expectation, "pattern", pattern, expected, f'{where}.expect."{pattern}"')
        for pattern, expected in _tables(values.get("expect", {}), f"{where}.expect")
    )
    return _build(Claim, {**inherited, "id": claim_id, **values}, where)


def _against(where: str, table: object) -> tuple[Against, ...]:
    if not isinstance(table, Mapping):
        raise SpecError(f"{where}: must be a table, for example {{ '*' = 'resnet-50' }}")
    try:
        return Against.listed(table)
    except ValidationError:
        raise SpecError(f"{where}: each value must be a model or a list of models") from None


def _limit(where: str, table: object, target: Mapping[str, Any]) -> Limit:
    tables = list(_tables(table, where))
    if len(tables) != 1:
        raise SpecError(f"{where}: needs exactly one statistic; known: {', '.join(STATISTICS)}")
    ((statistic, values),) = tables
    if statistic not in STATISTICS:
        hint = nearest(statistic, STATISTICS)
        raise SpecError(f"{where}: unknown statistic '{statistic}'; {hint}")
    _no_unknown(values, {"at_most", "at_least", "unit", "why"}, f"{where}.{statistic}")
    return _build(Limit, {"statistic": statistic, **target, **values}, f"{where}.{statistic}")


def _tables(value: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the sub-tables of a table; anything else in it is an error."""
    if not isinstance(value, Mapping):
        raise SpecError(f"{where}: must be a table")
    for name, table in value.items():
        if not isinstance(table, Mapping):
            raise SpecError(f"{where}.{name}: must be a table")
        yield str(name), dict(table)


def _only_tables(data: Mapping[str, Any], names: Sequence[str], where: str) -> dict[str, Any]:
    _no_unknown(data, set(names), where.removesuffix(": "))
    for name in names:
        if name not in data:
            raise SpecError(f"{where}missing table [{name}]")
        if not isinstance(data[name], Mapping):
            raise SpecError(f"{where}{name}: must be a table")
    return dict(data)


def _no_unknown(table: Mapping[str, Any], allowed: set[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise SpecError(f"{where}: unknown key '{key}'; {nearest(key, allowed)}")


def _named(model: type[T], field: str, name: str, table: Mapping[str, Any], where: str) -> T:
    """Builds a value whose name is the key of its table and may not be written in it too."""
    _no_unknown(table, set(model.model_fields) - {field}, where)
    return _build(model, {field: name, **table}, where)


def _build(model: type[T], values: Mapping[str, Any], where: str) -> T:
    """Validates one table; the first mistake becomes a message with its key path."""
    try:
        # Strict, so that "5" or true is not taken for a number.
        return model.model_validate(_tuples(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        *parents, key = first["loc"] or ("",)
        dotted = ".".join(map(str, parents))
        # A file is followed by a colon, a table in it by a dot.
        path = where + (": " if where.endswith(".toml") else ".") + dotted if dotted else where
        if first["type"] == "extra_forbidden":
            fields = set(_fields_at(model, parents))
            raise SpecError(f"{path}: unknown key '{key}'; {nearest(str(key), fields)}") from None
        if first["type"] == "missing":
            raise SpecError(f"{path}: missing key '{key}'") from None
        message = re.sub(r"^Value error, ", "", first["msg"])
        dot = f".{key}" if key != "" else ""
        raise SpecError(f"{path}{dot}: {message[0].lower()}{message[1:]}") from None


def _tuples(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _fields_at(model: type[Frozen], parents: Sequence[str | int]) -> Iterator[str]:
    """Yields the keys that the table at a path below a model may have."""
    for part in parents:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    yield from model.model_fields


def _models_in(annotation: Any) -> Iterator[type[Frozen]]:
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)
