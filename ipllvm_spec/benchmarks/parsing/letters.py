"""Letters of multiple-choice answers.

Every rule has a name, rules are tried in order and the first that decides wins.

They follow the ordered rules of lmms-eval's MMVP and MMStar parsers with their traps closed:

* "A dog" is an article with a noun, not the letter A. It is read as the option "A dog" or as the
  only option contained in it ("dog"); where neither exists it is unparsed. lmms-eval reads A.
* A letter must stand alone, so "panda" is not A, and the first letter of "Bathroom" is not B.
* Different letters without a phrase such as "the answer is" are no answer; no letter is preferred.
* Full-width letters count as letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ipllvm_spec.benchmarks.base import Parsed
from ipllvm_spec.benchmarks.parsing.outcome import UNPARSED

#: What a rule returns to end the search: the answer is readable as no answer.
_REFUSE = ""

# A letter that stands alone: upper case anywhere, lower case only before punctuation or the end,
# because "a" within a sentence is an article. Boundaries are ASCII so that CJK text may touch it.
_ALONE = r"([A-Z](?![A-Za-z0-9_'\u2019])|[a-z](?=\s*(?:[).,;:\]*\"!]|$)))"
_OPENERS = r"[\s(\[{*\"'`]*"
_LEADING = re.compile(
    rf"{_OPENERS}([A-Za-z])(?:(?=[)\].:,;*])(?!\.[A-Za-z]\.)|[ \t]*\n|[ \t]+[-\u2013\u2014][ \t])"
)
_LEADING_WORD = re.compile(rf"{_OPENERS}([A-Z])[ \t]+(?=\S)")
_ANSWER = re.compile(
    r"(?i:\banswer(?:\s+(?:is|would\s+be|should\s+be|must\s+be)\b|\s*[:=])"
    rf"\s*(?:(?:option|choice|letter)\b)?)[\s(\[*\"':]*{_ALONE}"
)
_OPTION = re.compile(rf"(?i:\b(?:option|choice)\b)[\s(\[*\"':]*{_ALONE}")
_BARE = re.compile(
    r"(?<![A-Za-z0-9_'\u2019])(?<!\bnot )(?:([A-Z])(?![A-Za-z0-9_'\u2019])|(?<=\()([a-z])(?=\)))"
)
#: Characters of a sentence that says one thing.
_SENTENCE = 64
_WORD = re.compile(r"[^\W_]+")
_NEGATION = re.compile(r"\b(?:not|no|none|neither|cannot|never)\b|n['\u2019]t\b")
#: Said of not knowing, whatever option it happens to contain: "no idea" is not the option "No".
_REFUSAL = re.compile(r"\b(?:no idea|not sure|unsure|unclear|unable|cannot|can['\u2019]?t)\b")
#: Words after which a capital A was the letter: "A is correct". Before any other it is an article.
_AFTER_LETTER_A = frozenset({"is", "because", "since"})


@dataclass(frozen=True)
class _Question:
    """What a letter rule may look at."""

    text: str
    letters: str
    choices: tuple[str, ...]

    def known(self, letter: str) -> str | None:
        return letter.upper() if letter.upper() in self.letters else None

    def is_article(self, letter: str, *, end: int) -> bool:
        """Whether the A that ends at ``end`` stands before a noun."""
        if letter.upper() != "A":
            return False
        following = re.match(r"[ \t]+([^\W_]+)", self.text[end:])
        return following is not None and following[1].lower() not in _AFTER_LETTER_A


def _collapse(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _core(text: str) -> str:
    """Returns the text without symbols and spaces at its ends, case and spacing folded."""
    start, end = 0, len(text)
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return _collapse(text[start:end])


def _only(found: Sequence[str]) -> str | None:
    return found[0] if len(set(found)) == 1 else None


def _letter_alone(question: _Question) -> str | None:
    words = {word.upper() for word in _WORD.findall(question.text)} - {"AND", "OR"}
    if not words or any(len(word) > 1 or not "A" <= word <= "Z" for word in words):
        return None
    return _REFUSE if len(words) > 1 else question.known(words.pop()) or _REFUSE


def _option_text(question: _Question) -> str | None:
    for fold in (_collapse, _core):
        answer = fold(question.text)
        hits = [
            letter
            for letter, choice in zip(question.letters, question.choices, strict=False)
            if answer and fold(choice) == answer
        ]
        if hits:
            return _only(hits)
    return None


def _letter_leading(question: _Question) -> str | None:
    if match := _LEADING.match(question.text):
        return question.known(match[1])
    match = _LEADING_WORD.match(question.text)
    if match is None or (letter := question.known(match[1])) is None:
        return None
    place = question.letters.index(letter)
    own_text = place < len(question.choices) and _core(question.choices[place]) == _core(
        question.text[match.end() :]
    )
    if own_text or not question.is_article(letter, end=match.end(1)):
        return letter
    return None


def _answer_phrase(question: _Question) -> str | None:
    # A later phrase corrects an earlier one: "The answer is A. No, the answer is B."
    for match in reversed(list(_ANSWER.finditer(question.text))):
        if not question.is_article(match[1], end=match.end(1)):
            return question.known(match[1])
    return None


def _letter_on_last_line(question: _Question) -> str | None:
    lines = [line for line in question.text.splitlines() if _core(line)]
    last = _core(lines[-1]) if lines else ""
    return question.known(last) if len(lines) > 1 and len(last) == 1 else None


def _option_phrase(question: _Question) -> str | None:
    found = [
        match[1].upper()
        for match in _OPTION.finditer(question.text)
        if not question.text[: match.start()].rstrip().lower().endswith("not")
    ]
    if len(set(found)) > 1:
        return _REFUSE
    return question.known(found[0]) if found else None


def _letter_bare(question: _Question) -> str | None:
    found = []
    for match in _BARE.finditer(question.text):
        letter = match[1] or match[2]
        if question.known(letter) and not question.is_article(letter, end=match.end()):
            found.append(letter.upper())
    return _only(found)


def _option_contained(question: _Question) -> str | None:
    answer = _collapse(question.text)
    texts = [_core(choice) for choice in question.choices]
    if _REFUSAL.search(answer) and answer not in texts:
        return None
    # A long answer mentions options by the way. VLMEvalKit's bound, but a short sentence may pass.
    if len(answer) > max(_SENTENCE, 2 * sum(map(len, texts))):
        return None
    found = []
    # Longest first and blanked out, so that "light blue" does not also count as "blue".
    for text in sorted({text for text in texts if text}, key=lambda text: (-len(text), text)):
        pattern = rf"(?<!\w){re.escape(text)}(?!\w)"
        shorter = re.sub(pattern, "\0", answer)
        if shorter != answer:
            found.append(text)
            answer = shorter
    if len(found) != 1 or texts.count(found[0]) != 1 or _NEGATION.search(answer):
        return None
    place = texts.index(found[0])
    return question.letters[place] if place < len(question.letters) else None


#: The letter rules in the order in which they are tried.
LETTER_RULES: tuple[tuple[str, Callable[[_Question], str | None]], ...] = (
    ("letter_alone", _letter_alone),
    ("option_text", _option_text),
    ("letter_leading", _letter_leading),
    ("answer_phrase", _answer_phrase),
    ("letter_on_last_line", _letter_on_last_line),
    ("option_phrase", _option_phrase),
    ("letter_bare", _letter_bare),
    ("option_contained", _option_contained),
)


def parse_letter(text: str, *, letters: str, choices: Sequence[str] = ()) -> Parsed:
    """Reads the letter of a multiple-choice answer.

    Args:
        text: The raw answer; any text is allowed.
        letters: The letters on offer, upper case, for example ``"ABCD"``.
        choices: Option texts in order of ``letters``; empty when they are not known.

    Returns:
        An upper-case letter of ``letters`` with the rule that read it, or ``UNPARSED``.
    """
    normal = unicodedata.normalize("NFKC", text).strip()
    question = _Question(normal, letters, tuple(choices))
    for name, rule in LETTER_RULES:
        letter = rule(question)
        if letter is not None:
            return Parsed(letter, name) if letter != _REFUSE else UNPARSED
    return UNPARSED
