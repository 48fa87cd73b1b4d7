"""How all figures look, and how they are written: PNG, SVG and the plotted numbers."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ipllvm_spec.errors import UsageError
from ipllvm_spec.reporting.paper_figures.plan import Lack, Wanted

#: Okabe and Ito's colours: told apart with every common kind of colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222")
MARKERS = ("o", "s", "^", "D", "p", "h", "8")
ENCODER_MARKERS = ("X", "P", "v", "<", ">", "*", "d")
INK, MUTED = "#222222", "#777777"
DPI = 150
#: Characters of a caption and of a title in an inch.
_CHARACTERS, _TITLE_CHARACTERS = 15, 11.5
_RC: dict[Any, Any] = {
    "font.size": 8.5,
    "font.family": "DejaVu Sans",
    "axes.linewidth": 0.6,
    # The same numbers give the same file.
    "svg.hashsalt": "ipllvm",
}


@dataclass(frozen=True)
class Drawing:
    """A figure or table and the numbers in it.

    Attributes:
        figure: The picture; None for what has numbers only.
        rows: The plotted numbers, one mapping per row of the CSV.
        lacks: What the store lacks.
    """

    figure: Figure | None
    rows: Sequence[Mapping[str, object]]
    lacks: tuple[Lack, ...] = ()


@contextmanager
def style() -> Iterator[None]:
    """Sets fonts and lines while a figure is built or written."""
    with rc_context(_RC):
        yield


def blank_figure(width: float, height: float) -> Figure:
    """Returns an empty figure of a size in inches, laid out so that no label is cut."""
    return Figure(figsize=(width, height), layout="constrained")


def looks(wanted: Sequence[Wanted]) -> dict[str, tuple[str, str]]:
    """Returns colour and marker of each model: one look in all panels.

    Encoders and models that answer share no panel, so they share colours and no marker.
    """
    found = {}
    for encoder, markers in ((False, MARKERS), (True, ENCODER_MARKERS)):
        models = dict.fromkeys(one.subject.model for one in wanted if one.encoder == encoder)
        for place, model in enumerate(models):
            look = (COLOURS[place % len(COLOURS)], markers[place % len(markers)])
            found[model] = look
    return found


def kind_of(wanted: Sequence[Wanted]) -> str:
    """Returns the words that a title carries: what was measured is not what the paper measured."""
    words = []
    if any(one.mini for one in wanted):
        words.append("mini")
    if any(one.subject.source == "twin" for one in wanted):
        words.append("twins")
    return f" ({', '.join(words)})" if words else ""


def caption(figure: Figure, text: str) -> None:
    """Writes what must be known about a figure below it."""
    most = int(_CHARACTERS * figure.get_figwidth())
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, most)]
    figure.supxlabel("\n".join(lines), fontsize=7.5, color=MUTED, x=0.01, ha="left")


def headline(figure: Figure, text: str, legends: Sequence[Sequence[Line2D]] = ()) -> None:
    """Writes the title, and each legend in a line of its own below it."""
    lines = textwrap.wrap(text, int(_TITLE_CHARACTERS * figure.get_figwidth()))
    # The layout leaves room for a title only, so blank lines of it keep the legends' place.
    blank = "\n " * (1 + len(legends)) if legends else ""
    figure.suptitle("\n".join(lines) + blank, fontsize=10, fontweight="bold", x=0.01, ha="left")
    height = figure.get_figheight()
    for line, handles in enumerate(legends):
        figure.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(0.0, 1 - (0.07 + 0.17 * len(lines) + 0.18 * line) / height),
            ncols=len(handles),
            frameon=False,
            fontsize=7.5,
            handlelength=1.8,
            handletextpad=0.5,
            columnspacing=1.1,
        )


def tidy(axes: Axes) -> None:
    """Leaves grid lines and two sides of the frame."""
    axes.grid(axis="y", color="#E6E6E6", lw=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def write(drawing: Drawing, name: str, folder: Path) -> tuple[Path, ...]:
    """Writes ``name.png``, ``name.svg`` and ``name.csv``.

    Raises:
        UsageError: When the folder cannot be written.
    """
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if drawing.figure is not None:
            with style():
                for ending, metadata in (("png", {}), ("svg", {"Date": None})):
                    files.append(folder / f"{name}.{ending}")
                    drawing.figure.savefig(files[-1], dpi=DPI, metadata=metadata)
        files.append(folder / f"{name}.csv")
        with files[-1].open("w", encoding="utf-8", newline="") as file:
            heads = list(dict.fromkeys(head for row in drawing.rows for head in row))
            writer = csv.DictWriter(file, heads, lineterminator="\n")
            writer.writeheader()
            writer.writerows(drawing.rows)
    except OSError as error:
        raise UsageError(
            f"figures cannot be written into '{folder}' ({error.strerror or error})",
            "choose another folder with --out",
        ) from None
    return tuple(files)
