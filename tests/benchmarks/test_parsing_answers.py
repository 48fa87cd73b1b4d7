"""Yes or no by the four-character rule; short answers by relaxed accuracy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.parsing import (
    UNPARSED,
    parse_short_answer,
    parse_yes_no,
    relaxed_match,
    to_number,
)


@pytest.mark.parametrize(
    ("text", "value", "rule"),
    [
        ("Yes", "yes", "exact"),
        (" no. ", "no", "exact"),
        ("N.O.", "no", "exact"),
        ("y", "yes", "initial"),
        ("N.", "no", "initial"),
        ("Yes, there is a dog", "yes", "first_four"),
        ("No, yes", "no", "first_four"),
        ("a yes", None, "unparsed"),  # "a ye": the window ends before the s
        ("yes no", "yes", "first_four"),
        ("None", "no", "first_four"),
        ("not sure", "no", "first_four"),
        ("nope", "no", "first_four"),
        ("eyes", "yes", "first_four"),
        ("The answer is yes", None, "unparsed"),
        ("I do not know", None, "unparsed"),
        ("I cannot answer", None, "unparsed"),
        ("noe", "no", "first_four"),
        ("Ｙes", None, "unparsed"),  # noqa: RUF001
        (" yes", "yes", "exact"),
        ("", None, "unparsed"),
        ("....", None, "unparsed"),
        ("是", None, "unparsed"),
        ("ye", None, "unparsed"),
    ],
)
def test_yes_no_table(text, value, rule):
    """Answers are read as the published evaluators read them, quirks included."""
    parsed = parse_yes_no(text)
    assert (parsed.value, parsed.rule) == (value, rule)


@given(st.text())
def test_yes_no_reads_any_text(text):
    """Any text is yes, no or unparsed; the first four characters decide."""
    parsed = parse_yes_no(text)
    window = text.lower().strip().replace(".", "")[:4]
    assert parsed.value in ("yes", "no", None)
    if parsed.value is None:
        assert "yes" not in window
        assert "no" not in window


@pytest.mark.parametrize(
    ("predicted", "gold", "right"),
    [
        # within 5 %, inclusive, on both sides
        ("105", "100", True),
        ("95", "100", True),
        ("105.01", "100", False),
        ("94.99", "100", False),
        ("12.5", "12", True),
        ("11.4", "12", True),  # relative to the reference, not to the answer
        ("12.61", "12", False),
        ("-105", "-100", True),
        ("100", "-100", False),
        # percent
        ("50%", "0.5", True),
        ("50%", "50", False),
        ("50", "50%", False),
        ("50%", "52%", True),
        ("%", "%", True),
        # commas, currency and words are no numbers: equal texts only
        ("1,234", "1234", False),
        ("1,234", "1,234", True),
        ("$12", "12", False),
        ("12 million", "12", False),
        # years are numbers
        ("1950", "2014", True),
        ("1900", "2014", False),
        # a reference of 0 demands its text
        ("0", "0", True),
        ("0.0", "0", False),
        ("0.01", "0", False),
        ("0", "0.0", False),
        # float's own tolerance
        ("1_000", "1000", True),
        ("1e2", "100", True),
        ("١٢", "12", True),
        ("１２", "12", True),  # noqa: RUF001
        ("inf", "12", False),
        ("nan", "12", False),
        ("inf", "inf", False),
        ("1e999", "100", False),
        # texts
        ("Blue", "blue", True),
        ("blue.", "blue", False),
        ("blue", "red", False),
        ("Yes", "yes", True),
        ("twelve", "12", False),
        ("I cannot tell", "12", False),
    ],
)
def test_relaxed_accuracy_table(predicted, gold, right):
    """Numbers within 5 % of a non-zero reference are right, otherwise equal texts are."""
    assert relaxed_match(predicted, gold) is right


@pytest.mark.parametrize(
    ("text", "value", "rule"),
    [
        (" blue \n", "blue", "text"),
        ("12", "12", "number"),
        ("12%", "12%", "percent"),
        ("12 %", "12 %", "percent"),
        ("%", "%", "text"),
        ("", None, "unparsed"),
        (" \n\t", None, "unparsed"),
    ],
)
def test_short_answers(text, value, rule):
    """A short answer is its stripped text; only nothing at all is unparsed."""
    parsed = parse_short_answer(text)
    assert (parsed.value, parsed.rule) == (value, rule)


@given(st.text(), st.text())
def test_relaxed_accuracy_reads_any_two_texts(predicted, gold):
    """No pair of texts raises, and an answer equal to its textual reference is right."""
    assert relaxed_match(predicted, gold) in (True, False)
    parsed = parse_short_answer(predicted)
    assert (parsed == UNPARSED) == (predicted.strip() == "")
    number = to_number(gold)
    if number is None or number == 0:
        assert relaxed_match(gold, gold)


@given(
    st.floats(0.1, 1e6) | st.floats(-1e6, -0.1),
    st.floats(-0.2, 0.2).filter(lambda error: not math.isclose(abs(error), 0.05, rel_tol=1e-6)),
)
def test_the_band_is_five_percent_of_the_reference(gold, error):
    """Away from the edge, exactly the answers within 5 % of the reference are right."""
    assert relaxed_match(repr(gold * (1 + error)), repr(gold)) == (abs(error) < 0.05)
