"""Hypothesis strategies that draw interventions. All shrink toward changing nothing.

A violation that Hypothesis reports is therefore the smallest it found: an order that moves few
spans, a mask that hides few patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from hypothesis import strategies as st

from ipllvm_spec.spec.interventions import (
    BlankImage,
    GridShuffle,
    Identity,
    Intervention,
    KeepGroup,
    MismatchedImage,
    PatchDrop,
    PermuteTokens,
    Scope,
    SyntheticImage,
)
from ipllvm_spec.spec.orders import displaced
from ipllvm_spec.spec.pixel_interventions import Fill, Kind, Padding

Positions = Literal["stay", "travel"]
How = Literal["keep", "meanpool"]
GroupPositions = Literal["repacked", "retained"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
POSITIONS: tuple[Positions, ...] = get_args(Positions)
HOWS: tuple[How, ...] = get_args(How)
GROUP_POSITIONS: tuple[GroupPositions, ...] = get_args(GroupPositions)
KINDS: tuple[Kind, ...] = get_args(Kind)
FILLS: tuple[Fill, ...] = get_args(Fill)
PADDINGS: tuple[Padding, ...] = get_args(Padding)


@st.composite
def permutations_of(draw: st.DrawFn, n: int, *, identity: bool = True) -> tuple[int, ...]:
    """Draws an order of ``n`` things that shrinks toward the identity.

    Args:
        draw: Given by Hypothesis.
        n: How many things; every permutation of 0..n-1 can be drawn.
        identity: Whether the identity may be drawn. Without it the simplest order swaps the first
            two things, and ``n`` must be at least 2.

    Returns:
        A permutation of 0..n-1 as sources: slot ``j`` gets thing ``order[j]``.

    Raises:
        ValueError: When there is no such order.
    """
    fewest = 0 if identity else 1
    if n < 1 + fewest:
        raise ValueError(f"there is no order of {n} things to draw")
    order = list(range(n))
    # A list of swaps loses whole swaps while it shrinks. st.permutations draws one partner per
    # slot instead, whose smallest choices can be a long cycle where a single swap would do.
    at_least = draw(st.sampled_from((fewest, max(fewest, n // 2))))
    swaps = st.tuples(st.integers(0, max(0, n - 2)), st.integers(1, max(1, n - 1)))
    for first, distance in draw(st.lists(swaps, min_size=at_least, max_size=2 * n)):
        second = min(first + distance, n - 1)
        order[first], order[second] = order[second], order[first]
    if fewest and not displaced(order):
        # Swaps that undo each other are replaced rather than rejected, to keep every draw.
        order[0], order[1] = 1, 0
    return tuple(order)


def permute_tokens(
    n_spans: int,
    *,
    scopes: Sequence[Scope] = SCOPES[:1],
    positions: Sequence[Positions] = POSITIONS[:1],
    identity: bool = False,
) -> st.SearchStrategy[PermuteTokens]:
    """Draws a permutation of visual tokens with an explicit order of spans.

    Args:
        n_spans: Into how many contiguous spans the tokens are cut.
        scopes: Scopes to draw from, the simplest first; by default that of Table 1.
        positions: Treatments of position ids to draw from, the simplest first; by default that
            of Table 1.
        identity: Whether the order may leave everything in place. Not by default: applying such
            an order to a model is an error, because it changes nothing.
    """
    return st.builds(
        PermuteTokens,
        scope=st.sampled_from(tuple(scopes)),
        positions=st.sampled_from(tuple(positions)),
        order=permutations_of(n_spans, identity=identity),
    )


def masks(n: int, max_ratio: float) -> st.SearchStrategy[frozenset[int]]:
    """Draws which of ``n`` patches are hidden; shrinks to none, then to low indices.

    Args:
        n: Number of patches.
        max_ratio: Largest share of patches that may be hidden, in [0, 1].

    Raises:
        ValueError: For a ratio outside [0, 1].
    """
    if not 0 <= max_ratio <= 1:
        raise ValueError(f"a share of patches lies in [0, 1], not {max_ratio}")
    # Rounded before it is cut off, since 0.29 * 100 is 28.999999999999996.
    most = int(round(max_ratio * n, 9))
    patches = st.integers(0, max(0, n - 1))
    # Lists rather than sets: rejecting doubles keeps the shrinker from dropping what is not
    # needed. Two smallest sizes, because Hypothesis draws few elements whatever the largest is.
    return (
        st.sampled_from((0, most // 2))
        .flatmap(lambda at_least: st.lists(patches, min_size=at_least, max_size=most))
        .map(frozenset)
    )


def blank_images() -> st.SearchStrategy[BlankImage]:
    """Draws a colour for the blank image; black is the simplest."""
    channel = st.integers(0, 255)
    return st.builds(BlankImage, colour=st.tuples(channel, channel, channel))


def synthetic_images() -> st.SearchStrategy[SyntheticImage]:
    """Draws who writes the captions and makes the images; what is declared is the simplest."""
    ready = st.builds(SyntheticImage, generator=st.just("folder"), folder=st.just("images"))
    makers = st.sampled_from((None, "renderer", "sdxl_lightning"))
    captioners = st.sampled_from((None, "mini-llava"))
    return st.builds(SyntheticImage, captioner=captioners, generator=makers) | ready


def grid_shuffles(
    grid: int, *, paddings: Sequence[Padding] = PADDINGS[:1], identity: bool = False
) -> st.SearchStrategy[GridShuffle]:
    """Draws a shuffle of the image's cells with an explicit order, shrinking to one swap.

    Args:
        grid: Cells along each side; at least 2 unless the identity may be drawn.
        paddings: Treatments of a remainder to draw from, the simplest first.
        identity: Whether the order may leave everything in place, which is an error to measure.
    """
    return st.builds(
        GridShuffle,
        grid=st.just(grid),
        padding=st.sampled_from(tuple(paddings)),
        order=permutations_of(grid * grid, identity=identity),
    )


def patch_drops(
    grid: int, max_ratio: float, *, fills: Sequence[Fill] = FILLS[:1], empty: bool = False
) -> st.SearchStrategy[PatchDrop]:
    """Draws an occlusion of named patches, shrinking to the fewest.

    Args:
        grid: Patches along each side.
        max_ratio: Largest share of patches that may be hidden, in [0, 1].
        fills: What may take their place, the simplest first; by default the paper's black.
        empty: Whether nothing at all may be hidden, which is an error to measure.

    Raises:
        ValueError: For a ratio outside [0, 1], or one that hides not even one patch.
    """
    hidden = masks(grid * grid, max_ratio)
    if not empty:
        if round(max_ratio * grid * grid, 9) < 1:
            raise ValueError(f"{max_ratio} of {grid * grid} patches is less than one patch")
        # Replaced rather than rejected, to keep every draw.
        hidden = hidden.map(lambda mask: mask or frozenset({0}))
    return st.builds(
        PatchDrop,
        patches=hidden.map(lambda mask: tuple(sorted(mask))),
        grid=st.just(grid),
        fill=st.sampled_from(tuple(fills)),
    )


@st.composite
def chosen_drops(draw: st.DrawFn, *, kinds: Sequence[Kind] = KINDS) -> PatchDrop:
    """Draws an occlusion whose patches are chosen per item; shrinks to a share of 0 at random."""
    grid = draw(st.integers(1, 16))
    kind = draw(st.sampled_from(tuple(kinds)))
    fill = draw(st.sampled_from(FILLS))
    ratio = draw(st.none() | st.floats(0, 1))
    count = draw(st.integers(0, grid * grid)) if ratio is None else None
    if kind == "random":
        return PatchDrop(kind=kind, ratio=ratio, count=count, grid=grid, fill=fill)
    return PatchDrop(
        kind=kind,
        ratio=ratio,
        count=count,
        grid=grid,
        fill=fill,
        selector="rank" if ratio is None else draw(st.sampled_from(("rank", "mass"))),
        head=draw(st.just("mean") | st.integers(0, 5)),
    )


def random_shuffles() -> st.SearchStrategy[GridShuffle]:
    """Draws a shuffle of cells without an explicit order: a fresh one per item and repeat."""
    return st.builds(GridShuffle, grid=st.integers(1, 16), padding=st.sampled_from(PADDINGS))


def random_permutations() -> st.SearchStrategy[PermuteTokens]:
    """Draws a permutation without an explicit order: a fresh one per item and repeat."""
    return st.builds(
        PermuteTokens, scope=st.sampled_from(SCOPES), positions=st.sampled_from(POSITIONS)
    )


def keep_groups(
    m: int,
    *,
    hows: Sequence[How] = HOWS[:1],
    positions: Sequence[GroupPositions] = GROUP_POSITIONS[:1],
) -> st.SearchStrategy[KeepGroup]:
    """Draws one group of an m x m grid; the simplest is the upper left one.

    Args:
        m: Cells a side.
        hows: What becomes of the group's tokens, the simplest first; by default they are kept.
        positions: Treatments of position ids to draw from, the simplest first; by default those
            of a short prompt.
    """
    place = st.integers(0, m - 1)
    return st.builds(
        KeepGroup,
        m=st.just(m),
        group=st.tuples(place, place),
        how=st.sampled_from(tuple(hows)),
        positions=st.sampled_from(tuple(positions)),
    )


def steps(n_spans: int = 8) -> st.SearchStrategy[Intervention]:
    """Draws one elementary intervention of any kind."""
    return st.one_of(
        blank_images(),
        random_permutations(),
        keep_groups(2, hows=HOWS, positions=GROUP_POSITIONS),
        permute_tokens(n_spans, scopes=SCOPES, positions=POSITIONS, identity=True),
        st.builds(MismatchedImage),
        synthetic_images(),
        random_shuffles(),
        st.integers(1, 4).flatmap(lambda g: grid_shuffles(g, paddings=PADDINGS, identity=True)),
        chosen_drops(),
        st.integers(1, 4).flatmap(lambda g: patch_drops(g, 1.0, fills=FILLS, empty=True)),
    )


@st.composite
def interventions(draw: st.DrawFn, n_spans: int = 8, *, max_steps: int = 3) -> Intervention:
    """Draws any intervention: ``Identity``, one step, or a chain; shrinks to ``Identity``.

    Args:
        draw: Given by Hypothesis.
        n_spans: Spans of explicit orders.
        max_steps: Longest chain.
    """
    result: Intervention = Identity()
    for step in draw(st.lists(steps(n_spans), max_size=max_steps)):
        result = result >> step
    return result
