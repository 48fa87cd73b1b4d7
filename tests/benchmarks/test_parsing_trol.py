"""The rules that the paper's numbers fit, as TroL publishes them but for two repairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.parsing import UNPARSED, trol

LETTER_RULES = (trol.option_letter, trol.letter_by_position, trol.first_capital)


@pytest.mark.parametrize(
    ("text", "letters", "letter", "rule"),
    [
        ("A", "AB", "A", "letter_alone"),
        (" B \n", "AB", "B", "letter_alone"),
        ("E", "ABCDE", "E", "letter_alone"),
        ("B. Closed", "AB", "B", "letter_leading"),
        ("B.", "AB", "B", "letter_leading"),
        # a period anywhere will do
        ("A dog sits there.", "AB", "A", "letter_leading"),
        ("Because of the light.", "AB", "B", "letter_leading"),
        ("A dog", "AB", None, "unparsed"),
        ("B) Closed", "AB", None, "unparsed"),
        ("The answer is B.", "AB", "B", "answer_phrase"),
        ("The answer is B)", "AB", "B", "answer_phrase"),
        # one more character has to follow
        ("The answer is B", "AB", None, "unparsed"),
        ("The answer is Blue", "AB", "B", "answer_phrase"),
        ("The answer is A. The answer is B.", "AB", None, "unparsed"),
        ("the answer is B.", "AB", None, "unparsed"),
        # letters that are not on offer: TroL would take the last option
        ("C", "AB", None, "unparsed"),
        ("E. Other. The answer is A.", "AB", None, "unparsed"),
        ("The answer is Z.", "AB", None, "unparsed"),
        ("b", "AB", None, "unparsed"),
        ("(B)", "AB", None, "unparsed"),
        ("Ｂ", "AB", None, "unparsed"),  # noqa: RUF001
        ("答案是B", "AB", None, "unparsed"),
        ("", "AB", None, "unparsed"),
        (".", "AB", None, "unparsed"),
        ("I cannot answer this question.", "AB", None, "unparsed"),
    ],
)
def test_letters_of_qbench_and_sqa(text, letters, letter, rule):
    """A letter alone, a leading one with a period anywhere, or one whole sentence."""
    parsed = trol.option_letter(text, letters)
    assert (parsed.value, parsed.rule) == (letter, rule)


@pytest.mark.parametrize(
    ("text", "letter", "rule"),
    [
        ("A", "A", "first_character"),
        ("b", "B", "first_character"),
        ("B: blue", "B", "first_character"),
        ("banana", "B", "first_character"),
        ("Dog", "D", "first_character"),
        ("A dog", "A", "first_character"),
        ("can not say", "C", "first_character"),
        ("(C) a cat", "C", "in_brackets"),
        ("(cat", "C", "in_brackets"),
        ("Option d", "D", "option_phrase"),
        ("The answer is a cat", "A", "answer_phrase"),
        ("The answer\nis D.", "D", "answer_phrase"),
        ("The answer is: D", None, "unparsed"),
        ("The correct answer is D", None, "unparsed"),
        ("panda", None, "unparsed"),
        ("E", None, "unparsed"),
        ("option", None, "unparsed"),
        ("(", None, "unparsed"),
        ("**A**", None, "unparsed"),
        ("Ａ", None, "unparsed"),  # noqa: RUF001
        ("答案是B", None, "unparsed"),
        ("", None, "unparsed"),
        ("I cannot answer", None, "unparsed"),
    ],
)
def test_letters_of_mmstar(text, letter, rule):
    """The first character counts, or the one after one of three beginnings."""
    parsed = trol.letter_by_position(text, "ABCD")
    assert (parsed.value, parsed.rule) == (letter, rule)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(B) root", "B"),
        ("answer: C", "C"),
        ("it is D, not A", "D"),
        ("Cat", "C"),
        ("答案是B", "B"),
        ("The answer is B", None),  # T is no option
        ("Root", None),
        ("b", None),
        ("1", None),
        ("", None),  # TroL stops here
        ("\n", None),
    ],
)
def test_letters_of_ai2d(text, letter):
    """The first capital anywhere, when it is an option."""
    assert trol.first_capital(text, "ABCD").value == letter


@given(st.text(), st.sampled_from(["A", "AB", "ABCD", "ABCDE"]))
def test_any_text_is_read_without_an_error(text, letters):
    """For any text the outcome of each rule is a letter on offer, or unparsed."""
    for rule in LETTER_RULES:
        parsed = rule(text, letters)
        assert parsed == UNPARSED or (len(parsed.value) == 1 and parsed.value in letters)


@pytest.mark.parametrize(
    ("text", "value", "rule"),
    [
        ("12 million", "12", "number"),
        (" 12", "12", "number"),
        ("in 2014", "in", "text"),
        ("12 %", "12", "number"),
        ("12%", "12%", "percent"),
        ("$12 or so", "$12", "text"),
        ("1,234 people", "1,234", "text"),
        ("light blue", "light blue", "text"),
        ("twelve of them", "twelve of them", "text"),
        ("١٢ of them", "١٢", "number"),
        ("", None, "unparsed"),
        (" \n", None, "unparsed"),
    ],
)
def test_short_answers(text, value, rule):
    """An answer with a digit is cut at its first space; only nothing at all is unparsed."""
    parsed = trol.short_answer(text)
    assert (parsed.value, parsed.rule) == (value, rule)


@pytest.mark.parametrize(
    ("predicted", "gold", "right"),
    [
        # the band is relative to the answer
        ("12.61", "12", True),
        ("11.4", "12", False),
        ("100", "95", True),
        ("100", "105", True),
        ("100", "94.9", False),
        ("-100", "-105", True),
        ("-100", "105", False),
        # percent signs are dropped and divide nothing
        ("50%", "50", True),
        ("50", "50%", True),
        ("50%", "0.5", False),
        # zeros demand the text
        ("0", "0", True),
        ("0.0", "0", False),
        ("0", "0.0", False),
        ("0.001", "0", False),
        # years are numbers; commas, currency and words are not
        ("1950", "2014", True),
        ("1,234", "1234", False),
        ("1,234", "1,234", True),
        ("$12", "12", False),
        ("１２", "12", True),  # noqa: RUF001
        ("inf", "12", False),
        ("nan", "12", False),
        ("Blue", "blue", True),
        ("blue.", "blue", False),
    ],
)
def test_relaxed_accuracy_with_exchanged_arguments(predicted, gold, right):
    """Numbers within 5 % of a non-zero answer are right, otherwise equal texts are."""
    assert trol.relaxed_match(predicted, gold) is right


@given(st.text(), st.text())
def test_relaxed_accuracy_reads_any_two_texts(text, gold):
    """No pair of texts raises."""
    parsed = trol.short_answer(text)
    assert (parsed == UNPARSED) == (text.strip() == "")
    assert trol.relaxed_match(parsed.value or "", gold) in (True, False)
