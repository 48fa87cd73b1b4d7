"""Figure 1: maps of patch information loss, one cell for each group of visual tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ipllvm_spec.reporting.paper_figures.curves import point_row
from ipllvm_spec.reporting.paper_figures.drawing import (
    INK,
    MUTED,
    Drawing,
    blank_figure,
    caption,
    headline,
    kind_of,
    style,
)
from ipllvm_spec.reporting.paper_figures.plan import BLIND, Sources, Wanted, by_benchmark, intact
from ipllvm_spec.spec.interventions import KeepGroup

#: Light is lost, dark is retained, as in the paper.
_COLOURS = "cividis"


def loss_maps(sources: Sources) -> Drawing:
    """Draws Figure 1: ``(s_full - s_group) / s_full`` of every group, by model and benchmark."""
    wanted = sources.wanted("figure1")
    panels = by_benchmark(wanted)
    models = list(dict.fromkeys(one.subject.model for one in wanted))
    rows: list[Mapping[str, object]] = []
    maps = {one.subject: _loss(one, sources, rows) for one in wanted}
    seen = [loss for loss in maps.values() if not np.isnan(loss).all()]
    # One scale for all, so that equal colours are equal losses.
    low = np.floor(10 * min((float(np.nanmin(loss)) for loss in seen), default=0.0)) / 10
    high = np.ceil(10 * max((float(np.nanmax(loss)) for loss in seen), default=1.0)) / 10
    with style():
        down, across = max(len(panels), 1), max(len(models), 1)
        # Maps of a single model stand side by side.
        turned = across == 1
        shape = (across, down) if turned else (down, across)
        figure = blank_figure(2.35 * shape[1] + 0.9, 2.75 * shape[0] + 0.8)
        grid = figure.subplots(*shape, squeeze=False)
        shown = None
        for axes in grid.ravel():
            axes.set_visible(False)
        for line, (name, ones) in zip(grid.T if turned else grid, panels.items(), strict=False):
            for one in ones:
                axes = line[models.index(one.subject.model)]
                axes.set_visible(True)
                shown = axes.imshow(maps[one.subject], cmap=_COLOURS, vmin=low, vmax=high) or shown
                _numbers(axes, maps[one.subject], middle=(low + high) / 2)
                axes.set_title(_title(one, sources, name), fontsize=8)
        if shown is not None:
            bar = figure.colorbar(shown, ax=grid, shrink=0.8, aspect=30)
            bar.set_label("patch information loss")
        title = f"Figure 1: patch information loss by token group{kind_of(wanted)}"
        headline(figure, title)
        caption(
            figure,
            "PIL = (intact - group) / intact: one group of visual tokens kept, all others removed. "
            "Bounds (95 %) of each loss are in the CSV.\n"
            "Dark: more is kept. Place of a cell: place of the group in the image.",
        )
    return Drawing(figure, rows, sources.lacks(wanted))


def _loss(one: Wanted, sources: Sources, rows: list[Mapping[str, object]]) -> Any:
    """Returns the (m, m) map of a model, NaN where the store has nothing, and adds its rows."""
    groups = [what for what in one.repeats if isinstance(what, KeepGroup)]
    m = max(what.m for what in groups)
    loss = np.full((m, m), np.nan)
    points = sources.line(one, [intact(one), *groups])
    full, blind = points.get(intact(one)), sources.point(one, BLIND)
    for name, point in (("intact", full), ("blind", blind)):
        if point is not None:
            rows.append(point_row(one, name, "", point))
    for what in groups:
        point = points.get(what)
        if point is None or full is None:
            continue
        row = point_row(one, "group", f"{what.group[0]} {what.group[1]}", point)
        if full.estimate > 0.0:
            loss[what.group] = 1 - point.estimate / full.estimate
            bounds = point.kept(full)
            row |= {
                "pil": round(loss[what.group], 4),
                "pil_lower": "" if bounds is None else round(1 - bounds.upper, 4),
                "pil_upper": "" if bounds is None else round(1 - bounds.lower, 4),
            }
        rows.append(row)
    return loss


def _numbers(axes: Axes, loss: Any, *, middle: float) -> None:
    for (row, column), value in np.ndenumerate(loss):
        known = not np.isnan(value)
        axes.text(
            column,
            row,
            f"{value:.2f}" if known else "-",
            ha="center",
            va="center",
            fontsize=7 if len(loss) <= 4 else 5.5,
            color=(INK if value > middle else "white") if known else MUTED,
        )
    axes.set_xticks([])
    axes.set_yticks([])


def _title(one: Wanted, sources: Sources, name: str) -> str:
    steps = [what for what in one.repeats if what != BLIND]
    full, blind = sources.line(one, steps).get(intact(one)), sources.point(one, BLIND)
    scores = [
        f"{word} {point.estimate:.1f} %" if point else f"{word} not measured"
        for word, point in (("intact", full), ("blind", blind))
    ]
    n = "" if full is None else f", n = {full.n}"
    n += "" if full is None or full.n == full.n_total else f" of {full.n_total}"
    title = sources.suite.benchmarks[name].title
    return f"{one.title}\n{title}{n}\n{', '.join(scores)}"
