"""Every number that Table 1 prints can be reached by our units in paper mode.

An accuracy over n units is k/n. A printed number that no k gives would mean that the paper scored
other units, so this is how the published protocol was found.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, lcm

import pytest

from ipllvm_spec.benchmarks.mme import COGNITION, PERCEPTION
from ipllvm_spec.spec.loader import load_suite

SUITE = load_suite()
TITLES = {entry.title: name for name, entry in SUITE.benchmarks.items()}
#: (model, benchmark, number as printed).
NUMBERS = [
    (cell.model, TITLES[cell.benchmark], text)
    for cell in SUITE.paper.table1.cell
    for text in (cell.baseline, cell.perturbed)
]
#: Not plain accuracies over units, with the reason.
EXCEPTIONS = {
    "mmvet": "a mean of ratings in tenths, rounded to one decimal and printed with two",
    "llava_w": "a ratio of two means of a judge's ratings: any number is possible",
    "mme": "a sum of accuracies over subtasks of different sizes",
}
#: Images by subtask as published; two questions each.
MME_IMAGES = {
    **dict.fromkeys(("existence", "count", "position", "color"), 30),
    "posters": 147,
    "celebrity": 170,
    **dict.fromkeys(("scene", "landmark", "artwork"), 200),
    "OCR": 20,
    "commonsense_reasoning": 70,
    **dict.fromkeys(("numerical_calculation", "text_translation", "code_reasoning"), 20),
}


def window(text: str) -> tuple[Fraction, Fraction]:
    """The numbers that are printed as this text, both ends included.

    A tie may have been rounded either way.
    """
    half = Fraction(1, 2 * 10 ** len(text.partition(".")[2]))
    return Fraction(text) - half, Fraction(text) + half


def on_grid(text: str, units: int, step: Fraction = Fraction(1)) -> bool:
    """Whether some sum of unit scores, a multiple of ``step``, gives the printed percentage."""
    low, high = window(text)
    size = 100 * step / units
    return ceil(low / size) <= floor(high / size)


@pytest.mark.parametrize(("model", "benchmark", "text"), NUMBERS)
def test_a_printed_number_lies_on_the_grid_of_our_units(model, benchmark, text):
    """Rounded as printed, some number of right units gives it; exceptions are named."""
    if benchmark in EXCEPTIONS:
        return
    units = SUITE.benchmarks[benchmark].size("paper").units

    assert on_grid(text, units), model


def test_the_exceptions_are_used():
    """An exception for a benchmark that Table 1 does not have would hide a mistake."""
    assert set(EXCEPTIONS) < {benchmark for _, benchmark, _ in NUMBERS}
    assert len(NUMBERS) == 60


def test_mean_ratings_are_printed_with_a_zero_that_was_not_measured():
    """To one decimal MM-Vet's means of tenths over 218 questions fit; to two, most would not."""
    printed = [text for _, benchmark, text in NUMBERS if benchmark == "mmvet"]
    tenth = Fraction(1, 10)

    assert all(text.endswith("0") and on_grid(text[:-1], 218, tenth) for text in printed)
    assert not all(on_grid(text, 218, tenth) for text in printed)


def test_the_grid_can_refuse():
    """ChartQA's numbers do not fit the sizes that other protocols would score."""
    printed = [text for _, benchmark, text in NUMBERS if benchmark == "chartqa"]
    fits = {n: sum(on_grid(text, n) for text in printed) for n in (987, 1250, 2500)}

    assert fits == {987: 6, 1250: 2, 2500: 3}
    assert [n for n in range(600, 1974) if all(on_grid(text, n) for text in printed)] == [987]


def test_mme_totals_lie_on_their_own_grid():
    """Per subtask k of 2n questions and m of n images: 100 k / 2n + 100 m / n, summed over 14.

    The sizes have few common factors, so that the grid is finer than the print: it holds for any
    total up to 2800, and what is tested is that the sizes are ours.
    """
    entry = SUITE.benchmarks["mme"].size("paper")
    step = Fraction(100, lcm(*(2 * images for images in MME_IMAGES.values())))

    assert set(MME_IMAGES) == {*PERCEPTION, *COGNITION}
    assert (sum(MME_IMAGES.values()), 2 * sum(MME_IMAGES.values())) == (entry.units, entry.items)
    for _, benchmark, text in NUMBERS:
        if benchmark == "mme":
            low, high = window(text)
            assert 0 <= low < high <= 2800
            assert ceil(low / step) <= floor(high / step)
