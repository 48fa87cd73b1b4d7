"""Claims across models: who is compared with whom, on which data, and what may not be declared."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.loader import load_suite

CLAIM = """
[claim.brighter]
statement = "It sees more in the dark than another."
sweep = { blank_image = { colour = [[90, 0, 0], [250, 0, 0]] } }
against = { "*" = ["small", "big"], "small~*" = "small", "small~odd*" = "big" }
benchmarks = ["quiz"]
limit.contrast = { at_least = 1.0, why = "a test" }

[claim.worst]
"""
WHERE = "order.toml: claim.brighter.against"


@pytest.fixture
def compared(edit):
    """The valid specs with a claim across models."""
    return edit("order.toml", "\n[claim.worst]\n", CLAIM)


def case(folder, model, **options):
    """The one case of the claim for a model."""
    (found,) = load_suite(folder).cases("order.brighter", models=[model], **options)
    return found


@pytest.mark.parametrize(
    ("model", "data", "against"),
    [
        ("small~zero_tower", "published", "small"),
        ("big~forced_a", "published", "big"),
        ("./mine", "twin", "small"),
        ("./mine", "published", "big"),
        # The most specific pattern has no model on its data, so the next one is asked.
        ("small~odd", "published", "small"),
    ],
)
def test_a_model_is_compared_on_its_own_data(compared, model, data, against):
    """Both sides of a comparison answer the same units."""
    found = case(compared, model, data=data)
    other = found.reference()

    assert (found.against.model, found.skip, found.key) == (against, "", f"{model}:quiz")
    assert found.models() == (model, against)
    assert (other.model, other.entry.key, other.against) == (against, against, None)
    assert (other.sources, other.sweep) == (found.sources, found.sweep)


def test_a_model_is_not_compared_with_itself(compared):
    """The reference's own check says why it is not decided."""
    assert case(compared, "big").skip == "'big' is what the others are compared with"


def test_without_a_model_on_the_same_data_nothing_is_decided(compared, edit):
    """The skip names the model."""
    edit("order.toml", '["small", "big"]', '"small"')

    assert case(compared, "big").skip == (
        "nothing on the same data is declared that 'big' is compared with"
    )


def test_other_claims_have_no_reference(compared):
    """Asking for one is a mistake of the check, which the message mends."""
    found = load_suite(compared).cases("order.seen")[0]

    assert (found.against, found.models()) == (None, ("small",))
    with pytest.raises(SpecError, match=r"order\.seen names no model that others"):
        found.reference()


def test_no_model_is_judged_by_its_own_look(compared, edit):
    """Salient patches are another model's choice; which ones are random is nobody's."""
    edit("models.toml", 'data = "twin"', 'data = "twin"\nsaliency = "twin"')
    assert case(compared, "small~zero_tower").skip == ""
    edit(
        "order.toml",
        "sweep = { blank_image = { colour = [[90, 0, 0], [250, 0, 0]] } }",
        'sweep = { patch_drop = { kind = "salient", ratio = [0.3, 0.5] } }',
    )

    assert case(compared, "small~zero_tower").skip == (
        "the attention of 'small~zero_tower' itself says which patches are salient"
    )
    assert case(compared, "./mine", data="twin").skip == ""


def test_encoders_are_measured_for_claims_about_encoders_alone(compared, edit):
    """A profile names them apart; the user's models are measured for both."""
    edit("profiles.toml", "[profile.default]", '[profile.default]\nencoders = ["big"]')
    edit("order.toml", 'needs = ["visual_tokens"]', 'needs = ["classify"]')
    suite = load_suite(compared)

    assert [found.model for found in suite.cases("order.seen", benchmarks=["quiz"])] == ["big"]
    assert suite.cases("order.seen", profile="paper") == ()
    asked = suite.cases("order.seen", models=["small"], benchmarks=["quiz"])
    assert [found.model for found in asked] == ["small"]
    assert asked[0].needs() == {"classify", "pixels"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["small", "big"]', '"bog"', f"{WHERE}.\"*\": unknown model 'bog'; did you mean 'big'?"),
        (
            '["small", "big"]',
            '["big", "big"]',
            f"{WHERE}.\"*\": 'big' and 'big' are both measured on published data; name one of them",
        ),
        ('"small~*" = "small"', '"smoll~*" = "small"', f'{WHERE}."smoll~*": matches no model; '),
        (
            '"small~*" = "small"',
            '"s*l" = "small", "b*g" = "big", "sm*" = "small"',
            f'{WHERE}: "*", "s*l", "sm*" all match \'small\'; make one more specific',
        ),
        ('["small", "big"]', "3", f"{WHERE}: each value must be a model or a list of models"),
        ('["small", "big"]', "[]", f"{WHERE}: each value must be a model or a list of models"),
        ("limit.contrast", "limit.every_drop", f"{WHERE}: key 'against' belongs to statistic"),
    ],
)
def test_what_contradicts_itself_is_refused(compared, edit, old, new, message):
    """One message with file, key path and what to do."""
    edit("order.toml", old, new)
    if new.startswith("limit"):
        edit("order.toml", 'at_least = 1.0, why = "a test"', 'at_most = 1.0, why = "a test"')
    with pytest.raises(SpecError) as caught:
        load_suite(compared)
    assert str(caught.value).startswith(message)


def test_a_profile_names_known_encoders(compared, edit):
    """With file and key path."""
    edit("profiles.toml", "[profile.default]", '[profile.default]\nencoders = ["bog"]')
    with pytest.raises(SpecError, match=r"profile\.default\.encoders: unknown model 'bog'"):
        load_suite(compared)
