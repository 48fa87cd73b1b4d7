"""A search: what it found must survive held-out units; what it did not find proves little."""

from __future__ import annotations

import numpy as np
import pytest

from ipllvm_spec.errors import SpecError, UsageError
from ipllvm_spec.verdicts.verdict import Outcome
from ipllvm_spec.verdicts.worst import (
    Search,
    judge_worst,
    largest_violating_share,
    tries_for_share,
)


def test_what_random_tries_say():
    """59 tries without a violation: at most 5 % violate, with 95 % confidence."""
    assert tries_for_share(0.05) == 59
    assert largest_violating_share(59) == pytest.approx(0.0495, abs=1e-4)
    assert largest_violating_share(0) == 1.0
    with pytest.raises(ValueError, match="between 0 and 1"):
        tries_for_share(0.0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5])
def test_the_tries_named_are_the_smallest_that_do(share):
    """One try fewer leaves more than the share possible."""
    tries = tries_for_share(share)

    assert largest_violating_share(tries) <= share + 1e-12
    assert largest_violating_share(tries - 1) > share


def search(**changes) -> Search:
    """A search of 60 tries, all random, that found nothing."""
    base = {"tries": 60, "random_tries": 60, "violations": 0, "units": 32, "value": 3.1}
    return Search(**{**base, **changes})


def test_a_failed_search_passes_with_what_it_showed(make_limit):
    """PASS means no violation in B tries, and the reason says no more than that."""
    verdict = judge_worst(search(), None, make_limit("worst_drop", at_most=10.0), n_total=300)

    assert verdict.outcome is Outcome.PASS
    assert "no violation in 60 tries on 32 units" in verdict.reason
    assert "at most 4.9 % of all violate" in verdict.reason
    assert not verdict.exact
    assert verdict.lower is None


def test_too_few_random_tries_for_a_declared_share_are_undecided(make_limit):
    """Tries that the search steered do not count."""
    verdict = judge_worst(
        search(random_tries=20), None, make_limit("worst_drop"), n_total=300, share=0.05
    )

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "needs 59 random draws" in verdict.reason


def test_a_search_without_tries_is_undecided(make_limit):
    """Nothing tried, nothing shown."""
    nothing = search(tries=0, random_tries=0, value=None)

    verdict = judge_worst(nothing, None, make_limit("worst_drop"), n_total=300)

    assert verdict.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("target", ["benchmark", "population"])
def test_a_find_fails_only_when_held_out_units_confirm_it(make_limit, losing, target):
    """The value on the search units is never evidence."""
    found = search(violations=1, value=40.0, found="order (1, 0, 2)")
    limit = make_limit("worst_drop", at_most=10.0, target=target)

    confirmed = judge_worst(found, losing(150, worse=60), limit, n_total=300)
    refuted = judge_worst(found, losing(150, worse=2), limit, n_total=300)
    unclear = judge_worst(found, losing(150, worse=16), limit, n_total=300)

    assert confirmed.outcome is Outcome.FAIL
    assert "order (1, 0, 2)" in confirmed.reason
    assert confirmed.lower > 10.0
    assert (confirmed.n, confirmed.n_total) == (150, 300)
    assert refuted.outcome is unclear.outcome is Outcome.INCONCLUSIVE
    assert "not confirmed" in refuted.reason
    assert confirmed.details["search"]["value"] == 40.0


def test_the_best_of_many_harmless_orders_does_not_fail(make_limit, make_stream):
    """All cost 1 point; the best of 50 on 40 units looks far worse, held-out units say no."""
    rng = np.random.default_rng(5)
    limit = make_limit("worst_drop", at_most=2.0)

    seen, outcomes = [], []
    for _ in range(20):
        drops = rng.choice([1.0, -1.0, 0.0], p=[0.045, 0.035, 0.92], size=(50, 40)).mean(axis=1)
        seen.append(100 * drops.max())
        d = rng.choice([1.0, -1.0, 0.0], p=[0.045, 0.035, 0.92], size=150)
        held_out = make_stream((d >= 0).astype(float), (d <= 0).astype(float))
        found = search(violations=1, value=seen[-1], found="order")
        outcomes.append(judge_worst(found, held_out, limit, n_total=190).outcome)

    assert np.mean(seen) > 6.0
    assert outcomes.count(Outcome.FAIL) <= 1


def test_finds_and_held_out_scores_belong_together(make_limit, losing):
    """A find without confirmation must not be judged, nor a confirmation without a find."""
    limit = make_limit("worst_drop")

    with pytest.raises(UsageError, match="1 violations without"):
        judge_worst(search(violations=1), None, limit, n_total=300)
    with pytest.raises(UsageError, match="0 violations with held-out"):
        judge_worst(search(), losing(20), limit, n_total=300)
    with pytest.raises(SpecError, match="at_most"):
        judge_worst(search(), None, make_limit("worst_drop", at_least=1.0), n_total=300)
