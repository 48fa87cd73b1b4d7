"""Multiple-choice answers: ordered rules, traps closed, the reader blind to the gold answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.parsing import LETTER_RULES, UNPARSED, parse_letter

DOORS = ("Open", "Closed")
PETS = ("A cat", "A dog")
NOUNS = ("a dog", "dog", "wolf", "cat")
BLUES = ("blue", "light blue", "red", "dark red")
STATES = ("Ohio", "Iowa", "Utah", "Maine", "Texas")
NUMBERS = ("1", "12", "3.5%", "2")

# answer, letters, choices, letter or None, rule
TABLE = [
    # a letter and nothing else
    ("A", "AB", DOORS, "A", "letter_alone"),
    ("b", "AB", DOORS, "B", "letter_alone"),
    (" (B) ", "AB", DOORS, "B", "letter_alone"),
    ("**B**.", "AB", DOORS, "B", "letter_alone"),
    ("B. B", "AB", DOORS, "B", "letter_alone"),
    ("\n\nA\n", "AB", DOORS, "A", "letter_alone"),
    ("Ｂ", "AB", DOORS, "B", "letter_alone"),  # noqa: RUF001
    ("a", "AB", PETS, "A", "letter_alone"),
    ("Ｅ", "ABCDE", STATES, "E", "letter_alone"),  # noqa: RUF001
    ("（Ｃ）", "ABCDE", STATES, "C", "letter_alone"),  # noqa: RUF001
    # several letters are no answer
    ("A, B", "AB", DOORS, None, "unparsed"),
    ("A or B", "AB", DOORS, None, "unparsed"),
    ("A/B/C/D", "ABCD", (), None, "unparsed"),
    ("(a) and (b)", "AB", DOORS, None, "unparsed"),
    ("A, E", "ABCD", (), None, "unparsed"),
    # a letter that is not on offer
    ("E", "ABCD", (), None, "unparsed"),
    ("C", "AB", DOORS, None, "unparsed"),
    ("C. Ajar", "AB", DOORS, None, "unparsed"),
    ("F", "ABCDE", STATES, None, "unparsed"),
    # the option's own words
    ("Open", "AB", DOORS, "A", "option_text"),
    ("closed.", "AB", DOORS, "B", "option_text"),
    ("A dog", "AB", PETS, "B", "option_text"),
    ("a  DOG", "AB", PETS, "B", "option_text"),
    ("A dog.", "ABCD", NOUNS, "A", "option_text"),
    ("dog", "ABCD", NOUNS, "B", "option_text"),
    ("light blue", "ABCD", BLUES, "B", "option_text"),
    ("3.5%", "ABCD", NUMBERS, "C", "option_text"),
    ("12", "ABCD", NUMBERS, "B", "option_text"),
    ("Texas", "ABCDE", STATES, "E", "option_text"),
    # a letter first
    ("E. Texas", "ABCDE", STATES, "E", "letter_leading"),
    ("B. Closed", "AB", DOORS, "B", "letter_leading"),
    ("B.Closed", "AB", DOORS, "B", "letter_leading"),
    ("(b) Closed", "AB", DOORS, "B", "letter_leading"),
    ("a) open", "AB", DOORS, "A", "letter_leading"),
    ("A: Open", "AB", DOORS, "A", "letter_leading"),
    ("B\nThe door is shut.", "AB", DOORS, "B", "letter_leading"),
    ("A - the door", "AB", DOORS, "A", "letter_leading"),
    ("B, because A is wrong", "AB", DOORS, "B", "letter_leading"),
    ("B because it is shut", "AB", DOORS, "B", "letter_leading"),
    ("A because it is open", "AB", DOORS, "A", "letter_leading"),
    ("A is correct", "AB", DOORS, "A", "letter_leading"),
    ("A Open", "AB", DOORS, "A", "letter_leading"),
    # the article and abbreviations
    ("A dog", "AB", DOORS, None, "unparsed"),
    ("A dog", "AB", (), None, "unparsed"),
    ("A brown dog", "AB", ("dog", "cat"), "A", "option_contained"),
    ("A wolf", "ABCD", NOUNS, "C", "option_contained"),
    ("The image shows a cat.\nB", "AB", DOORS, "B", "letter_on_last_line"),
    ("A cat sits there.\nB", "AB", DOORS, "B", "letter_on_last_line"),
    ("The answer is a dog", "AB", DOORS, None, "unparsed"),
    ("The answer is A dog", "AB", ("cat", "dog"), "B", "option_contained"),
    ("A.M.", "AB", DOORS, None, "unparsed"),
    ("a.k.a. nothing", "AB", DOORS, None, "unparsed"),
    ("D'accord", "ABCD", (), None, "unparsed"),
    # words are not letters
    ("panda", "AB", DOORS, None, "unparsed"),
    ("Bathroom", "AB", DOORS, None, "unparsed"),
    ("banana", "AB", DOORS, None, "unparsed"),
    ("crab", "AB", DOORS, None, "unparsed"),
    ("Dog", "ABCD", (), None, "unparsed"),
    # phrases
    ("The answer is B", "AB", DOORS, "B", "answer_phrase"),
    ("the answer is (b).", "AB", DOORS, "B", "answer_phrase"),
    ("Answer: A", "AB", DOORS, "A", "answer_phrase"),
    ("The correct answer would be option C, not D", "ABCD", (), "C", "answer_phrase"),
    ("The answer is A. No, the answer is B.", "AB", DOORS, "B", "answer_phrase"),
    ("Option A is wrong. The answer is B.", "AB", DOORS, "B", "answer_phrase"),
    ("I choose option B", "AB", DOORS, "B", "option_phrase"),
    ("Not option A but option B", "AB", DOORS, "B", "option_phrase"),
    ("Option A shows a door, option B a wall", "AB", DOORS, None, "unparsed"),
    # one bare letter
    ("I would say B here", "AB", DOORS, "B", "letter_bare"),
    ("It is (c) to me", "ABCD", (), "C", "letter_bare"),
    ("答案是B", "ABCD", (), "B", "letter_bare"),
    ("选择(E)", "ABCDE", STATES, "E", "letter_bare"),
    ("The answer is not A.", "AB", DOORS, None, "unparsed"),
    ("It could be B or maybe D then", "ABCD", (), None, "unparsed"),
    # the only option mentioned
    ("The door is closed.", "AB", DOORS, "B", "option_contained"),
    ("It is light blue", "ABCD", BLUES, "B", "option_contained"),
    ("The door is not open", "AB", DOORS, None, "unparsed"),
    ("The door isn't open", "AB", DOORS, None, "unparsed"),
    ("open or closed", "AB", DOORS, None, "unparsed"),
    ("about 12 of them", "ABCD", NUMBERS, "B", "option_contained"),
    ("No, never", "AB", ("Yes", "No"), None, "unparsed"),
    # refusals and nothing
    ("", "AB", DOORS, None, "unparsed"),
    ("   \n", "AB", DOORS, None, "unparsed"),
    ("...", "AB", DOORS, None, "unparsed"),
    ("I cannot answer this question.", "AB", DOORS, None, "unparsed"),
    ("no idea", "AB", ("Yes", "No"), None, "unparsed"),
    ("I am not sure whether it is open", "AB", DOORS, None, "unparsed"),
    ("Unclear", "AB", ("Clear", "Unclear"), "B", "option_text"),
    ("Sorry, as an AI I can't see images.", "ABCD", (), None, "unparsed"),
    ("None of the above", "ABCD", (), None, "unparsed"),
    ("I cannot answer", "ABCDE", STATES, None, "unparsed"),
    ("It is not possible to tell.", "AB", DOORS, None, "unparsed"),
    ("\x00\ud800", "ABCD", (), None, "unparsed"),
]


@pytest.mark.parametrize(("text", "letters", "choices", "letter", "rule"), TABLE)
def test_letter_table(text, letters, choices, letter, rule):
    """Each odd answer is read by the rule that is meant for it, or not at all."""
    parsed = parse_letter(text, letters=letters, choices=choices)
    assert (parsed.value, parsed.rule) == (letter, rule)


def test_every_rule_is_exercised():
    """The table above reaches every rule, so none of them is dead."""
    reached = {rule for *_, rule in TABLE}
    assert reached == {name for name, _ in LETTER_RULES} | {"unparsed"}


@pytest.mark.parametrize("choice", ["", " ", "%"])
def test_choices_without_words_match_nothing(choice):
    """An empty option text is not contained in every answer."""
    assert parse_letter("something", letters="AB", choices=(choice, "else")) == UNPARSED


def test_equal_choices_are_ambiguous():
    """Two options with one text cannot be told apart by it."""
    assert parse_letter("blue", letters="AB", choices=("blue", "Blue")) == UNPARSED


@given(st.text(), st.lists(st.text(max_size=12), max_size=5), st.sampled_from(["AB", "ABCDE"]))
def test_any_text_is_read_without_an_error(text, choices, letters):
    """For any text the outcome is a letter on offer with a known rule, or unparsed."""
    parsed = parse_letter(text, letters=letters, choices=choices)
    if parsed.value is None:
        assert parsed == UNPARSED
    else:
        assert parsed.value in letters
        assert parsed.rule in {name for name, _ in LETTER_RULES}


WORDS = st.sampled_from(
    ["A", "a", "B", "b", "the", "answer", "is", "option", "not", "or", "dog", "(A)", "b.", "\n"]
)


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_answers_made_of_letters_and_phrases_never_fail(text):
    """Texts close to what the rules look for are read without an error too."""
    assert parse_letter(text, letters="AB", choices=("a dog", "cat")).value in ("A", "B", None)


@given(
    st.sampled_from("ABCD"), st.sampled_from(["{}", "({})", "{}.", " {}\n", "The answer is {}."])
)
def test_plain_answers_are_always_read(letter, form):
    """The forms that models are asked for are read for every letter."""
    assert parse_letter(form.format(letter), letters="ABCD").value == letter


def test_long_answers_take_linear_time():
    """A degenerate answer of many symbols does not stall the run."""
    for piece in ("(", "a ", "A, ", "answer is ", "\n", "*", "option ("):
        parse_letter(piece * 20_000, letters="ABCD", choices=("a dog", "cat"))
