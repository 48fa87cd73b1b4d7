"""Orders of k things as tuples, and what they mean for n tokens. Free of torch.

An order lists sources: slot ``j`` gets the thing that was at ``order[j]``, as in ``x[order]``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def expand_order(order: Sequence[int], n: int) -> npt.NDArray[np.int64]:
    """Turns an order of k spans into an order of n tokens.

    The tokens are cut into k contiguous spans whose sizes differ by at most one, the larger ones
    first, as ``numpy.array_split`` does; the spans are then put into the order.

    Args:
        order: A permutation of 0..k-1.
        n: Number of tokens; for n < k the last spans are empty, so an order can do nothing.

    Returns:
        (n,) int64 permutation of 0..n-1: slot ``j`` gets token ``result[j]``.

    Raises:
        ValueError: When ``order`` is no permutation or is empty while n is not 0.
    """
    _check(order)
    if not order:
        if n:
            raise ValueError("an empty order cannot arrange tokens")
        return np.zeros(0, dtype=np.int64)
    spans = np.array_split(np.arange(n, dtype=np.int64), len(order))
    return np.concatenate([spans[source] for source in order])


def fresh_order(n: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draws an order of n things, uniform over those that move at least one.

    Returns:
        (n,) int64 permutation of 0..n-1; the identity for fewer than two things, of which there
        is no other.
    """
    identity = np.arange(n, dtype=np.int64)
    if n < 2:
        return identity
    while True:
        drawn = generator.permutation(n)
        if not np.array_equal(drawn, identity):
            return drawn


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    """Returns the order that undoes ``order``: composing both in either way changes nothing."""
    _check(order)
    result = [0] * len(order)
    for slot, source in enumerate(order):
        result[source] = slot
    return tuple(result)


def compose(first: Sequence[int], then: Sequence[int]) -> tuple[int, ...]:
    """Returns the one order that does the same as ``first`` followed by ``then``.

    Raises:
        ValueError: When the orders have different lengths or are no permutations.
    """
    _check(first)
    _check(then)
    if len(first) != len(then):
        raise ValueError(f"orders of {len(first)} and {len(then)} cannot be composed")
    return tuple(first[source] for source in then)


def displaced(order: Sequence[int]) -> int:
    """Returns how many things an order moves: 0 for the identity, never 1."""
    _check(order)
    return sum(slot != source for slot, source in enumerate(order))


def _check(order: Sequence[int]) -> None:
    if sorted(order) != list(range(len(order))):
        raise ValueError(f"{tuple(order)} is no permutation of 0..{len(order) - 1}")
