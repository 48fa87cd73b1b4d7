"""Sweeps: lists of values become interventions, and a profile may measure some of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.interventions import BlankImage, PermuteTokens
from ipllvm_spec.spec.sweeps import check_levels, parse_sweep, within

CHANNEL = st.integers(0, 255)
COLOUR = st.tuples(CHANNEL, CHANNEL, CHANNEL)


def test_every_combination_once_the_last_list_varying_fastest():
    """Two lists of two give four, in the order in which they are written."""
    found = parse_sweep(
        {"permute_tokens": {"scope": ["patches", "all"], "positions": ["stay", "travel"]}}
    )
    assert found == tuple(
        PermuteTokens(scope=scope, positions=positions)
        for scope in ("patches", "all")
        for positions in ("stay", "travel")
    )


def test_a_list_that_is_a_value_is_not_swept():
    """An order and a colour are lists themselves; a list of them is a sweep."""
    colours = [[0, 0, 0], [255, 0, 0]]
    assert [one.colour for one in parse_sweep({"blank_image": {"colour": colours}})] == [
        (0, 0, 0),
        (255, 0, 0),
    ]
    orders = parse_sweep({"permute_tokens": {"order": [1, 0], "scope": ["patches", "all"]}})
    assert {one.order for one in orders} == {(1, 0)}


@given(st.lists(COLOUR, min_size=2, max_size=6, unique=True))
def test_a_sweep_has_the_values_written(colours):
    """Whatever they are: as many interventions as values, in their order."""
    found = parse_sweep({"blank_image": {"colour": [list(colour) for colour in colours]}})
    assert found == tuple(BlankImage(colour=colour) for colour in colours)
    kept = within(found, (("blank_image.colour", tuple(colours[1:])),))
    assert kept == found[1:]
    assert within(found, (("permute_tokens.scope", ("all",)),)) == found


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "table with one intervention"),
        ({"blank_image": {}, "permute_tokens": {}}, "table with one intervention"),
        ({"blank_imago": {"colour": [[0, 0, 0]]}}, "unknown intervention 'blank_imago'"),
        ({"blank_image": 3}, "blank_image: input should be"),
        ({"blank_image": {"colour": [[0, 0, 0]]}}, "at least two values"),
        ({"blank_image": {"colour": [0, 0, 0]}}, "at least two values"),
        ({"blank_image": {"colour": [[0, 0, 0], [0, 0, 0]]}}, "twice"),
        ({"blank_image": {"colour": [[0, 0, 0], [0, 0, 300]]}}, "0..255"),
        ({"permute_tokens": {"scopes": ["all", "patches"]}}, "unknown key 'scopes'"),
    ],
)
def test_what_is_no_sweep_is_refused(data, problem):
    """With the name that is wrong."""
    with pytest.raises(SpecError, match=problem):
        parse_sweep(data)


@pytest.mark.parametrize(
    ("key", "problem"),
    [("blank.colour", "unknown intervention 'blank'"), ("blank_image.color", "'color'; .*colour")],
)
def test_levels_name_what_exists(key, problem):
    """A misspelt level would silently restrict nothing."""
    with pytest.raises(SpecError, match=problem):
        check_levels(((key, (1,)),), "profiles.toml: profile.default.levels")
    check_levels((("blank_image.colour", ((0, 0, 0),)),), "here")
