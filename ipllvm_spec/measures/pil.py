"""Patch information loss: what a model loses when it sees one group of visual tokens only.

Source: section 3.2 and Figure 1. A map is (m, m), row 0 on top; higher means that more is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipllvm_spec.measures.accuracy import Floats

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Regions:
    """Centre and edge of an m x m map.

    Attributes:
        centre: (m, m) bool: cells whose middle lies in the inner half of each side.
        edge: (m, m) bool: the outermost ring.
    """

    centre: Bools
    edge: Bools


@dataclass(frozen=True)
class Spread:
    """How far apart the best and the worst group of a map are.

    Attributes:
        value: Largest minus smallest mean score over groups, in [0, 1].
        null: Quantile of the same spread among maps whose groups mean nothing.
        p_value: Share of such maps with a spread at least as large, in (0, 1].
    """

    value: float
    null: float
    p_value: float


def pil_map(
    full: Floats, groups: Floats, *, weights: Floats, chance: float | None = None
) -> Floats:
    """Relative loss of each group, ``(s_full - s_group) / s_full``.

    Args:
        full: Intact unit scores, shape (n,), in [0, 1].
        groups: Unit scores with one group kept, shape (m, m, n).
        weights: Weights of the units, shape (n,).
        chance: Mean unit score of guessing. When given, the denominator is ``s_full - chance``,
            so that 1 means that nothing above guessing is left.

    Returns:
        (m, m), at most 1 without ``chance``; negative where a group alone does better than the
        whole image. All NaN where the denominator is not positive: a model that scores nothing (or
        no better than guessing) has nothing that it could lose.

    Raises:
        ValueError: For shapes that do not fit, or weights that sum to nothing.
    """
    _check(groups, weights)
    if full.shape != weights.shape:
        raise ValueError(f"intact scores {full.shape} do not fit weights {weights.shape}")
    total = weights.sum()
    before = float(full @ weights / total)
    after = groups @ weights / total
    room = before - (0.0 if chance is None else chance)
    if not room > 0.0:
        return np.full(after.shape, np.nan)
    loss: Floats = (before - after) / room
    return loss


def regions(m: int) -> Regions:
    """Returns centre and edge of a map; they never overlap.

    A cell is central when its middle lies within ``m/4 .. 3m/4`` of both sides, and not on the
    outermost ring (for m = 3 the ring is all but the middle cell).

    Args:
        m: Cells a side, at least 3: smaller maps are all edge.

    Raises:
        ValueError: For a smaller ``m``.
    """
    if m < 3:
        raise ValueError(f"a map of {m} x {m} groups has no centre; use m of at least 3")
    place = np.arange(m)
    # Compared in whole numbers: m/4 <= place + 1/2 <= 3m/4.
    inner = (m <= 4 * place + 2) & (4 * place + 2 <= 3 * m)
    rim = (place == 0) | (place == m - 1)
    edge = rim[:, None] | rim[None, :]
    return Regions(centre=inner[:, None] & inner[None, :] & ~edge, edge=edge)


def centre_minus_edge(groups: Floats) -> Floats:
    """Mean score over central groups minus that over edge groups, unit by unit.

    Positive where the centre keeps more. One number a unit, so that a paired bound clustered by
    image holds for its mean.

    Args:
        groups: Unit scores with one group kept, shape (m, m, n), m at least 3.

    Returns:
        (n,), each in [-1, 1].

    Raises:
        ValueError: For another shape.
    """
    _check(groups, None)
    where = regions(groups.shape[0])
    contrast: Floats = groups[where.centre].mean(axis=0) - groups[where.edge].mean(axis=0)
    return contrast


def spread(
    groups: Floats,
    *,
    weights: Floats,
    seed: int,
    draws: int = 999,
    quantile: float = 0.95,
    clusters: Indices | None = None,
) -> Spread:
    """Largest minus smallest mean over groups, held against groups that mean nothing.

    If a unit's answers did not depend on which group was kept, its scores could be dealt to the
    groups in any order. Dealing them anew within every unit gives the spread that noise alone
    makes; units of one cluster show one image, so they are dealt alike. The observed map counts
    as one of the draws, so the p-value is never 0 and the test errs in at most ``1 - quantile`` of
    cases, rounded down to a multiple of ``1 / (draws + 1)``.

    Args:
        groups: Unit scores with one group kept, shape (m, m, n), or (groups, n).
        weights: Weights of the units, shape (n,).
        seed: Seed of the draws.
        draws: How many maps are drawn.
        quantile: Of the spreads of drawn maps, in (0, 1).
        clusters: Cluster of each unit as 0..G-1, shape (n,); None where each unit is one.

    Raises:
        ValueError: For shapes that do not fit, or no draw.
    """
    table = groups.reshape(-1, groups.shape[-1])
    _fits(table, weights)
    if draws < 1 or not 0.0 < quantile < 1.0:
        raise ValueError(f"{draws} draws and quantile {quantile} make no null distribution")
    share = weights / weights.sum()
    generator = np.random.default_rng(seed)
    means = table @ share
    value = float(np.ptp(means))
    index = np.arange(table.shape[1]) if clusters is None else clusters
    # Units of one cluster that are dealt alike may be added up before they are dealt.
    sums = sums_by_cluster(table * share, index)
    drawn = np.array([np.ptp(generator.permuted(sums, axis=0).sum(1)) for _ in range(draws)])
    # Sums in another order differ in the last bits, and a tie is not smaller than what it ties.
    as_large = int((drawn >= value - 1e-12).sum())
    null = float(np.quantile(drawn, quantile, method="higher"))
    return Spread(value=value, null=null, p_value=(1 + as_large) / (draws + 1))


def sums_by_cluster(table: Floats, clusters: Indices) -> Floats:
    """Adds up the columns of each cluster.

    Args:
        table: Shape (rows, n).
        clusters: Cluster of each column as 0..G-1, shape (n,).

    Returns:
        (rows, G).
    """
    return np.stack([np.bincount(clusters, weights=row) for row in table])


def _check(groups: Floats, weights: Floats | None) -> None:
    if groups.ndim != 3 or groups.shape[0] != groups.shape[1]:
        raise ValueError(f"scores by group must be (m, m, n), not {groups.shape}")
    if weights is not None:
        _fits(groups, weights)


def _fits(groups: Floats, weights: Floats) -> None:
    if weights.shape != groups.shape[-1:] or not weights.sum() > 0.0:
        raise ValueError(f"scores {groups.shape} do not fit weights {weights.shape}")
