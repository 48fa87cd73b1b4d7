"""Model cards are compared with fresh measurements, number by number."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import UnknownNameError
from ipllvm_spec.verdicts.cards import TOLERANCE, differences, verify_cards

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
