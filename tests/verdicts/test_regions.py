"""Centre and edge of a case's map as two sides of a contrast."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.sweeps import parse_sweep
from ipllvm_spec.verdicts import regions


@pytest.fixture
def kept(monkeypatch):
    """Groups that each side is a mean of, in the place of measurements."""
    monkeypatch.setattr(regions, "mean_of", list)
    return lambda side, sweep: {
        one.group for one in side(lambda _, group: group, SimpleNamespace(sweep=sweep, claim=CLAIM))
    }


CLAIM = SimpleNamespace(id="order.centre")


def test_the_inner_half_and_the_ring(kept):
    """Of a 4 x 4 map the four inner groups, and the twelve around them."""
    sweep = parse_sweep({"keep_group": {"m": 4, "group": "each"}})
    assert kept(regions.in_centre, sweep) == {(1, 1), (1, 2), (2, 1), (2, 2)}
    edge = kept(regions.at_edge, sweep)
    assert len(edge) == 12
    assert (0, 2) in edge


@pytest.mark.parametrize(
    "sweep",
    [
        {"keep_group": {"m": [4, 6], "group": [1, 1]}},
        {"grid_shuffle": {"grid": [2, 4]}},
        {"keep_group": {"m": 2, "group": "each"}},
    ],
)
def test_what_is_no_map_with_a_centre_is_refused(kept, sweep):
    """Two grids, no groups, and a map that is all edge."""
    with pytest.raises(SpecError, match=r"order\.centre"):
        kept(regions.in_centre, parse_sweep(sweep))
