"""What the scenes show and what can be asked about them: one `Kind` for each sort of scene."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ipllvm_spec.mini.questions.base import Fact, Kind
from ipllvm_spec.mini.questions.board import Board
from ipllvm_spec.mini.questions.charts import Bars, Table
from ipllvm_spec.mini.questions.classes import CLASS_SETS
from ipllvm_spec.mini.questions.diagrams import Diagram
from ipllvm_spec.mini.questions.figures import Face, Light, Person
from ipllvm_spec.mini.questions.objects import Quad, Single
from ipllvm_spec.mini.questions.orders import Chain, Program
from ipllvm_spec.mini.questions.orders import Sequence as ColorSequence
from ipllvm_spec.mini.questions.photos import Photo
from ipllvm_spec.mini.questions.pictures import Artwork, Landmark, View
from ipllvm_spec.mini.questions.texts import Calculation, Number, Poster, Word

_KINDS: tuple[Kind, ...] = (
    Single(),
    Quad(),
    Board(),
    Bars(),
    Table(),
    Number(),
    Poster(),
    Word(),
    Calculation(),
    Program(),
    ColorSequence(),
    Chain(),
    View(),
    Landmark(),
    Artwork(),
    Face(),
    Person(),
    Light(),
    Photo(),
    Diagram(),
    *CLASS_SETS,
)
KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Name to kind."""

__all__ = ["KINDS", "Fact", "Kind"]
