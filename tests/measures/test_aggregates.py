"""The five aggregates against what the paper printed and what its numbers give."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ipllvm_spec.measures.aggregates import AGGREGATES, Pair, aggregate_all
from ipllvm_spec.spec import schema

SCALES = [100, 100, 2800, 100, 100, 100, 100, 100, 100, 100]

#: Table 1: MMVP, Q-Bench, MME, MMStar, MM-Vet, LLaVA-W, MathVista, SQA-IMG, ChartQA, AI2D.
TABLE_1 = {
    "LLaVA-1.5": (
        [34.67, 59.73, 1850.07, 34.20, 31.50, 67.50, 24.70, 65.59, 16.92, 53.34],
        [36.00, 59.60, 1874.60, 33.33, 30.40, 66.20, 21.20, 65.44, 14.08, 52.69],
    ),
    "LLaVA-NeXT": (
        [36.67, 63.55, 1874.42, 37.80, 43.50, 75.50, 32.00, 62.12, 66.06, 64.02],
        [37.33, 62.54, 1890.19, 36.87, 43.40, 75.80, 21.70, 62.12, 34.55, 64.02],
    ),
    "LLaVA-OneVision": (
        [60.67, 77.26, 1982.50, 59.87, 57.80, 87.40, 61.80, 94.00, 93.52, 81.25],
        [59.33, 76.99, 1964.30, 54.93, 47.60, 82.30, 53.50, 89.24, 58.26, 75.58],
    ),
}

#: Changes (not drops) that each rule gives for the printed scores.
EXPECTED = {
    "raw": (1.53, -2.71, -9.40),
    "mme_scaled_28": (-0.83, -4.23, -7.65),
    "without_mme": (-1.02, -4.76, -8.42),
    "relative": (-3.54, -8.11, -9.84),
    "median": (-0.76, -0.05, -5.02),
}


def pairs_of(model: str) -> list[Pair]:
    """The ten benchmarks of one model."""
    return [
        Pair.of(intact, other, scale=scale)
        for intact, other, scale in zip(*TABLE_1[model], SCALES, strict=True)
    ]


@pytest.mark.parametrize("name", sorted(EXPECTED))
@pytest.mark.parametrize("column", range(3), ids=list(TABLE_1))
def test_aggregates_of_table_1(name, column):
    """Each rule on the printed scores gives the number worked out by hand."""
    value = AGGREGATES[name](pairs_of(list(TABLE_1)[column]))

    assert value is not None
    assert -float(value) == pytest.approx(EXPECTED[name][column], abs=0.011)


def test_the_printed_average_of_llava_15_follows_from_no_rule():
    """The paper prints -0.59; not one aggregate of its own numbers comes near it."""
    values = aggregate_all(pairs_of("LLaVA-1.5"))

    assert all(abs(-float(value) + 0.59) > 0.15 for value in values.values() if value is not None)


def test_the_median_of_unscaled_points_differs():
    """With MME's own points among the ten the median of LLaVA-OneVision would be 5.39."""
    pairs = pairs_of("LLaVA-OneVision")
    unscaled = [Pair(pair.intact, pair.other, Fraction(100)) for pair in pairs]

    assert float(AGGREGATES["median"](unscaled)) == pytest.approx(5.39, abs=0.006)


def test_aggregates_are_exact():
    """Thirds stay thirds: the limit is compared with a fraction."""
    pairs = [
        Pair(Fraction(100, 3), Fraction(0), Fraction(100)),
        Pair(Fraction(0), Fraction(0), Fraction(2800)),
    ]

    assert AGGREGATES["mme_scaled_28"](pairs) == Fraction(50, 3)
    assert AGGREGATES["median"](pairs) == Fraction(50, 3)
    assert AGGREGATES["without_mme"](pairs) == Fraction(100, 3)


def test_undefined_aggregates_are_none():
    """A relative drop from 0 and a mean over nothing are not numbers."""
    mme = [Pair.of(0.0, 0.0, scale=2800)]

    assert aggregate_all(mme) == {
        "mme_scaled_28": 0,
        "raw": 0,
        "without_mme": None,
        "relative": None,
        "median": 0,
    }


def test_specs_may_name_exactly_these():
    """What a spec can declare is what can be computed."""
    assert set(AGGREGATES) == set(schema.AGGREGATES)
