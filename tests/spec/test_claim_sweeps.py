"""Claims over a sweep: which conditions a case measures, and what may not be declared."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.cases import Condition
from ipllvm_spec.spec.interventions import BlankImage, Identity
from ipllvm_spec.spec.loader import load_suite

SWEEP = "sweep = { blank_image = { colour = [[0, 0, 0], [90, 0, 0], [250, 0, 0]] } }"
CLAIM = f"""
[claim.darker]
statement = "A dark image says less than a red one."
{SWEEP}
benchmarks = ["quiz"]
repeats = 2
limit.contrast = {{ at_least = 1.0, why = "a test" }}

[claim.worst]
"""
COLOURS = tuple(BlankImage(colour=(red, 0, 0)) for red in (0, 90, 250))
DARKER = "order.toml: claim.darker"


@pytest.fixture
def swept(edit):
    """The valid specs with a claim over a sweep."""
    return edit("order.toml", "\n[claim.worst]\n", CLAIM)


def test_a_case_measures_every_condition_of_the_sweep_in_every_repeat(swept):
    """Intact once, then each condition as often as the claim repeats."""
    (case,) = load_suite(swept).cases("order.darker", models=["small"], profile="paper")
    assert case.sweep == COLOURS
    assert case.conditions() == (
        Condition(Identity(), 0),
        *(Condition(colour, repeat) for colour in COLOURS for repeat in range(2)),
    )
    assert case.needs() == {"pixels", "visual_tokens", "answers"}


def test_a_profile_measures_some_levels(swept, edit):
    """The sweep is cut by value, not by place, and only in that profile."""
    edit(
        "profiles.toml",
        "[profile.default]",
        "[profile.default]\nlevels = { 'blank_image.colour' = [[250, 0, 0], [0, 0, 0]] }",
    )
    suite = load_suite(swept)
    (cut,) = suite.cases("order.darker", models=["small"])
    (whole,) = suite.cases("order.darker", models=["small"], profile="paper")
    assert (cut.sweep, whole.sweep) == ((COLOURS[0], COLOURS[2]), COLOURS)
    assert len({hash(profile) for profile in suite.profiles.values()}) == 3


def test_a_claim_over_a_sweep_survives_its_own_json(swept):
    """What ``ipllvm spec show --json`` prints names the interventions."""
    claim = load_suite(swept).claims["order.darker"]
    assert claim.model_dump(mode="json")["sweep"][1] == [{"blank_image": {"colour": [90, 0, 0]}}]


@pytest.mark.parametrize(
    "mistake",
    [
        (
            "order.toml",
            SWEEP,
            "intervention = { blank_image = {} }",
            f"{DARKER}: statistic 'contrast' needs the key 'sweep'",
        ),
        (
            "order.toml",
            SWEEP,
            f"{SWEEP}\nintervention = {{ blank_image = {{}} }}",
            f"{DARKER}: a sweep stands in the place of an intervention; remove one",
        ),
        (
            "order.toml",
            "limit.contrast",
            "limit.gap",
            f"{DARKER}: statistic 'gap' needs the key 'control'",
        ),
        (
            "order.toml",
            "repeats = 5\nrequires",
            f"{SWEEP}\nrequires",
            "order.toml: claim.survives: key 'sweep' belongs to statistic 'contrast'",
        ),
        (
            "order.toml",
            "[90, 0, 0]",
            "[0, 0, 0]",
            f"{DARKER}.sweep: blank_image: a sweep names the same intervention twice",
        ),
        (
            "profiles.toml",
            "[profile.default]",
            "[profile.default]\nlevels = { 'blank_image.colour' = [[1, 1, 1]] }",
            (
                f"profiles.toml: profile.default.levels: nothing is left of {DARKER}.sweep; "
                "name at least one of its values"
            ),
        ),
        (
            "profiles.toml",
            "[profile.default]",
            "[profile.default]\nlevels = { 'blank_image.color' = [[1, 1, 1]] }",
            (
                "profiles.toml: profile.default.levels.blank_image: unknown parameter 'color'; "
                "did you mean 'colour'?"
            ),
        ),
    ],
)
def test_what_contradicts_itself_is_refused(swept, edit, mistake):
    """One message with file, key path and what to do."""
    file, old, new, message = mistake
    edit(file, old, new)
    with pytest.raises(SpecError) as caught:
        load_suite(swept)
    assert str(caught.value) == message
