"""Permutations of visual tokens: what moves, what stays, what is never lost."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.interventions.base import TokenKind, VisualTokens
from ipllvm_spec.interventions.tokens import permute_tokens
from ipllvm_spec.spec.interventions import PermuteTokens
from ipllvm_spec.spec.orders import inverse

SCOPES = ("patches", "all", "base_grid")
BASE, GRID, NEWLINE = TokenKind.BASE, TokenKind.GRID, TokenKind.NEWLINE


def visual(kinds):
    """Tokens that carry their first place as value."""
    return VisualTokens(
        tokens=torch.arange(len(kinds), dtype=torch.float32)[:, None].repeat(1, 3),
        kinds=torch.tensor(kinds, dtype=torch.int8),
        positions=torch.arange(len(kinds)),
    )


def packed(base=9, rows=4, columns=5):
    """An any-resolution span: base view, then rows of grid tokens, each with a newline."""
    return visual([BASE] * base + ([GRID] * columns + [NEWLINE]) * rows)


def places(tokens):
    """The first place of the token in each slot."""
    return tokens.tokens[:, 0].int().tolist()


kinds = st.lists(st.sampled_from([BASE, GRID, NEWLINE]), min_size=0, max_size=24)
steps = st.builds(
    PermuteTokens, scope=st.sampled_from(SCOPES), positions=st.sampled_from(["stay", "travel"])
)


@given(steps, kinds, st.integers(0, 2**63 - 1))
def test_every_token_is_kept_with_its_kind(step, kinds, seed):
    """A permutation loses and doubles nothing, and a token keeps its kind wherever it goes."""
    before = visual(kinds)
    after = permute_tokens(step, before, seed=seed)
    assert sorted(places(after)) == places(before)
    assert after.kinds.tolist() == [kinds[place] for place in places(after)]


@given(steps, kinds, st.integers(0, 2**63 - 1))
def test_position_ids_stay_or_travel(step, kinds, seed):
    """With 'stay' slot j keeps id j; with 'travel' each token keeps the id it had."""
    after = permute_tokens(step, visual(kinds), seed=seed)
    expected = places(after) if step.positions == "travel" else list(range(len(kinds)))
    assert after.positions.tolist() == expected


@given(
    st.sampled_from(SCOPES), st.permutations(range(5)), st.sampled_from(["stay", "travel"]), kinds
)
def test_an_order_and_its_inverse_change_nothing(scope, order, positions, kinds):
    """For every scope and any number of tokens that five spans divide, the inverse undoes it."""
    groups = {"patches": [k for k in kinds if k != NEWLINE], "all": kinds}
    sizes = [len(groups[scope])] if scope in groups else [kinds.count(BASE), kinds.count(GRID)]
    before = visual(kinds)
    step = PermuteTokens(scope=scope, positions=positions, order=tuple(order))
    back = step.model_copy(update={"order": inverse(order)})
    after = permute_tokens(back, permute_tokens(step, before, seed=0), seed=0)
    if all(size % 5 == 0 for size in sizes):
        assert after.equals(before)
    assert sorted(places(after)) == places(before)


@given(st.permutations(range(20)), st.permutations(range(20)))
def test_two_orders_compose(first, then):
    """One after the other is the composed order, token by token."""
    before = visual([BASE] * 20)
    both = permute_tokens(
        PermuteTokens(order=tuple(then)),
        permute_tokens(PermuteTokens(order=tuple(first)), before, seed=0),
        seed=0,
    )
    assert places(both) == [first[source] for source in then]


def test_patches_leaves_newlines_and_mixes_base_and_grid():
    """Scope 'patches' fixes every newline slot and moves tokens between base and grid."""
    before = packed()
    after = permute_tokens(PermuteTokens(), before, seed=3)
    newline = before.kinds == NEWLINE
    assert torch.equal(after.tokens[newline], before.tokens[newline])
    assert torch.equal(after.kinds[newline], before.kinds[newline])
    assert not torch.equal(after.kinds, before.kinds), "base and grid tokens change places"


def test_all_moves_newlines_too():
    """Scope 'all' is the naive shuffle of the whole span."""
    before = packed()
    after = permute_tokens(PermuteTokens(scope="all"), before, seed=3)
    assert not torch.equal(after.kinds == NEWLINE, before.kinds == NEWLINE)


def test_base_grid_keeps_every_slot_in_its_view():
    """Scope 'base_grid' permutes within base and within grid; kinds by slot do not change."""
    before = packed()
    after = permute_tokens(PermuteTokens(scope="base_grid"), before, seed=3)
    assert torch.equal(after.kinds, before.kinds)
    for kind in (BASE, GRID):
        assert not torch.equal(
            after.tokens[before.kinds == kind], before.tokens[before.kinds == kind]
        )


@pytest.mark.parametrize("scope", SCOPES)
def test_one_grid_has_one_meaning(scope):
    """Without grid and newlines (LLaVA-1.5) all scopes give the same shuffle from one seed."""
    before = visual([BASE] * 16)
    after = permute_tokens(PermuteTokens(scope=scope), before, seed=5)
    assert places(after) == places(permute_tokens(PermuteTokens(), before, seed=5))


def test_an_explicit_order_moves_spans():
    """Three spans of four tokens: the last comes first."""
    after = permute_tokens(PermuteTokens(order=(2, 0, 1)), visual([BASE] * 12), seed=9)
    assert places(after) == [8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_tokens_are_always_moved(count):
    """A draw is uniform over the permutations that move something, down to two tokens."""
    drawn = {
        tuple(places(permute_tokens(PermuteTokens(), visual([BASE] * count), seed=seed)))
        for seed in range(300)
    }
    assert tuple(range(count)) not in drawn
    assert len(drawn) == {2: 1, 3: 5, 4: 23}[count]


def test_draws_are_uniform():
    """Each of the 23 permutations of four tokens comes up about equally often."""
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(4600):
        drawn = tuple(places(permute_tokens(PermuteTokens(), visual([BASE] * 4), seed=seed)))
        counts[drawn] = counts.get(drawn, 0) + 1
    # 200 expected each; chi-square with 22 degrees of freedom stays below 49 in 99.9 % of cases.
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 49


def test_the_seed_decides_the_draw():
    """Equal seeds give equal orders, other seeds others."""
    first, again, other = (
        places(permute_tokens(PermuteTokens(), visual([BASE] * 30), seed=seed))
        for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("kinds", [[], [BASE], [NEWLINE] * 3])
def test_nothing_to_permute_is_left_as_it_is(kinds):
    """Fewer than two patches: unchanged here, an error where interventions are applied."""
    before = visual(kinds)
    assert permute_tokens(PermuteTokens(), before, seed=1).equals(before)
