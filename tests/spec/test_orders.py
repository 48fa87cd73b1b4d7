"""Orders of spans and of tokens: the laws that applying and searching rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipllvm_spec.spec.orders import compose, displaced, expand_order, inverse
from ipllvm_spec.strategies import permutations_of

#: A busy machine must not turn a law red, and every run tries the same examples.
LAWS = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
ORDERS = st.integers(1, 9).flatmap(permutations_of)
PAIRS = st.integers(1, 9).flatmap(lambda n: st.tuples(permutations_of(n), permutations_of(n)))


def test_an_order_lists_sources():
    """Slot j gets the thing that was at order[j], as numpy indexing does."""
    things = np.array(["a", "b", "c"])

    assert "".join(things[[2, 0, 1]]) == "cab"
    assert expand_order((2, 0, 1), 3).tolist() == [2, 0, 1]


def test_spans_are_contiguous_and_the_larger_come_first():
    """Seven tokens in three spans are 3 + 2 + 2; swapping the outer two moves whole spans."""
    assert expand_order((2, 1, 0), 7).tolist() == [5, 6, 3, 4, 0, 1, 2]


@LAWS
@given(order=ORDERS, n=st.integers(0, 40))
def test_expanding_gives_a_permutation_of_all_tokens(order, n):
    """No token is lost or doubled, whatever the number of tokens."""
    expanded = expand_order(order, n)

    assert expanded.dtype == np.int64
    assert sorted(expanded.tolist()) == list(range(n))


@LAWS
@given(k=st.integers(1, 9), n=st.integers(0, 40))
def test_the_identity_of_spans_is_the_identity_of_tokens(k, n):
    """Also where the spans have unequal sizes."""
    assert expand_order(range(k), n).tolist() == list(range(n))


@LAWS
@given(order=ORDERS, factor=st.integers(1, 5))
def test_expanding_equal_spans_moves_as_many_tokens_as_spans_times_their_size(order, factor):
    """With n a multiple of k nothing else moves."""
    expanded = expand_order(order, len(order) * factor).tolist()

    assert displaced(expanded) == factor * displaced(order)


@LAWS
@given(orders=PAIRS, factor=st.integers(1, 4))
def test_expanding_keeps_composition_for_equal_spans(orders, factor):
    """Two span orders in turn do to the tokens what their composition does."""
    first, then = orders
    n = len(first) * factor
    in_turn = np.arange(n)[expand_order(first, n)][expand_order(then, n)]

    assert in_turn.tolist() == expand_order(compose(first, then), n).tolist()


@LAWS
@given(order=ORDERS)
def test_an_order_and_its_inverse_cancel_in_both_ways(order):
    """Composition with the inverse is the identity, and the inverse of the inverse the order."""
    nothing = tuple(range(len(order)))

    assert compose(order, inverse(order)) == compose(inverse(order), order) == nothing
    assert inverse(inverse(order)) == order


@LAWS
@given(orders=PAIRS)
def test_composition_is_reversed_by_inverting(orders):
    """To undo first-then, undo then first."""
    first, then = orders

    assert inverse(compose(first, then)) == compose(inverse(then), inverse(first))


@LAWS
@given(orders=st.integers(1, 7).flatmap(lambda n: st.tuples(*[permutations_of(n)] * 3)))
def test_composition_is_associative(orders):
    """Grouping does not matter."""
    a, b, c = orders

    assert compose(compose(a, b), c) == compose(a, compose(b, c))


@LAWS
@given(order=ORDERS)
def test_nothing_displaces_exactly_one(order):
    """Zero means identity; a moved thing takes another one's place."""
    assert (displaced(order) == 0) == (order == tuple(range(len(order))))
    assert displaced(order) != 1


@pytest.mark.parametrize("bad", [(0, 0), (1, 2), (0, 2), (-1, 0)])
@pytest.mark.parametrize("function", [inverse, displaced, lambda order: expand_order(order, 4)])
def test_what_is_no_permutation_is_refused(function, bad):
    """It would lose or double tokens."""
    with pytest.raises(ValueError, match="is no permutation of 0"):
        function(bad)


def test_orders_of_different_lengths_do_not_compose():
    """They are about different things."""
    with pytest.raises(ValueError, match="orders of 2 and 3 cannot be composed"):
        compose((1, 0), (0, 2, 1))


def test_an_empty_order_arranges_nothing():
    """Fine for no tokens, an error for some."""
    assert expand_order((), 0).tolist() == []
    with pytest.raises(ValueError, match="an empty order cannot arrange tokens"):
        expand_order((), 3)
