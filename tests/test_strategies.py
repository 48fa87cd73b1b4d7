"""Drawn interventions obey the laws of the values, and shrink toward changing nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from ipllvm_spec.spec.interventions import (
    INTERVENTIONS,
    BlankImage,
    Chain,
    GridShuffle,
    Identity,
    Intervention,
    PatchDrop,
    PermuteTokens,
    from_canonical,
    parse_intervention,
)
from ipllvm_spec.spec.orders import displaced
from ipllvm_spec.strategies import (
    POSITIONS,
    SCOPES,
    grid_shuffles,
    interventions,
    masks,
    patch_drops,
    permutations_of,
    permute_tokens,
)

NAMES = {kind.__name__: kind for kind in (*INTERVENTIONS.values(), Chain)}
#: A busy machine must not turn a law red, and every run tries the same examples.
LAWS = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
#: Enough to shrink fully; the same in every run.
SEARCH = settings(LAWS, max_examples=500, database=None)


# -- laws of the values --------------------------------------------------------------------------


@LAWS
@given(value=interventions())
def test_the_repr_rebuilds_the_value(value):
    """What a failure prints can be pasted."""
    assert eval(repr(value), NAMES) == value


@LAWS
@given(value=interventions())
def test_the_canonical_text_rebuilds_the_value(value):
    """What a store holds can be run again, chains included."""
    assert from_canonical(value.canonical()) == value


@LAWS
@given(value=interventions())
def test_what_toml_would_say_rebuilds_the_value(value):
    """A list of one-key tables, as a spec writes a chain."""
    tables = [{step.name: step.model_dump(mode="json")} for step in value.steps()]

    assert parse_intervention(tables) == value


@LAWS
@given(value=interventions())
def test_identity_is_neutral_on_both_sides(value):
    """Composing with it gives an equal value, not a longer chain."""
    assert Identity() >> value == value == value >> Identity()


@LAWS
@given(a=interventions(), b=interventions(), c=interventions())
def test_composition_is_associative_and_flat(a, b, c):
    """Chains are never nested, so equal meanings are equal values with one key."""
    left, right = (a >> b) >> c, a >> (b >> c)

    assert left == right
    assert hash(left) == hash(right)
    assert left.canonical() == right.canonical()
    assert left.steps() == a.steps() + b.steps() + c.steps()


@LAWS
@given(a=interventions(), b=interventions())
def test_equal_values_and_equal_keys_are_the_same_thing(a, b):
    """Two values with one canonical text would share stored answers."""
    assert (a == b) == (a.canonical() == b.canonical())


@LAWS
@given(a=interventions(), b=interventions())
def test_needs_of_a_composition_are_those_of_its_parts(a, b):
    """Nothing more, nothing less."""
    assert (a >> b).needs() == a.needs() | b.needs()


def test_every_declared_intervention_is_drawn():
    """A new kind of intervention has to be added to the strategies."""

    def has(kind: type[Intervention]) -> bool:
        if kind is Identity:
            return not find(interventions(), lambda x: not x.steps(), settings=SEARCH).steps()
        found = find(
            interventions(),
            lambda x: any(isinstance(step, kind) for step in x.steps()),
            settings=SEARCH,
        )
        return isinstance(found, kind)

    assert all(has(kind) for kind in INTERVENTIONS.values())


# -- what is drawn -------------------------------------------------------------------------------


@LAWS
@given(order=st.integers(1, 12).flatmap(permutations_of))
def test_an_order_is_a_permutation(order):
    """Every slot gets one source."""
    assert sorted(order) == list(range(len(order)))


@LAWS
@given(order=st.integers(2, 12).flatmap(lambda n: permutations_of(n, identity=False)))
def test_the_identity_can_be_left_out(order):
    """Also when the drawn swaps undo each other."""
    assert displaced(order) >= 2


@pytest.mark.parametrize("identity", [True, False])
def test_every_order_of_three_can_be_drawn(identity):
    """A search must be able to reach all of them."""
    seen: set[tuple[int, ...]] = set()

    @settings(SEARCH, max_examples=300, phases=[Phase.generate])
    @given(order=permutations_of(3, identity=identity))
    def draw(order):
        seen.add(order)

    draw()

    assert len(seen) == 6 - (not identity)


def test_large_and_small_changes_are_both_drawn():
    """Few swaps alone would leave a search blind to what only a thorough shuffle breaks."""
    moved: Counter[str] = Counter()

    @settings(SEARCH, max_examples=300, phases=[Phase.generate])
    @given(order=permutations_of(16, identity=False))
    def draw(order):
        moved["few" if displaced(order) <= 4 else "many" if displaced(order) >= 12 else "some"] += 1

    draw()

    assert min(moved["few"], moved["many"]) >= 30


def test_permutations_default_to_those_of_table_1():
    """Scope and positions are drawn only when asked for."""
    plain = find(permute_tokens(8), lambda x: True, settings=SEARCH)
    odd = find(
        permute_tokens(8, scopes=SCOPES, positions=POSITIONS),
        lambda x: x.scope == "base_grid" and x.positions == "travel",
        settings=SEARCH,
    )

    assert plain == PermuteTokens(order=(1, 0, 2, 3, 4, 5, 6, 7))
    assert odd.order == (1, 0, 2, 3, 4, 5, 6, 7)


@LAWS
@given(data=st.data(), n=st.integers(0, 30), ratio=st.sampled_from([0.0, 0.29, 0.5, 1.0]))
def test_a_mask_hides_at_most_its_share(data, n, ratio):
    """Indices lie in range and there are at most ratio * n of them."""
    mask = data.draw(masks(n, ratio))

    assert len(mask) <= ratio * n + 1e-9
    assert mask <= set(range(n))


def test_the_largest_mask_is_not_lost_to_rounding():
    """One 49th of 49 patches is one of them, although the product is a little less in binary."""
    assert (1 / 49) * 49 < 1
    assert find(masks(49, 1 / 49), lambda mask: len(mask) == 1, settings=SEARCH) == {0}


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
def test_a_share_outside_of_zero_to_one_is_refused(ratio):
    """A percentage was meant, probably."""
    with pytest.raises(ValueError, match=r"a share of patches lies in \[0, 1\]"):
        masks(10, ratio)


@pytest.mark.parametrize(("n", "identity"), [(0, True), (1, False)])
def test_orders_that_do_not_exist_are_refused(n, identity):
    """Nothing has no order, and one thing only the identity."""
    with pytest.raises(ValueError, match="there is no order of"):
        find(permutations_of(n, identity=identity), lambda order: True, settings=SEARCH)


# -- shrinking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("violates", "most"),
    [
        (lambda order: order[0] != 0, 2),
        (lambda order: order[11] != 11, 2),
        (lambda order: order[-1] == 0, 2),
        (lambda order: order.index(3) > 8, 2),
        # One swap would do; two that share a place are a local minimum of the shrinker.
        (lambda order: order[2] != 2 and order[9] != 9, 3),
        (lambda order: displaced(order) >= 5, 5),
        (lambda order: sum(order[slot] != slot for slot in range(8)) >= 4, 4),
    ],
    ids=["first", "last", "far", "token 3", "two slots", "count", "half"],
)
def test_a_violation_shrinks_to_the_fewest_moved_positions(violates, most):
    """A printed counterexample shows only what it takes."""
    smallest = find(permutations_of(16), violates, settings=SEARCH)

    assert violates(smallest)
    assert displaced(smallest) <= most


def test_the_simplest_values_change_nothing_or_least():
    """Without any demand the shrunk value is the neutral one."""
    assert find(permutations_of(9), lambda order: True, settings=SEARCH) == tuple(range(9))
    assert find(permutations_of(3, identity=False), lambda _: True, settings=SEARCH) == (1, 0, 2)
    assert find(masks(9, 1.0), lambda mask: True, settings=SEARCH) == frozenset()
    assert find(interventions(), lambda value: True, settings=SEARCH) == Identity()
    assert find(interventions(), lambda x: "pixels" in x.needs(), settings=SEARCH) == BlankImage()


def test_a_mask_shrinks_to_the_patches_that_matter():
    """Others are uncovered again."""
    assert find(masks(16, 0.5), lambda mask: 7 in mask, settings=SEARCH) == {7}
    assert find(masks(16, 0.5), lambda mask: mask >= {3, 9}, settings=SEARCH) == {3, 9}
    assert len(find(masks(16, 0.5), lambda mask: len(mask) > 4, settings=SEARCH)) == 5


def test_shuffles_and_occlusions_shrink_to_what_matters():
    """One swap of cells, one patch in black; nothing at all only where that may be drawn."""
    shuffle = find(grid_shuffles(4), lambda x: x.order[5] != 5, settings=SEARCH)
    assert displaced(shuffle.order) == 2
    assert find(grid_shuffles(1, identity=True), lambda x: True, settings=SEARCH) == GridShuffle(
        grid=1, order=(0,)
    )

    hides = find(patch_drops(4, 0.5), lambda x: 9 in x.patches, settings=SEARCH)
    assert hides == PatchDrop(patches=(9,), grid=4)
    nothing = find(patch_drops(4, 0.5, empty=True), lambda x: True, settings=SEARCH)
    assert nothing == PatchDrop(patches=(), grid=4)
    assert find(patch_drops(4, 0.5), lambda x: True, settings=SEARCH).patches == (0,)


@LAWS
@given(drop=patch_drops(7, 1 / 3))
def test_an_occlusion_hides_something_but_not_more_than_its_share(drop):
    """A third of 49 patches is 16 at most."""
    assert 1 <= drop.dropped() <= 16


@pytest.mark.parametrize("ratio", [0.0, 1 / 17])
def test_an_occlusion_of_less_than_a_patch_is_refused(ratio):
    """There is nothing to draw."""
    with pytest.raises(ValueError, match="of 16 patches is less than one patch"):
        patch_drops(4, ratio)
