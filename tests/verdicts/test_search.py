"""A search finds the smallest order that breaks answers and confirms it where it never looked."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given

from ipllvm_spec.spec.interventions import Identity, PermuteTokens, parse_intervention
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.strategies import permute_tokens
from ipllvm_spec.verdicts.replay import replay_command
from ipllvm_spec.verdicts.search import WorstSearch
from ipllvm_spec.verdicts.verdict import Outcome

N = 300


@dataclass
class Model:
    """A made-up model: which share of its answers an order breaks, and where it was asked.

    Attributes:
        broken: From an order to the share of items whose answer it breaks.
        asked: (start, stop) of every window that was measured under an intervention.
    """

    broken: object
    asked: list = field(default_factory=list)

    def measure(self, intervention):
        """Returns something with the interface of a measurement that a search uses."""
        share = 0.0 if intervention == Identity() else self.broken(intervention.order)
        # The same items break in every window, spread evenly.
        hits = np.random.default_rng(5).random(N) < share

        def window(start, stop):
            if intervention != Identity():
                self.asked.append((start, stop))
            return (~hits[start:stop]).astype(float)[None]

        sheet = SimpleNamespace(weights=np.full(N, 1 / N), clusters=tuple(str(i) for i in range(N)))
        return SimpleNamespace(
            window=window,
            available=N,
            n_total=N,
            sheet=sheet,
            intervention=intervention,
            scorer=SimpleNamespace(judged=False, unscored=""),
        )


@pytest.fixture
def case():
    """The declared case of the search claim on mini-llava."""
    (found,) = load_suite().cases("permutation.no_order_breaks_answers", models=["mini-llava"])
    return found


def decide(case, model):
    """Runs the search as the property does and returns its verdict."""
    search = WorstSearch(case, model.measure(Identity()), model.measure)

    @search.settings
    @given(permute_tokens(case.claim.search.spans))
    def holds(order):
        search.observe(order)

    verdict, _ = search.run(holds).decide(case.claim.limit)
    return verdict


def test_a_model_that_no_order_breaks_passes_and_says_how_much_was_tried(case):
    """The reason states how many uniform orders were drawn, and what they cannot exclude."""
    verdict = decide(case, Model(lambda order: 0.0))

    assert verdict.outcome is Outcome.PASS
    assert f"{case.examples} random draws" in verdict.reason
    assert verdict.details["search"]["violations"] == 0


def test_an_order_that_breaks_answers_is_shrunk_and_confirmed(case):
    """Any order that moves span 0 breaks half of the answers: two displaced spans suffice."""
    model = Model(lambda order: 0.5 if order[0] != 0 else 0.0)
    verdict = decide(case, model)

    assert verdict.outcome is Outcome.FAIL
    found = eval(verdict.details["search"]["found"], {"PermuteTokens": PermuteTokens})
    assert sum(i != j for i, j in enumerate(found.order)) == 2
    assert found.order[0] != 0


def test_search_and_confirmation_never_share_a_unit(case):
    """What was found on some units is judged on others: the largest of many values is biased."""
    model = Model(lambda order: 0.5 if order[0] != 0 else 0.0)
    decide(case, model)
    searched = max(stop for start, stop in model.asked if start == 0)
    confirmed = [(start, stop) for start, stop in model.asked if start > 0]

    assert searched == case.claim.search.items
    assert confirmed
    assert all(start >= N // 2 > searched and stop == N for start, stop in confirmed)


def test_a_find_that_does_not_hold_elsewhere_is_no_failure(case):
    """Chance finds something among many tries; held-out units refuse it."""

    class Lucky(Model):
        def measure(self, intervention):
            made = super().measure(intervention)
            whole = made.window

            def window(start, stop):
                scores = whole(start, stop)
                if start == 0 and intervention != Identity():
                    scores[:, :6] = 0.0
                return scores

            made.window = window
            return made

    verdict = decide(case, Lucky(lambda order: 0.0))

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "not confirmed" in verdict.reason


def test_what_looks_worse_than_the_limit_is_measured_elsewhere_although_it_is_no_find(case):
    """Between the limit and what is shrunk as a find nothing passes on the search units alone."""
    limit, finds = case.claim.limit.at_most, case.claim.search.finds
    hits = np.random.default_rng(5).random(N)[: case.claim.search.items]
    shares = np.linspace(0, 1, 101)
    share = next(s for s in shares if limit < 100 * (hits < s).mean() <= finds)
    model = Model(lambda order: share)
    verdict = decide(case, model)

    assert verdict.outcome is not Outcome.PASS
    assert verdict.details["search"]["violations"] > 0
    assert not verdict.details["search"]["shrunk"]
    assert any(start > 0 for start, _ in model.asked)


def test_what_only_looked_worse_than_the_limit_passes_where_held_out_units_refute_it(case):
    """The worst of many tries is biased; units on which nothing was searched are not."""
    limit, finds = case.claim.limit.at_most, case.claim.search.finds
    items = case.claim.search.items

    class Lucky(Model):
        def measure(self, intervention):
            made = super().measure(intervention)
            lost = np.zeros(N, bool)
            lost[: int(items * (limit + finds) / 200)] = intervention != Identity()
            ask = made.window

            def window(start, stop):
                ask(start, stop)
                return (~lost[start:stop]).astype(float)[None]

            made.window = window
            return made

    verdict = decide(case, Lucky(lambda order: 0.0))

    assert verdict.outcome is Outcome.PASS
    assert "looked worst and costs" in verdict.reason


def test_the_same_search_tries_the_same_orders(case):
    """Derandomised: a rerun finds the stored answers again, and the same order."""
    first, second = (decide(case, Model(lambda order: 0.3 * (order[3] == 0))) for _ in range(2))

    assert first == second


def test_the_replay_command_rebuilds_the_order(case):
    """What is printed measures exactly the intervention that was found."""
    found = PermuteTokens(order=(1, 0, 2), positions="travel")
    *command, text = shlex.split(replay_command(case, found))

    import json

    assert command == ["ipllvm", "measure", "mini-llava", "mmstar", "--intervention"]
    assert parse_intervention(json.loads(text)) == found
