"""The aggregate over benchmarks: five rules, one of which decides."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ipllvm_spec.errors import UnknownNameError, UsageError
from ipllvm_spec.verdicts.average import Part, judge_average
from ipllvm_spec.verdicts.verdict import Outcome

PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.fixture
def parts(losing):
    """Builds parts from (name, scale, n, worse)."""

    def build(*rows, **more):
        return [Part(name, scale, losing(n, worse=worse, **more)) for name, scale, n, worse in rows]

    return build


def test_exact_at_full_n_with_all_aggregates(parts, make_limit):
    """Mean of 1, 2 and 3 points is exactly 2: within "at most 2", with all five in the details."""
    found = judge_average(
        parts(("mme", 2800, 100, 1), ("mmstar", 100, 100, 2), ("mmvp", 100, 100, 3)),
        make_limit("average_drop"),
        aggregate="mme_scaled_28",
    )

    assert found.outcome is PASS
    assert found.exact
    assert found.details["aggregates"] == pytest.approx(
        {
            "mme_scaled_28": 2.0,
            "raw": (28 + 2 + 3) / 3,
            "without_mme": 2.5,
            "relative": 2.0,
            "median": 2.0,
        }
    )
    assert found.details["benchmarks"]["mme"]["drop"] == pytest.approx(28.0)
    assert found.n == found.n_total == 300
    json.dumps(found.to_json())


@pytest.mark.parametrize(
    ("aggregate", "outcome"), [("mme_scaled_28", PASS), ("raw", FAIL), ("without_mme", FAIL)]
)
def test_the_declared_aggregate_decides(parts, make_limit, aggregate, outcome):
    """The same measurements, another rule, another verdict."""
    found = judge_average(
        parts(("mme", 2800, 100, 1), ("mmstar", 100, 100, 2), ("mmvp", 100, 100, 3)),
        make_limit("average_drop"),
        aggregate=aggregate,
    )

    assert found.outcome is outcome


def test_population_bounds_decide(parts, make_limit):
    """With a population target the bounds of independent strata decide."""
    rows = [("a", 100, 600, 3), ("b", 100, 600, 3), ("c", 2800, 600, 0)]
    limit = make_limit("average_drop", target="population")

    passed = judge_average(parts(*rows), limit, aggregate="mme_scaled_28")
    failed = judge_average(
        parts(*((name, scale, n, 60) for name, scale, n, _ in rows)),
        limit,
        aggregate="mme_scaled_28",
    )

    assert passed.outcome is PASS
    assert failed.outcome is FAIL
    assert not passed.exact
    assert passed.lower <= passed.estimate <= passed.upper <= 2.0


@pytest.mark.parametrize("aggregate", ["mme_scaled_28", "raw", "without_mme", "relative", "median"])
def test_every_aggregate_has_bounds_that_contain_it(parts, make_limit, aggregate):
    """Whatever the rule."""
    found = judge_average(
        parts(("mme", 2800, 300, 6), ("mmstar", 100, 300, 3), ("mmvp", 100, 150, 4)),
        make_limit("average_drop", at_most=90.0),
        aggregate=aggregate,
    )

    assert found.estimate == pytest.approx(found.details["aggregates"][aggregate])
    assert found.lower < found.estimate < found.upper


def test_too_few_units_are_not_measured(parts, make_limit):
    """Cut to 20 units each, unchanged answers could not show "at most 2 points"."""
    made = parts(("a", 100, 300, 0), ("b", 100, 300, 0), available=20)

    found = judge_average(made, make_limit("average_drop"), aggregate="mme_scaled_28")
    anyway = judge_average(
        made, make_limit("average_drop"), aggregate="mme_scaled_28", measure_below_floor=True
    )

    assert found.outcome is UNDECIDED
    assert found.n == 0
    assert found.n_needed > 40
    assert anyway.outcome is UNDECIDED
    assert anyway.n == 40
    assert anyway.cut
    assert not anyway.exact


def test_the_named_number_of_units_is_enough(parts, make_limit):
    """Measured with n_needed units, unchanged answers do PASS, and with a few less do not."""
    limit = make_limit("average_drop", target="population")
    few = parts(("a", 100, 40, 0), ("b", 100, 40, 0))
    needed = judge_average(few, limit, aggregate="mme_scaled_28").n_needed
    half = (needed + 1) // 2

    outcomes = [
        judge_average(
            parts(("a", 100, n, 0), ("b", 100, n, 0)), limit, aggregate="mme_scaled_28"
        ).outcome
        for n in (half - 2, half)
    ]

    assert outcomes == [UNDECIDED, PASS]


def test_a_relative_drop_from_zero_is_undecided(make_stream, make_limit):
    """Not a number, not a PASS."""
    stream = make_stream(np.zeros(50), np.zeros(50))

    found = judge_average(
        [Part("a", 100, stream)], make_limit("average_drop"), aggregate="relative"
    )

    assert found.outcome is UNDECIDED
    assert "undefined" in found.reason
    assert not found.exact


def test_names_are_checked(parts, make_limit):
    """An unknown rule, no benchmark and a repeated one are errors."""
    limit = make_limit("average_drop")

    with pytest.raises(UnknownNameError, match="without_mme"):
        judge_average(parts(("a", 100, 9, 0)), limit, aggregate="without_mm")
    with pytest.raises(UsageError, match="each benchmark once"):
        judge_average([], limit, aggregate="raw")
    with pytest.raises(UsageError, match="each benchmark once"):
        judge_average(parts(("a", 100, 9, 0), ("a", 100, 9, 0)), limit, aggregate="raw")
