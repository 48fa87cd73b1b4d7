"""Mean cosines of two benchmarks are compared: exact where all was measured, bounded else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ipllvm_spec.benchmarks.base import Item, Unit
from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.errors import DataError, SpecError
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.cosines import Similarity
from ipllvm_spec.verdicts.similarity import judge_similarities
from ipllvm_spec.verdicts.verdict import Outcome


def similar(values, *, items=1, units=None, status="ok"):
    """A similarity whose images have the given cosines, ``items`` of them a unit."""
    rows = [Row(f"i{k}", status, f"{value:.6f}", 0.0, 0) for k, value in enumerate(values)]
    image = Item("i", "u", "c", "", "", "")
    made = [
        Unit(f"u{k}", f"c{k}", (image,) * items, "", items / len(values))
        for k in range(len(values) // items)
    ]
    sheet = SimpleNamespace(
        units=made,
        weights=np.array([unit.weight for unit in made]),
        clusters=[unit.cluster_id for unit in made],
    )
    client = SimpleNamespace(measure=lambda cell, start, stop: rows[start : items * stop])
    return Similarity(client, sheet, Cell("m", "b", asked="similarity"), units=units)


def limit(**bound):
    """A limit of the statistic."""
    return Limit(statistic="similarity_difference", why="a test", **bound)


def test_a_unit_of_two_images_has_their_mean():
    """MMVP's pairs count as one unit."""
    found = similar([0.2, 0.4, -0.5, 0.5], items=2)
    assert found.values.tolist() == pytest.approx([0.3, 0.0])
    assert found.mean == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("bound", "outcome"),
    [({"at_most": -22.9}, "PASS"), ({"at_most": -23.1}, "FAIL"), ({"at_least": -23.1}, "PASS")],
)
def test_the_difference_is_decided_in_points_of_100(bound, outcome):
    """0.61 less 0.84, as Table 2 prints them."""
    verdict = judge_similarities(similar([0.5, 0.72]), similar([0.8, 0.88]), limit(**bound))
    assert (verdict.outcome, verdict.exact) == (Outcome(outcome), True)
    assert verdict.estimate == pytest.approx(-23.0)
    assert verdict.details["similarities"] == pytest.approx([61.0, 84.0])
    assert verdict.lower <= verdict.estimate <= verdict.upper


def test_some_units_decide_only_what_their_bounds_allow():
    """A clear difference of a hundred images passes; two images leave it open."""
    rng = np.random.default_rng(0)
    low, high = rng.normal(0.5, 0.05, 200), rng.normal(0.9, 0.02, 200)
    some = judge_similarities(
        similar(low, units=100), similar(high, units=100), limit(at_most=-2.0)
    )
    assert (some.outcome, some.exact, some.cut) == (Outcome.PASS, False, True)
    few = judge_similarities(similar(low, units=2), similar(high, units=2), limit(at_most=-2.0))
    assert few.outcome is Outcome.INCONCLUSIVE


def test_an_image_that_could_not_be_shown_is_an_error():
    """Never a similarity of 0."""
    with pytest.raises(DataError, match="item 'i0' could not be shown"):
        _ = similar([0.5], status="error").values
    with pytest.raises(SpecError, match="decides a limit on 'similarity_difference'"):
        judge_similarities(
            similar([0.5]), similar([0.5]), Limit(statistic="drop", at_most=1.0, why="t")
        )
