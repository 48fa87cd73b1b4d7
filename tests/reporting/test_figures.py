"""Pictures: small, complete for every kind of record, and in colours that can be told apart."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ipllvm_spec.reporting import figures

TEN = ["ai2d", "chartqa", "llava_w", "mathvista", "mme", "mmstar", "mmvet", "mmvp", "qbench", "sqa"]


def colours(png):
    """Returns how many pixels of a PNG have each RGB colour."""
    with Image.open(io.BytesIO(png)) as image:
        found = image.convert("RGB").getcolors(maxcolors=100_000)
    return {colour: count for count, colour in found}


def near(found, wanted):
    """Counts the pixels within two steps of a colour."""
    return sum(
        count
        for colour, count in found.items()
        if all(abs(a - b) <= 2 for a, b in zip(colour, wanted, strict=True))
    )


def rgb(text):
    """Parses ``#RRGGBB``."""
    return tuple(bytes.fromhex(text.removeprefix("#")))


@pytest.mark.parametrize("index", range(7))
def test_every_kind_of_record_has_a_small_picture(every_kind, index):
    """A report with hundreds of checks stays quick to open: at most 30 kB each."""
    png = figures.intact_vs_other(every_kind[index])

    assert png.startswith(b"\x89PNG")
    assert len(png) <= 30_000


def test_ten_benchmarks_fit(make_record):
    """An average over all ten benchmarks of Table 1 is one picture, and not a large one."""
    parts = tuple(make_record(benchmark=name).measured[0] for name in TEN)
    png = figures.intact_vs_other(make_record(benchmark=None, measured=parts))

    with Image.open(io.BytesIO(png)) as image:
        assert image.width == 720
        assert 400 <= image.height <= 600
    assert len(png) <= 30_000


def test_both_conditions_and_the_wrong_side_are_drawn(make_record):
    """The palette that makes files small keeps the colours that mean something."""
    found = colours(figures.intact_vs_other(make_record()))

    for colour in (figures.INTACT, figures.OTHER, figures.WRONG_SIDE):
        assert near(found, rgb(colour)) > 20


def test_what_was_not_measured_is_not_drawn(every_kind):
    """An undecided check shows its limit, but no line between two conditions."""
    undecided, measured = every_kind[5], every_kind[0]
    line = rgb("#BBBBBB")

    assert near(colours(figures.intact_vs_other(measured)), line) > 300
    # A few pixels of that grey are edges of letters.
    assert near(colours(figures.intact_vs_other(undecided)), line) < 60


def test_the_title_says_mini_and_keeps_the_end_of_a_path(make_record):
    """Long paths differ at their end."""
    assert figures.figure_title(make_record()).startswith("mini-llava (mini) · mmvp\n")

    path = "/data/" + "x" * 90 + "/step-2000"
    titled = figures.figure_title(make_record(model=path))
    assert titled.splitlines()[0].endswith("/step-2000 · mmvp")
    assert len(titled.splitlines()[0]) < 90


def test_a_picture_depends_on_the_record_alone(make_record):
    """The same record gives the same bytes: reports of equal runs are equal."""
    assert figures.intact_vs_other(make_record()) == figures.intact_vs_other(make_record())
