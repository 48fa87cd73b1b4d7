"""Pictures of a record: the scores under both conditions beside the decided statistic.

Only the controller imports this module: matplotlib costs a process about 55 MiB, which no pytest
worker may spend. A picture needs nothing beyond the record itself, and no display.
"""

from __future__ import annotations

import io

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from ipllvm_spec.reporting.names import (
    compared_with,
    first_side,
    limit_text,
    model_title,
    number,
    part_name,
    percent,
    verdict_word,
    where,
)
from ipllvm_spec.verdicts.record import Measured, Record

#: Okabe and Ito's colours: told apart with every common kind of colour blindness, and in grey.
INTACT, OTHER, INK, MUTED, WRONG_SIDE = "#0072B2", "#D55E00", "#222222", "#777777", "#F0E4C8"

_WIDTH_IN, _ROW_IN, _FRAME_IN, _DPI = 7.2, 0.34, 1.65, 100


def intact_vs_other(record: Record) -> bytes:
    """Draws a record: intact against other per benchmark, and the estimate against its limit.

    Left: the published metric in percent of the benchmark's scale, intact (round) and under the
    intervention (diamond), with chance as a tick and the blind score as a cross. Right: the
    statistic with its bounds; the side of the limit on which the claim fails is shaded.

    Args:
        record: Any record; missing values leave their marks out.

    Returns:
        A PNG of at most 30 kB.
    """
    height = _FRAME_IN + _ROW_IN * max(len(record.measured), 2)
    with rc_context({"font.size": 8.5, "font.family": "DejaVu Sans", "axes.linewidth": 0.6}):
        figure = Figure(figsize=(_WIDTH_IN, height), dpi=_DPI)
        canvas = FigureCanvasAgg(figure)
        scores, statistic = figure.subplots(1, 2, width_ratios=(1.25, 1))
        # Margins in inches by hand: automatic layout draws everything twice, which would cost a
        # run with hundreds of checks its last minute.
        longest = max((len(part_name(part)) for part in record.measured), default=0)
        figure.subplots_adjust(
            left=(0.25 + 0.085 * longest) / _WIDTH_IN,
            right=0.985,
            bottom=0.45 / height,
            top=1 - 0.7 / height,
            wspace=0.06,
        )
        _draw_scores(scores, record)
        _draw_statistic(statistic, record)
        figure.suptitle(
            figure_title(record),
            fontsize=9.5,
            fontweight="bold",
            x=0.01,
            ha="left",
            y=1 - 0.06 / height,
        )
        canvas.draw()  # type: ignore[no-untyped-call]
    return _to_png(canvas)


def figure_title(record: Record) -> str:
    """Returns the title: model (with "mini" where it applies), benchmark, claim and verdict."""
    # Longer model references are paths; their end tells them apart, and 70 fit into the width.
    model = record.model if len(record.model) <= 70 else f"...{record.model[-67:]}"
    return (
        f"{model_title(model, mini=record.mini)} · {where(record)}\n"
        f"{record.claim}: {verdict_word(record)}"
    )


def _draw_scores(axes: Axes, record: Record) -> None:
    parts = record.measured
    for row, part in enumerate(parts):
        intact, other = percent(part.intact, part.scale), percent(part.other, part.scale)
        chance, blind = percent(part.chance, part.scale), percent(part.blind, part.scale)
        if chance is not None:
            axes.plot([chance] * 2, [row - 0.3, row + 0.3], color=MUTED, lw=1.4, zorder=1)
        if blind is not None:
            axes.plot(blind, row, "x", color=INK, ms=6, mew=1.4, zorder=3)
        if intact is not None and other is not None:
            axes.plot([intact, other], [row, row], color="#BBBBBB", lw=2.5, zorder=2)
        if intact is not None:
            axes.plot(intact, row, "o", color=INTACT, ms=7, zorder=4)
        if other is not None:
            axes.plot(other, row, "D", color=OTHER, ms=6, zorder=3)
        _label(axes, part, row)
    axes.set_yticks(range(len(parts)), [part_name(part) for part in parts])
    axes.set_ylim(max(len(parts), 1) - 0.4, -0.6)
    axes.set_xlim(-6, 106)
    axes.set_xlabel(f"score, % of the benchmark's scale, {record.mode} mode")
    axes.grid(axis="x", color="#E6E6E6", lw=0.6)
    axes.set_axisbelow(True)
    shown = any(part.blind is not None for part in parts)
    _legend(axes, first_side(record), compared_with(record), blind=shown)


def _label(axes: Axes, part: Measured, row: int) -> None:
    """Writes both values on the benchmark's own scale, each on its mark's free side."""
    if part.intact is None or part.other is None:
        return
    decimals = 0 if part.scale > 100 else 1
    left_first = part.intact <= part.other
    for value, colour, is_left in (
        (part.intact, INTACT, left_first),
        (part.other, OTHER, not left_first),
    ):
        at = percent(value, part.scale) or 0.0
        # Near the frame the free side is too narrow: write above the mark instead.
        tight = at < 12 if is_left else at > 88
        axes.annotate(
            number(value, decimals=decimals),
            (at, row),
            xytext=(0, 7) if tight else (-7 if is_left else 7, 0),
            textcoords="offset points",
            ha="center" if tight else "right" if is_left else "left",
            va="bottom" if tight else "center",
            color=colour,
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            zorder=5,
        )


def _legend(axes: Axes, first: str, other: str, *, blind: bool) -> None:
    marks = [
        Line2D([], [], marker="o", color=INTACT, lw=0, ms=6, label=first),
        Line2D([], [], marker="D", color=OTHER, lw=0, ms=5, label=other),
        Line2D([], [], marker="|", color=MUTED, lw=0, ms=9, mew=1.4, label="chance"),
    ]
    if blind:
        marks.append(Line2D([], [], marker="x", color=INK, lw=0, ms=5, mew=1.4, label="blind"))
    axes.legend(
        handles=marks,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=len(marks),
        frameon=False,
        borderaxespad=0.1,
        handletextpad=0.3,
        columnspacing=1.2,
        fontsize=8,
    )


def _draw_statistic(axes: Axes, record: Record) -> None:
    verdict = record.verdict
    values = [verdict.limit, 0.0, verdict.estimate, verdict.lower, verdict.upper]
    known = [value for value in values if value is not None]
    margin = 0.16 * max(max(known) - min(known), 1.0)
    low, high = min(known) - margin, max(known) + margin
    # The failing side is always wide enough for its label, also when the estimate is far off.
    if verdict.direction == "at_most":
        high = max(high, verdict.limit + 0.45 * (verdict.limit - low))
        fails = (verdict.limit, high)
    else:
        low = min(low, verdict.limit - 0.45 * (high - verdict.limit))
        fails = (low, verdict.limit)
    axes.axvspan(*fails, color=WRONG_SIDE, lw=0, zorder=0)
    axes.axvline(verdict.limit, color=INK, lw=1.2, ls=(0, (4, 2)), zorder=2)
    if verdict.estimate is None:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=MUTED)
    else:
        if verdict.lower is not None and verdict.upper is not None:
            axes.plot([verdict.lower, verdict.upper], [0, 0], color=INK, lw=2, zorder=3)
            ends = [verdict.lower, verdict.upper]
            axes.plot(ends, [0, 0], "|", color=INK, ms=10, mew=1.4, zorder=3)
        axes.plot(verdict.estimate, 0, "s", color=INK, ms=6.5, zorder=4)
        axes.annotate(
            number(verdict.estimate),
            (verdict.estimate, 0),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            fontweight="bold",
        )
    axes.set_xlim(low, high)
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.set_xlabel(f"{verdict.statistic.replace('_', ' ')}, {verdict.unit}")
    axes.set_title(
        f"limit {limit_text(verdict)} · {verdict.scope()}", fontsize=8, loc="left", color=INK
    )
    # The word stands in the shaded part, so colour is never the only sign.
    axes.text(
        0.985 if verdict.direction == "at_most" else 0.015,
        0.04,
        "claim fails here",
        transform=axes.transAxes,
        ha="right" if verdict.direction == "at_most" else "left",
        fontsize=7.5,
        color=MUTED,
    )


def _to_png(canvas: FigureCanvasAgg) -> bytes:
    """Stores the picture with a palette: a third of the size, and nobody sees the difference."""
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), pixels)
    # Of Pillow's methods this one is the quickest and shifts a colour by one step at most.
    reduced = picture.convert("RGB").quantize(
        256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    buffer = io.BytesIO()
    reduced.save(buffer, format="png")
    return buffer.getvalue()
