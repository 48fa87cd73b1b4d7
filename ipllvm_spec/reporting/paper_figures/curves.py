"""Figures 2 and 6: scores against the strength of an intervention, one line a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ipllvm_spec.reporting.paper_figures.drawing import (
    MUTED,
    Drawing,
    blank_figure,
    caption,
    headline,
    kind_of,
    looks,
    style,
    tidy,
)
from ipllvm_spec.reporting.paper_figures.plan import BLIND, Sources, Wanted, by_benchmark, intact
from ipllvm_spec.spec.interventions import GridShuffle, Intervention, PatchDrop
from ipllvm_spec.verdicts.stored_points import Point

#: Strength of an intervention along the x axis; None for what is not in the panel.
Strength = Callable[[Intervention], float | None]
_BOUNDS = (
    "Bars: 95 % bounds of the mean over units like these, clustered by image. Repeats averaged; "
    "all scores of a line are on the same units."
)
_LINES = "Dashed: blind (black image). Dotted: chance."
_ENCODERS = """No blind score is measured for encoders, and an encoder whose own attention chooses \
the patches has no salient curves."""
_KINDS = {"random": "random", "salient": "salient", "non_salient": "non-salient"}


def point_row(one: Wanted, condition: str, at: object, point: Point) -> dict[str, object]:
    """Returns the row of a CSV for one plotted score, in percent of the benchmark's scale."""
    return {
        "model": one.subject.model,
        "benchmark": one.subject.benchmark,
        "source": one.subject.source,
        "mode": one.subject.mode,
        "condition": condition,
        "strength": at,
        "score": round(point.estimate, 4),
        "lower": round(point.lower, 4),
        "upper": round(point.upper, 4),
        "n": point.n,
        "n_total": point.n_total,
        "repeats": point.repeats,
        "chance": round(point.chance, 4),
        "scored_by": point.scored_by,
    }


def grid_curves(sources: Sources) -> Drawing:
    """Draws Figure 2: the score against the grid into which the image is cut."""
    wanted = sources.wanted("figure2")
    panels = by_benchmark(wanted)
    rows: list[Mapping[str, object]] = []
    with style():
        across = min(max(len(panels), 1), 2)
        down = -(-max(len(panels), 1) // across)
        figure = blank_figure(8.0, 0.9 + 2.5 * down)
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        ticks = sorted({s.grid for w in wanted for s in w.repeats if isinstance(s, GridShuffle)})
        # Equal steps, as in the paper: intact first.
        places = {float(level): place for place, level in enumerate([0, *ticks])}
        for axes, (name, ones) in zip(grid, panels.items(), strict=False):
            rows += _panel(
                axes, ones, looks(wanted), sources, strength=_grid, places=places, name="grid"
            )
            axes.set_title(_title(sources, name, rows), fontsize=9, loc="left")
            axes.set_xticks(range(len(ticks) + 1), ["intact", *(f"{g} x {g}" for g in ticks)])
            axes.set_xlabel("cells of the shuffled grid")
            axes.set_ylabel("score, % of scale")
        title = f"Figure 2: score on images with shuffled cells{kind_of(wanted)}"
        headline(figure, title, _legends(wanted))
        caption(figure, f"{_BOUNDS}\n{_LINES}")
    return Drawing(figure, rows, sources.lacks(wanted))


def occlusion_curves(sources: Sources) -> Drawing:
    """Draws Figure 6: (a) encoders and (b) models that answer, against the hidden share."""
    wanted = sources.wanted("figure6")
    # Encoders first, as in the paper.
    panels = dict(sorted(by_benchmark(wanted).items(), key=lambda one: not one[1][0].encoder))
    rows: list[Mapping[str, object]] = []
    with style():
        figure = blank_figure(9.0, 1.2 + 2.4 * max(len(panels), 1))
        grid = figure.subplots(max(len(panels), 1), len(_KINDS), squeeze=False, sharex=True)
        for line, (name, ones) in zip(grid, panels.items(), strict=False):
            letter = "a" if ones[0].encoder else "b"
            for axes, (kind, word) in zip(line, _KINDS.items(), strict=True):
                rows += _panel(
                    axes, ones, looks(wanted), sources, strength=_hidden(kind), name=kind
                )
                axes.set_title(f"({letter}) {_title(sources, name, rows)}, {word}", fontsize=8.5)
                axes.set_xlim(-4, 94)
                axes.set_xticks(range(0, 100, 10))
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("hidden patches, %")
            line[0].set_ylabel("score, % of scale")
        headline(figure, f"Figure 6: score with hidden patches{kind_of(wanted)}", _legends(wanted))
        caption(figure, f"{_BOUNDS}\n{_LINES} {_ENCODERS}")
    return Drawing(figure, rows, sources.lacks(wanted))


def _grid(step: Intervention) -> float | None:
    return float(step.grid) if isinstance(step, GridShuffle) and step.order is None else None


def _hidden(kind: str) -> Strength:
    def strength(step: Intervention) -> float | None:
        if isinstance(step, PatchDrop) and step.kind == kind and step.ratio is not None:
            return 100.0 * step.ratio
        return None

    return strength


def _title(sources: Sources, name: str, rows: Sequence[Mapping[str, object]]) -> str:
    # A blind score may rest on fewer units than the curve; the CSV has each n.
    own = [row for row in rows if row["benchmark"] == name and row["condition"] != "blind"]
    counts = sorted({int(str(row["n"])) for row in own})
    n = (
        "none"
        if not counts
        else "-".join(str(one) for one in dict.fromkeys((counts[0], counts[-1])))
    )
    total = max((int(str(row["n_total"])) for row in own), default=0)
    of = "" if not counts or counts[0] == total else f" of {total}"
    by = dict.fromkeys(str(row["scored_by"]) for row in own if row["scored_by"] != "rule")
    scored = f", by {', '.join(by)}" if by else ""
    return f"{sources.suite.benchmarks[name].title}, n = {n}{of}{scored}"


def _panel(
    axes: Axes,
    ones: Sequence[Wanted],
    look: Mapping[str, tuple[str, str]],
    sources: Sources,
    *,
    strength: Strength,
    name: str,
    places: Mapping[float, int] | None = None,
) -> list[dict[str, object]]:
    """Draws one panel; returns its numbers. A missing condition interrupts the line."""
    rows = []
    chance = None
    for shift, one in enumerate(ones):
        colour, marker = look[one.subject.model]
        steps = {strength(what): what for what in one.repeats}
        levels = {0.0: intact(one)} | {at: what for at, what in steps.items() if at is not None}
        if len(levels) == 1:
            continue
        # Side by side, so that the bars of two models at one place are both seen.
        step = 0.07 if places else 0.6
        offset = step * (shift - (len(ones) - 1) / 2)
        points = sources.line(one, levels.values())
        xs, ys, below, above = [], [], [], []
        for at, what in sorted(levels.items(), key=lambda level: level[0]):
            point = points.get(what)
            xs.append((places[at] if places else at) + offset)
            ys.append(point.estimate if point else float("nan"))
            below.append(max(0.0, point.estimate - point.lower) if point else 0.0)
            above.append(max(0.0, point.upper - point.estimate) if point else 0.0)
            if point:
                chance = point.chance
                rows.append(point_row(one, name if at else "intact", at, point))
        axes.errorbar(
            xs, ys, yerr=[below, above], color=colour, marker=marker, ms=4, lw=1.3, elinewidth=0.8
        )
        blind = sources.point(one, BLIND)
        if blind is not None:
            axes.axhline(blind.estimate, color=colour, lw=0.9, ls=(0, (4, 2)), zorder=1)
            rows.append(point_row(one, "blind", "", blind))
    if chance is not None:
        axes.axhline(chance, color=MUTED, lw=1.2, ls=":", zorder=1)
    else:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=MUTED)
    axes.set_ylim(-3, 103)
    tidy(axes)
    return rows


def _legends(wanted: Sequence[Wanted]) -> list[list[Line2D]]:
    """Returns a line of handles for encoders and one for models that answer, if any."""
    titles = {one.subject.model: one.title for one in wanted}
    encoders = {one.subject.model for one in wanted if one.encoder}
    lines: dict[bool, list[Line2D]] = {}
    for model, (colour, marker) in looks(wanted).items():
        handle = Line2D([], [], color=colour, marker=marker, ms=4, lw=1.3, label=titles[model])
        lines.setdefault(model not in encoders, []).append(handle)
    for line in lines.values():
        line.append(Line2D([], [], color=MUTED, lw=1.2, ls=":", label="chance"))
    if True in lines:
        blind = Line2D([], [], color=MUTED, lw=0.9, ls=(0, (4, 2)), label="blind")
        lines[True].append(blind)
    return [lines[answers] for answers in sorted(lines)]
