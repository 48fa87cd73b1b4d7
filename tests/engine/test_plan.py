"""Batches are decided by the data and the seed alone."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.base import Item, Unit
from ipllvm_spec.engine.plan import (
    WINDOW_UNITS,
    cut,
    join,
    owner,
    plan_window,
    unit_order,
    windows,
)


def _unit(number: int, cluster: int) -> Unit:
    item = Item(f"i{number}", f"u{number}", f"c{cluster}", "", "?", "A")
    return Unit(item.unit_id, item.cluster_id, (item,), "", 0.1)


UNITS = [_unit(number, cluster=number // 3) for number in range(100)]


def test_order_keeps_clusters_together_and_depends_on_seed_and_benchmark():
    """Units of one cluster are neighbours; another seed or benchmark shuffles differently."""
    order = unit_order(UNITS, suite_seed=1, benchmark="a")
    clusters = [unit.cluster_id for unit in order]
    changes = sum(before != after for before, after in itertools.pairwise(clusters))
    assert changes + 1 == len(set(clusters))
    assert sorted(unit.unit_id for unit in order) == sorted(unit.unit_id for unit in UNITS)
    assert order != tuple(UNITS)
    assert order != unit_order(UNITS, suite_seed=2, benchmark="a")
    assert order != unit_order(UNITS, suite_seed=1, benchmark="b")


def test_order_of_the_rest_survives_a_new_cluster():
    """A benchmark that gains a cluster keeps the relative order of the others."""
    more = unit_order([*UNITS, _unit(999, cluster=999)], suite_seed=1, benchmark="a")
    rest = [unit for unit in more if unit.unit_id != "u999"]
    assert rest == list(unit_order(UNITS, suite_seed=1, benchmark="a"))


def test_windows_cover_every_item_once():
    """Windows have 32 units, the last one what is left, and lose nothing."""
    parts = windows(unit_order(UNITS, suite_seed=1, benchmark="a"))
    assert [len(part.item_ids) for part in parts] == [WINDOW_UNITS] * 3 + [4]
    assert sorted(item for part in parts for item in part.item_ids) == sorted(
        unit.items[0].item_id for unit in UNITS
    )


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=64),
    budget=st.integers(1, 2000),
    seed=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_batches_keep_the_budget_and_ignore_the_order_of_items(lengths, budget, seed):
    """Every item is in one batch, no batch of several exceeds the budget, order is irrelevant."""
    sizes = {f"i{number}": length for number, length in enumerate(lengths)}
    (window,) = windows([_many(sizes)])
    batches = plan_window(window, sizes, budget=budget)
    assert sorted(item for batch in batches for item in batch.item_ids) == sorted(sizes)
    for batch in batches:
        padded = len(batch.item_ids) * max(sizes[item] for item in batch.item_ids)
        assert padded == batch.padded_tokens
        assert padded <= budget or len(batch.item_ids) == 1
    names = list(window.item_ids)
    random.Random(seed).shuffle(names)
    shuffled = type(window)(window.index, tuple(names))
    assert plan_window(shuffled, sizes, budget=budget) == batches


def _many(sizes) -> Unit:
    items = tuple(Item(name, "u", "c", "", "?", "A") for name in sizes)
    return Unit("u", "c", items, "", 1.0)


def test_items_without_a_length_are_left_out():
    """An undecodable image takes part in no batch."""
    (window,) = windows([_many({"a": 1, "b": 1, "c": 1})])
    (batch,) = plan_window(window, {"a": 5, "c": 5}, budget=100)
    assert batch.item_ids == ("a", "c")


def test_single_batches_spread_over_engines():
    """Windows of one batch each do not all go to the first of two engines."""
    parts = windows(unit_order(UNITS, suite_seed=1, benchmark="a"))
    owners = [
        owner(batch.index, world=2)
        for part in parts
        for batch in plan_window(part, dict.fromkeys(part.item_ids, 10), budget=10_000)
    ]
    assert owners == [0, 1, 0, 1]


def test_a_smaller_budget_cuts_a_batch_in_order():
    """Halving keeps the order by length, so that a resumed run forms the same parts."""
    lengths = {"a": 10, "b": 10, "c": 20, "d": 40}
    assert cut(list(lengths), lengths, budget=40) == [("a", "b"), ("c",), ("d",)]


@given(
    lengths=st.lists(st.integers(20, 300), min_size=1, max_size=64),
    gone=st.integers(0, 19),
    budget=st.integers(1, 2000),
)
@settings(deadline=None, max_examples=60)
def test_shorter_prompts_join_whole_batches(lengths, gone, budget):
    """Joined batches keep their sources as intact prompts form them, in order, in the budget."""
    sizes = {f"i{number}": length for number, length in enumerate(lengths)}
    left = {name: length - gone for name, length in sizes.items()}
    (window,) = windows([_many(sizes)])
    intact = plan_window(window, sizes, budget=budget)
    short = plan_window(window, sizes, budget=budget, left=left)
    assert [s for batch in short for s in batch.sources] == [batch.item_ids for batch in intact]
    for number, batch in enumerate(short):
        assert batch.number == number
        assert batch.item_ids == tuple(item for source in batch.sources for item in source)
        padded = len(batch.item_ids) * max(left[item] for item in batch.item_ids)
        assert padded == batch.padded_tokens
        assert padded <= budget or len(batch.item_ids) == 1
    # What cut has taken apart by the same lengths, join leaves apart.
    assert all(batch.sources == (batch.item_ids,) for batch in intact)
    assert join([("a",), ("b",), ("c",)], {"a": 1, "b": 2, "c": 9}, budget=4) == [
        (("a",), ("b",)),
        (("c",),),
    ]
