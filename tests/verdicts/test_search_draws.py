"""What a search draws uniformly: values of its template's kind that change something."""

from __future__ import annotations

import numpy as np
import pytest

from ipllvm_spec.spec.interventions import (
    BlankImage,
    GridShuffle,
    KeepGroup,
    PatchDrop,
    PermuteTokens,
)
from ipllvm_spec.verdicts.search_draws import drawn_like


def draws(template, *, spans=None, count=200):
    """Many draws of one generator."""
    generator = np.random.default_rng(3)
    return [drawn_like(template, generator, spans=spans) for _ in range(count)]


def test_orders_move_something_and_all_turn_up():
    """Of four cells all 23 orders but the identity are drawn, none much more often."""
    found = [one.order for one in draws(GridShuffle(grid=2, padding="reflect"), count=2300)]
    assert len(set(found)) == 23
    assert (0, 1, 2, 3) not in found
    assert max(map(found.count, set(found))) < 200
    assert {one.padding for one in draws(GridShuffle(grid=2, padding="reflect"))} == {"reflect"}


def test_spans_of_tokens_keep_the_template():
    """Scope and positions are the template's, the order has as many spans as asked."""
    template = PermuteTokens(scope="base_grid", positions="travel")
    for one in draws(template, spans=5, count=20):
        assert (one.scope, one.positions) == ("base_grid", "travel")
        assert sorted(one.order) == list(range(5))


def test_groups_are_drawn_from_the_whole_grid():
    """Every cell of the grid turns up; how its tokens are kept stays."""
    found = draws(KeepGroup(m=3, group=(0, 0), how="meanpool"))
    assert {one.group for one in found} == {(row, col) for row in range(3) for col in range(3)}
    assert {one.how for one in found} == {"meanpool"}


def test_masks_hide_as_many_patches_as_the_ratio_says():
    """A quarter of 64 patches, named, with the template's fill."""
    found = draws(PatchDrop(kind="random", ratio=0.25, grid=8, fill="mean"), count=50)
    assert {len(one.patches) for one in found} == {16}
    assert {one.fill for one in found} == {"mean"}
    assert len(set(found)) == 50


@pytest.mark.parametrize(
    "template", [BlankImage(), PatchDrop(kind="salient", ratio=0.5), PermuteTokens()]
)
def test_what_leaves_nothing_open_is_refused(template):
    """A search must not pretend to look for anything there."""
    with pytest.raises(ValueError, match="cannot draw"):
        draws(template, count=1)
