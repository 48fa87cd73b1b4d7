"""The text of a failing check holds what a reader needs to argue or to repeat it."""

from __future__ import annotations

import pytest

from ipllvm_spec.reporting.failure import failure_text, headline
from ipllvm_spec.verdicts.verdict import Outcome


def test_every_part_of_the_convention_is_there(make_record):
    """Claim, model, benchmark, case, measured, bounds, n, limit, why and the rerun command."""
    record = make_record(measured={"unparsed_other": 7})

    rows = dict(line.split(maxsplit=1) for line in failure_text(record).splitlines()[1:])

    assert rows["claim"].startswith("permutation.accuracy_survives: A fresh order")
    assert rows["model"] == "mini-llava (mini)"
    assert rows["benchmark"] == "mmvp, standard mode"
    assert rows["case"] == "mini-llava:mmvp"
    assert rows["measured"].startswith("mmvp intact 62.0 -> shuffled 21.3 of 100, chance 25.0")
    assert rows["measured"].endswith("unparsed answers: 0 intact, 7 shuffled")
    assert rows["bounds"].startswith("95% one-sided each, about units like these")
    assert rows["n"] == "n=150 of 150, exact; 150 clusters"
    assert rows["limit"] == "<= 2.0 points of 100, for the benchmark"
    assert rows["why"] == "the paper's 0-2 % band (Table 1)"
    assert rows["rerun"] == record.rerun


def test_the_first_line_stands_alone(make_record):
    """Pytest's short summary shows one line: verdict, model, benchmark and value are in it."""
    first = failure_text(make_record()).splitlines()[0]

    assert first == headline(make_record())
    for part in ("accuracy_survives", "mini-llava (mini)", "mmvp", "FAIL", "40.7", "2.0"):
        assert part in first


def test_a_pass_against_the_announcement_says_what_to_do(make_record):
    """The stale expectation is named with its file."""
    record = make_record(verdict={"outcome": Outcome.PASS}, expect="absolute slots")

    text = failure_text(record)

    assert "fail: absolute slots" in text
    assert "delete the expectation in ipllvm_spec/specs/permutation.toml" in text


def test_an_undecided_check_says_how_many_units_it_needs(every_kind):
    """With --strict-undecided this text is a failure too."""
    undecided = next(r for r in every_kind if r.verdict.outcome is Outcome.INCONCLUSIVE)

    text = failure_text(undecided)

    assert "425 units would be expected to decide" in text
    assert "not measured" in text


@pytest.mark.parametrize("index", range(7))
def test_every_kind_has_a_text(every_kind, index):
    """No record, however incomplete, breaks its own explanation."""
    assert every_kind[index].rerun in failure_text(every_kind[index])
