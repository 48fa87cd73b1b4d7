"""Interventions that remove visual tokens, and the arithmetic of what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.intervention_base import Intervention, Site


class Block(NamedTuple):
    """The rows and columns of one cell of a grid."""

    rows: range
    columns: range


class Layout(NamedTuple):
    """What the visual tokens of one prompt are, as far as their number goes.

    Attributes:
        tokens: How many there are.
        grid: Rows and columns of the patch tokens that come first; None where those form no grid.
    """

    tokens: int
    grid: tuple[int, int] | None


class TokenIntervention(Intervention):
    """Base of the interventions on visual tokens.

    Attributes:
        entrances: Where the changed tokens enter. In most families an image enters the language
            model only, and ``both`` is that. Where a second branch reads the image too (Meteor's
            rationale), ``both`` changes its tokens in the same way and ``language`` leaves it the
            intact image. The paper does not say which; the same draws are used for both.
    """

    site: ClassVar[Site] = "visual_tokens"
    undrawn: ClassVar[frozenset[str]] = frozenset({"entrances"})
    entrances: Literal["both", "language"] = "both"

    def own_needs(self) -> frozenset[str]:
        """Adds ``second_entrance`` where only one of two is changed."""
        second = {"second_entrance"} if self.entrances == "language" else set()
        return frozenset({self.site, *second})

    def settings(self) -> dict[str, Any]:
        """Leaves ``both`` away, so that models with one entrance keep their keys."""
        without = {"entrances"} if self.entrances == "both" else None
        return self.model_dump(mode="json", exclude=without)


class KeepGroup(TokenIntervention):
    """Removes all visual tokens but one group of neighbours: patch information loss (Figure 1).

    An ``m`` x ``m`` grid is laid over the grid of visual patch tokens. The tokens of one of its
    cells stay, all others leave the prompt: the sequence really becomes shorter. A side that ``m``
    does not divide is cut as ``numpy.array_split`` cuts it: the first ``side % m`` rows (columns)
    of cells have one patch more, so that each patch token is in exactly one cell (27 patches and
    m = 6 give 5, 5, 5, 4, 4, 4). Maps of such grids compare cells of unequal size.

    Of several views (LLaVA-NeXT, OneVision) the base view is the grid; tiles and newlines are
    removed. That measures a group of the base view alone against all views, so claims about the
    map are for models with a single grid. With ``m = 1`` and ``keep`` such a model's prompt is
    unchanged, which is an error wherever interventions are applied.

    Attributes:
        m: Cells a side, at least 1 and at most the shorter side of the grid.
        group: 0-based row and column of the cell whose tokens stay.
        how: ``keep`` leaves the cell's tokens as they are; ``meanpool`` puts their mean in their
            place, one token.
        positions: ``repacked`` gives consecutive position ids, as if the prompt had been short;
            ``retained`` leaves every token, also those of the text after the image, the id it had
            in the whole prompt. A pooled token gets the id of the cell's centre, of four centres
            that of the upper left one.
    """

    name: ClassVar[str] = "keep_group"
    m: int = Field(ge=1)
    group: tuple[int, int]
    how: Literal["keep", "meanpool"] = "keep"
    positions: Literal["repacked", "retained"] = "repacked"

    @model_validator(mode="after")
    def _group_exists(self) -> KeepGroup:
        if any(not 0 <= place < self.m for place in self.group):
            raise ValueError(
                f"group {self.group} is outside a grid of {self.m} x {self.m} cells, which are "
                f"counted from (0, 0) to ({self.m - 1}, {self.m - 1})"
            )
        return self

    @classmethod
    def listed(cls, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Writes out ``group = "each"``: every cell of the grid, row by row.

        Raises:
            SpecError: When ``m`` is not a number then.
        """
        if params.get("group") != "each":
            return params
        m = params.get("m")
        if not isinstance(m, int) or m < 1:
            raise SpecError(
                f'{cls.name}: group = "each" needs one m, got {m!r}', "write for example m = 6"
            )
        return {**params, "group": [[row, column] for row in range(m) for column in range(m)]}

    def block(self, grid: tuple[int, int] | None) -> Block:
        """Returns which rows and columns of a grid of patch tokens the group covers.

        Args:
            grid: Rows and columns of patch tokens.

        Raises:
            SpecError: When there is no grid, or a side has fewer patches than ``m``.
        """
        if grid is None:
            raise SpecError(
                f"{self!r} needs visual patch tokens that form a grid, but this model's do not",
                "a checkpoint that keeps its class token has none: leave the property out",
            )
        if min(grid) < self.m:
            raise SpecError(
                f"{self!r} cuts a grid of {grid[0]} x {grid[1]} patches into more cells than it "
                "has patches a side",
                f"choose m of at most {min(grid)}",
            )
        row, column = self.group
        return Block(_part(grid[0], self.m, row), _part(grid[1], self.m, column))

    def layout(self, before: Layout) -> Layout:
        """Returns what is left of the visual tokens of a prompt.

        Raises:
            SpecError: See ``block``.
        """
        block = self.block(before.grid)
        if self.how == "meanpool":
            return Layout(1, (1, 1))
        rows, columns = len(block.rows), len(block.columns)
        return Layout(rows * columns, (rows, columns))


def layout_after(intervention: Intervention, before: Layout) -> Layout:
    """Returns what an intervention leaves of the visual tokens of a prompt, free of any model.

    Raises:
        SpecError: When a group cannot be laid over them.
    """
    result = before
    for step in intervention.steps():
        if isinstance(step, KeepGroup):
            result = step.layout(result)
    return result


def _part(side: int, m: int, place: int) -> range:
    """Returns the indices of one of ``m`` parts of a side, the first ``side % m`` one longer."""
    size, longer = divmod(side, m)
    start = place * size + min(place, longer)
    return range(start, start + size + (place < longer))
