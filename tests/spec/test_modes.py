"""Protocol modes: a claim may declare one, and every benchmark must offer what it is asked for."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError, UnknownNameError
from ipllvm_spec.spec.loader import load_suite

QUIZ = 'licence = "MIT"\nunits = 1000'
CHARTS = 'licence = "MIT"\nunits = 100\n'


@pytest.fixture
def offer(edit):
    """Lets both benchmarks of the small suite offer modes."""

    def change(quiz, charts):
        edit("benchmarks.toml", QUIZ, f"modes = {quiz}\n{QUIZ}")
        return edit("benchmarks.toml", CHARTS, f"modes = {charts}\n{CHARTS}")

    return change


def test_a_claim_without_a_mode_has_the_profiles(offer, edit):
    """The profile's mode is the default of every claim, and standard the default of a profile."""
    offer('["standard", "open"]', '["standard", "open"]')
    folder = edit("profiles.toml", "[profile.paper]\n", '[profile.paper]\nmode = "open"\n')

    suite = load_suite(folder)

    modes = {p: {c.mode for c in suite.cases("order.survives", profile=p)} for p in suite.profiles}
    assert modes == {"smoke": {"standard"}, "default": {"standard"}, "paper": {"open"}}


def test_a_claim_declares_any_mode_that_its_benchmarks_offer(offer, edit):
    """Its own mode wins over the profile's, for every benchmark that it names."""
    offer('["standard", "closed_set"]', '["standard"]')
    folder = edit("order.toml", "[claim.worst]\n", '[claim.worst]\nmode = "closed_set"\n')

    suite = load_suite(folder)

    assert {case.mode for case in suite.cases("order.worst")} == {"closed_set"}
    assert {case.mode for case in suite.cases("order.survives")} == {"standard"}


#: What is declared: file, table, mode, the whole message.
MISTAKES = {
    "mode that nothing offers": (
        "order.toml",
        "claim.seen",
        "opn",
        (
            "order.toml: claim.seen.mode: 'quiz' of order.seen has no protocol mode 'opn'; "
            "did you mean 'open'?"
        ),
    ),
    "mode that one of the benchmarks lacks": (
        "order.toml",
        "claim.seen",
        "open",
        (
            "order.toml: claim.seen.mode: 'charts' of order.seen has no protocol mode 'open'; "
            "known: standard"
        ),
    ),
    "mode of a profile": (
        "profiles.toml",
        "profile.paper",
        "paper",
        (
            "profiles.toml: profile.paper.mode: 'quiz' of order.seen has no protocol mode 'paper'; "
            "known: open, standard"
        ),
    ),
    "mode that cannot be a name": (
        "order.toml",
        "claim.seen",
        "Open answers",
        "order.toml: claim.seen.mode: string should match pattern '^[a-z][a-z0-9_]*$'",
    ),
    "guard in a mode of its own": (
        "order.toml",
        "claim.seen",
        "standard",
        (
            "order.toml: claim.survives.requires: guard 'order.seen' declares mode 'standard', "
            "which is not this claim's; give both the same or the guard none"
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mode_that_is_not_offered_is_named(offer, edit, mistake):
    """The message says where it is declared, for which benchmark, and what there is."""
    file, table, mode, message = MISTAKES[mistake]
    offer('["standard", "open"]', '["standard"]')
    folder = edit(file, f"[{table}]\n", f'[{table}]\nmode = "{mode}"\n')

    with pytest.raises(SpecError) as caught:
        load_suite(folder)

    assert str(caught.value) == message


def test_a_data_set_without_a_metric_is_no_benchmark_of_a_claim(offer):
    """Images and captions are loaded by other measures; no claim can be decided on them."""
    folder = offer('["standard"]', "[]")

    with pytest.raises(SpecError, match=r"claim.seen.benchmarks: 'charts' is a data set without"):
        load_suite(folder)


def test_sizes_in_paper_mode(edit):
    """Paper mode may have sizes of its own; all four are given then."""
    sizes = "paper = { units = 9, items = 9, twin_units = 5, twin_items = 5 }\n"
    folder = edit("benchmarks.toml", CHARTS, sizes + CHARTS)

    charts = load_suite(folder).benchmarks["charts"]

    assert charts.size("standard").units == 100
    assert (charts.size("paper").units, charts.size("paper").twin_items) == (9, 5)
    with pytest.raises(SpecError, match=r"benchmark.charts.paper: missing key 'twin_items'"):
        load_suite(edit("benchmarks.toml", ", twin_items = 5 }", " }"))


def test_the_users_mode_wins_over_the_profiles_and_not_over_a_claims(offer, edit):
    """A claim that declares a mode is about that protocol, whatever is asked for."""
    offer('["standard", "open"]', '["standard", "open"]')
    suite = load_suite(edit("order.toml", "[claim.worst]\n", '[claim.worst]\nmode = "standard"\n'))

    modes = {
        claim: {case.mode for case in suite.cases(claim, mode="open")} for claim in suite.claims
    }

    assert modes["order.survives"] == {"open"}
    assert modes["order.worst"] == {"standard"}
    with pytest.raises(UnknownNameError, match="unknown protocol mode of quiz 'opn'"):
        suite.cases("order.survives", mode="opn")
