"""Numbers, lists and words are read in one spelling, whatever the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.parsing.numbers import (
    as_float,
    as_integer,
    as_list,
    last_list,
    numbers,
    plain,
    tokens,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("14", ("14",)),
        ("It is 14.", ("14",)),
        ("0.10 or .5", ("0.10", ".5")),
        ("$1,234.50", ("1234.50",)),
        ("-$5 and -7", ("-5", "-7")),
        ("−3", ("-3",)),  # noqa: RUF001
        ("7%", ("7",)),
        ("3-5", ("3", "5")),
        ("(2)-1", ("2", "1")),
        ("1,2,3", ("1", "2", "3")),
        ("1,2345", ("1", "2345")),
        ("1,000,000 people", ("1000000",)),
        ("[2007, 2008]", ("2007", "2008")),
        ("x=5, y = -1", ("5", "-1")),
        ("2e3 and 5em", ("2e3", "5")),
        ("5 cm²", ("5",)),
        ("10² units", ("10",)),
        ("about ½", ()),
        ("H2O at v1.5, x_1", ()),
        ("2.3.4", ("2.3",)),
        ("１２", ("12",)),  # noqa: RUF001
        ("答案是5个", ("5",)),
        ("٣", ("٣",)),
        ("none", ()),
        ("", ()),
        ("...", ()),
    ],
)
def test_numbers(text, found):
    """Signs, separators and units are told from the number; digits of words are left out."""
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("text", "integer", "rounded"),
    [
        ("14", "14", "14.0"),
        ("14.0", "14", "14.0"),
        ("14.7", "14", "14.7"),
        ("-14.7", "-14", "-14.7"),
        (" 2 ", "2", "2.0"),
        ("0.9", "0", "0.9"),
        ("0.10", "0", "0.1"),
        ("0.25", "0", "0.2"),
        ("٣", "3", "3.0"),
        ("1,000", None, None),
        ("7%", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("-Infinity", None, None),
        ("9" * 400, None, None),
        ("9" * 5000, None, None),
        ("B", None, None),
        ("", None, None),
    ],
)
def test_published_forms(text, integer, rounded):
    """Integers are cut towards zero, floats rounded in binary; what float cannot read is None."""
    assert as_integer(text) == integer
    assert as_float(text, places=1) == rounded


@pytest.mark.parametrize(
    ("text", "whole", "last"),
    [
        ("[2007, 2008]", "[2007, 2008]", "[2007, 2008]"),
        (" [2007,2008 ] ", "[2007, 2008]", "[2007, 2008]"),
        ("[1.0, 2]", "[1.0, 2]", "[1.0, 2]"),
        ("Not [1, 2] but [3, 4].", None, "[3, 4]"),
        ("[1, 2] and []", None, "[1, 2]"),
        ("[[1, 2], 3]", None, "[1, 2]"),
        ("(1, 2)", None, None),
        ("[]", None, None),
        ("[ , ]", None, None),
        ("1, 2", None, None),
    ],
)
def test_lists(text, whole, last):
    """Only brackets make a list; its spacing is unified and its entries are left alone."""
    assert as_list(text) == whole
    assert last_list(text) == last


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A Red circle!", ("a", "red", "circle")),
        ("x=-1; X = 5.50", ("x", "-1", "x", "5.5")),
        ("It's $1,200.00", ("it's", "1200")),
        ("15 is not 5", ("15", "is", "not", "5")),
        ("14.0", ("14",)),
        ("well-known", ("well", "known")),
        ("?!", ()),
    ],
)
def test_tokens(text, found):
    """Words are folded, numbers get their shortest spelling, punctuation goes."""
    assert tokens(text) == found


@given(st.text())
def test_nothing_raises(text):
    """Every text can be read, and what is read is a number where one is promised."""
    assert all(float(number) is not None for number in numbers(text))
    assert plain(text) == plain(plain(text))
    for form in (as_integer(text), as_float(text, places=2)):
        assert form is None or float(form) == float(form)
    listed = last_list(text)
    assert listed is None or as_list(listed) == listed
    assert tokens(text) == tokens(" ".join(tokens(text))) or not text.isascii()


@given(st.text(alphabet="0123456789.,-$% []eE", max_size=40))
def test_nothing_raises_among_digits(text):
    """Texts made of what numbers are made of are read as well."""
    assert all(float(number) is not None for number in numbers(text))
    last_list(text)
    tokens(text)


@given(st.integers(-(10**12), 10**12))
def test_every_spelling_of_an_integer(value):
    """Plain, with separators, with a currency sign, in a sentence: the same number."""
    for text in (f"{value}", f"{value:,}", f"It is {value:,}.", f"{value}%"):
        assert [float(number) for number in numbers(text)] == [value]
    assert as_integer(str(value)) == str(value)


@given(st.lists(st.integers(-999, 999), min_size=1, max_size=6))
def test_every_list(values):
    """A list as Python prints it is found again anywhere, and is its own form."""
    text = str(values)
    assert as_list(text) == text
    assert last_list(f"So [0] became {text}.") == text
