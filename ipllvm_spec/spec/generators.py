"""The generators of synthetic images that the package declares."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pydantic import Field, ValidationError

from ipllvm_spec.errors import SpecError, unknown_name
from ipllvm_spec.spec.entries import Data, Frozen, Text
from ipllvm_spec.spec.loader import GENERATORS, SPECS, read_toml
from ipllvm_spec.spec.suite import data_of


class GeneratorEntry(Frozen):
    """A generator of synthetic images.

    Attributes:
        title: The name in tables.
        data: On which data it is used unless an intervention names another one.
        hub: Hub ids of its parts, by part; empty where nothing is downloaded.
    """

    title: Text
    data: Data | None = None
    hub: Mapping[str, Text] = Field(default_factory=dict)


@cache
def load_generators() -> Mapping[str, GeneratorEntry]:
    """Returns the declared generators by name.

    Raises:
        SpecError: When the file is malformed, or declares two for the same data.
    """
    tables = read_toml(SPECS / GENERATORS).get("generator", {})
    try:
        found = {name: GeneratorEntry.model_validate(table) for name, table in tables.items()}
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SpecError(f"{GENERATORS}: {where}: {first['msg']}") from None
    used = [entry.data for entry in found.values() if entry.data is not None]
    if len(set(used)) < len(used):
        raise SpecError(f"{GENERATORS}: two generators are declared for the same data")
    return MappingProxyType(found)


def generator_entry(name: str) -> GeneratorEntry:
    """Returns a generator by name.

    Raises:
        UnknownNameError: With the nearest name.
    """
    known = load_generators()
    if name not in known:
        raise unknown_name("generator", name, known)
    return known[name]


def default_generator(source: str) -> str:
    """Returns the name of the generator that is declared for data.

    Args:
        source: ``twin``, ``published`` or a path.

    Raises:
        SpecError: When none is.
    """
    data = data_of(source)
    for name, entry in load_generators().items():
        if entry.data == data:
            return name
    raise SpecError(f"{GENERATORS}: no generator is declared for {data} data")
