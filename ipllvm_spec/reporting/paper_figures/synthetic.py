"""Table 2 as a picture: scores on original and synthetic images with bounds, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ipllvm_spec.reporting.paper_figures.curves import point_row
from ipllvm_spec.reporting.paper_figures.drawing import (
    COLOURS,
    INK,
    MUTED,
    Drawing,
    blank_figure,
    caption,
    headline,
    kind_of,
    style,
    tidy,
)
from ipllvm_spec.reporting.paper_figures.plan import BLIND, Sources, Wanted, by_benchmark, intact
from ipllvm_spec.reporting.table2 import Table2Row, texts
from ipllvm_spec.spec.interventions import Intervention, SyntheticImage

_LOOKS = {"original": (COLOURS[0], "o"), "synthetic": (COLOURS[1], "D"), "blind": (INK, "x")}
_WIDTH = 9.0


def synthetic_table(sources: Sources) -> Drawing:
    """Draws Table 2: scores above, all numbers below; encoders stand in the column CLIP-I."""
    wanted = [one for one in sources.wanted("table2") if not one.encoder]
    panels = by_benchmark(wanted)
    shown = {(one.subject.model, one.subject.benchmark) for one in wanted}
    rows = [row for row in sources.table2() if (row.model, row.benchmark) in shown]
    drawn: list[Mapping[str, object]] = []
    with style():
        figure = blank_figure(_WIDTH, 3.6 + 0.21 * len(rows))
        heights = (3.0, 0.6 + 0.21 * len(rows))
        above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel()
        grid = above.subplots(1, max(len(panels), 1), squeeze=False).ravel()
        for axes, (name, ones) in zip(grid, panels.items(), strict=False):
            drawn += _panel(axes, ones, sources)
            axes.set_title(sources.suite.benchmarks[name].title, fontsize=9, loc="left")
        _numbers(below.subplots(), rows)
        marks = [
            Line2D([], [], marker=marker, color=colour, lw=0, ms=5, label=name)
            for name, (colour, marker) in _LOOKS.items()
        ]
        chance = Line2D([], [], color=MUTED, ls=":", label="chance")
        title = f"Table 2: original and synthetic images{kind_of(wanted)}"
        headline(figure, title, [[*marks, chance]])
        caption(
            figure,
            "Bars: 95 % bounds of the mean over units like these.\n"
            "1 orig., 1 syn., 1 right, 1 gold: "
            'share of "1" in percent of free-form answers to original and synthetic images, of '
            "the right ones among the latter, and of what is right.",
        )
    numbers = [{"model": row.model, "benchmark": row.benchmark, **asdict(row)} for row in rows]
    return Drawing(figure if drawn else None, [*drawn, *numbers], sources.lacks(wanted))


def _panel(axes: Axes, ones: Sequence[Wanted], sources: Sources) -> list[Mapping[str, object]]:
    rows: list[Mapping[str, object]] = []
    for place, one in enumerate(ones):
        for step, (name, what) in enumerate(_conditions(one).items()):
            point = sources.point(one, what)
            if point is None:
                continue
            rows.append(point_row(one, name, "", point))
            colour, marker = _LOOKS[name]
            at = place + 0.16 * (step - 1)
            axes.plot([at, at], [point.lower, point.upper], color=colour, lw=1.2)
            axes.plot(at, point.estimate, marker, color=colour, ms=5, mew=1.4)
            axes.plot([place - 0.4, place + 0.4], [point.chance] * 2, color=MUTED, lw=1, ls=":")
    names = [one.title.removeprefix("mini-") if one.mini else one.title for one in ones]
    axes.set_xticks(range(len(ones)), names)
    axes.set_xlim(-0.6, len(ones) - 0.4)
    axes.set_ylim(-4, 104)
    axes.set_ylabel("score, % of scale")
    tidy(axes)
    return rows


def _conditions(one: Wanted) -> dict[str, Intervention]:
    made = next((what for what in one.repeats if isinstance(what, SyntheticImage)), None)
    found: dict[str, Intervention] = {"original": intact(one)}
    if made is not None:
        found["synthetic"] = made
    if BLIND in one.repeats:
        found["blind"] = BLIND
    return found


def _numbers(axes: Axes, rows: Sequence[Table2Row]) -> None:
    axes.set_axis_off()
    if not rows:
        return
    heads, cells = texts(rows)
    table = axes.table(cells, colLabels=heads, loc="center", cellLoc="right", edges="horizontal")
    for cell in table.get_celld().values():
        cell.set_linewidth(0.4)
    table.auto_set_font_size(False)
    table.set_fontsize(7.5)
    table.auto_set_column_width(list(range(len(heads))))
