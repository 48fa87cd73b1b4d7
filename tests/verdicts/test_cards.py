"""Model cards are compared with fresh measurements, number by number."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import UnknownNameError
from ipllvm_spec.verdicts.cards import (
    CONDITIONS,
    ENCODER_CONDITIONS,
    TABLE1,
    TOLERANCE,
    card_path,
    classifies,
    conditions_of,
    differences,
    floors_missed,
    twins_of,
    verify_cards,
)

MEASURED = {"mmstar": {"chance": 25.0, "intact": 90.0, "shuffled": 40.0, "blank": 24.0}}


def test_a_card_that_says_what_was_measured_is_right():
    """Rounding differences of another processor are allowed for."""
    close = {"mmstar": {**MEASURED["mmstar"], "intact": 90.0 + TOLERANCE}}

    assert differences(MEASURED, MEASURED) == []
    assert differences(close, MEASURED) == []


def test_every_wrong_or_missing_number_is_named():
    """A number typed in by hand is found."""
    wrong = {"mmstar": {"chance": 25.0, "intact": 98.0, "shuffled": 40.0}}

    assert differences(wrong, MEASURED) == [
        "mmstar intact: the card says 98.0, measured 90.0",
        "mmstar blank: the card says None, measured 24.0",
    ]
    assert len(differences({}, MEASURED)) == 4


def test_only_minis_have_cards():
    """A published checkpoint is not ours to verify."""
    with pytest.raises(UnknownNameError, match="did you mean"):
        verify_cards(["mini-llav"])


def test_floors_are_those_of_table_1():
    """A set that no floor is about is never missed; a judged twin is, under its proxy's name."""
    low = {"chance": 0.0, "intact": 10.0}

    assert floors_missed({"eurosat": low, "gsm8k": low}, {}) == []
    assert floors_missed({"mmvet (proxy)": low, "sqa": low}, {}) == [
        "mmvet (proxy): 15.0 points short of 25 above chance",
        "sqa: 15.0 points short of 25 above chance",
    ]


def test_only_table_1_is_shuffled_and_blanked():
    """Word problems have no image, and no claim is about shuffled classes."""
    assert set(conditions_of("mmvet")) == set(CONDITIONS)
    assert set(conditions_of("gsm8k")) == set(conditions_of("pets")) == {"intact"}


def test_a_card_is_compared_on_what_it_tells_and_written_about_everything():
    """An older card is held to its own twins; a new one names all that are answered."""
    card = {"twins": {"mmstar": {}, "mmvet (proxy)": {}}}

    assert twins_of(card, anew=False) == ("mmstar", "mmvet")
    assert set(TABLE1) < set(twins_of(card, anew=True))
    assert "imagenet" not in twins_of(card, anew=True)


def test_the_card_of_an_encoder_is_about_the_classes_that_it_can_name():
    """A head names its own; with texts any set can be named."""
    head = classifies(card_path("mini-resnet").parent)
    text = classifies(card_path("mini-clip").parent)

    assert head == ("imagenet",)
    assert {"imagenet", "pets", "eurosat"} < set(text)
    assert not set(text) & set(TABLE1)
    assert twins_of({}, anew=True, able=text) == text
    assert twins_of({"twins": {"imagenet": {}}}, anew=False, able=text) == ("imagenet",)
    assert conditions_of("imagenet") is ENCODER_CONDITIONS
