"""What the registries may declare: models, benchmarks and profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

ProfileName = Literal["smoke", "default", "paper"]
Data = Literal["twin", "published"]
Dtype = Literal["float32", "float16", "bfloat16", "auto"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
#: A protocol mode. Which ones there are is a matter of each benchmark.
Mode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Frozen(BaseModel):
    """Base of all spec values: frozen, hashable, unknown keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelEntry(Frozen):
    """A checkpoint that ``--models`` knows by key.

    Attributes:
        key: The name on the command line.
        title: The name in tables.
        path: Folder name below the package's checkpoints, or a local path.
        hub: Hub id; exactly one of ``path`` and ``hub`` is set.
        family: Adapter family; None for a local path, whose config says it.
        dtype: Compute dtype.
        mini: Whether tables must say that this is one of our small models.
        data: Which benchmark data it is measured on unless the user says otherwise.
        printed: The paper's name for it, where the paper measured it.
        saliency: On which data the attention of this encoder says where the salient patches are;
            None for a model that says nothing. At most one model for each.
        captions: On which data this model writes the captions of synthetic images. At most one
            model for each.
    """

    key: Text
    title: Text
    path: str | None = None
    hub: str | None = None
    family: str | None = None
    dtype: Dtype = "auto"
    mini: bool = False
    data: Data = "published"
    printed: str | None = None
    saliency: Data | None = None
    captions: Data | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError("needs exactly one of path and hub")
        return self


class Size(Frozen):
    """How large a benchmark and its twin are.

    Attributes:
        units: Units of the published split (questions, MMVP pairs, MME images).
        items: Questions of the published split: prompts per condition.
        twin_units: Units of the twin.
        twin_items: Questions of the twin.
    """

    units: int = Field(ge=1)
    items: int = Field(ge=1)
    twin_units: int = Field(ge=1)
    twin_items: int = Field(ge=1)


class BenchmarkEntry(Size):
    """A benchmark or data set: where its published data are and how large it and its twin are.

    The inherited sizes are those of every mode but ``paper`` where that has its own.

    Attributes:
        name: Key in specs and on the command line.
        title: The paper's and the tables' name for it.
        hub: Hub ids to try in this order.
        config: Configuration of the hub data set; None for the only one.
        split: Split that is scored.
        licence: As far as known, with how it is known.
        gated: Whether the hub asks to accept terms first.
        modes: Protocol modes on offer, the first one the community's; none for a data set that
            no metric belongs to.
        rows: Rows of the published split; None for as many as items.
        paper: Sizes in paper mode where they differ.
    """

    name: Text
    title: Text
    hub: tuple[str, ...] = Field(min_length=1)
    config: str | None = None
    split: Text
    licence: Text
    gated: bool = False
    modes: tuple[Mode, ...] = ("standard",)
    rows: int | None = Field(default=None, ge=1)
    paper: Size | None = None

    def size(self, mode: str) -> Size:
        """Returns the sizes in a protocol mode."""
        return self.paper if mode == "paper" and self.paper is not None else self


class Profile(Frozen):
    """How much is measured.

    Attributes:
        name: The profile.
        models: Model keys measured when the user names none.
        encoders: The same for claims about vision encoders: those say what encoders can do, so
            language models would only skip them, and the other way round.
        units: Cut to the first units of the seeded order; None measures all.
        max_repeats: Cap on the repeats of every claim; None runs what the claim declares.
        leaves_out: Properties, or single claims, that are not decided, also on models that the
            user names.
        one_benchmark: Measure each claim on one benchmark: the first of these that the claim
            declares, else the claim's first. Empty measures all.
        mode: Protocol mode of the benchmarks, unless a claim declares its own.
        levels: What is measured of sweeps, by ``<intervention>.<parameter>``; a sweep without an
            entry is measured whole.
        scope: Properties, or single claims, that a model of the profile is decided on, by model;
            one without an entry is decided on all. So is every model that the user names.
        max_prompts: Budget for the default models on their default data; None for no budget.
    """

    name: ProfileName
    models: tuple[str, ...] = Field(min_length=1)
    encoders: tuple[str, ...] = ()
    units: int | None = Field(default=None, ge=1)
    max_repeats: int | None = Field(default=None, ge=1)
    leaves_out: tuple[str, ...] = ()
    one_benchmark: tuple[str, ...] = ()
    mode: Mode = "standard"
    levels: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    scope: tuple[tuple[str, tuple[str, ...]], ...] = ()
    max_prompts: int | None = Field(default=None, ge=1)

    @field_validator("levels", "scope", mode="before")
    @classmethod
    def _pairs(cls, levels: object) -> object:
        # A table in TOML; pairs here, since profiles are hashable as all spec values are.
        return tuple(levels.items()) if isinstance(levels, Mapping) else levels
