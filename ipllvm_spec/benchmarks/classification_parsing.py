"""Which class of a closed set an answer names, without a judge."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ipllvm_spec.benchmarks.base import Parsed
from ipllvm_spec.benchmarks.parsing import UNPARSED

#: Several classes are named, none of them as part of another's name: wrong, and counted.
AMBIGUOUS = Parsed(None, "ambiguous")

_ARTICLE = re.compile(r"\b(?:a|an|the)\s+")
_PUNCTUATION = re.compile(r"[^\w\s]|_")
_JOINT = re.compile(r"[-_/]")
_PHRASE = re.compile(r"\banswer\s*(?:is|:)[\s:]*(?P<rest>[^\n]+)", re.IGNORECASE)

_Entry = tuple[str, bool]


def normalized(text: str) -> str:
    """Returns text in lower case without accents, punctuation and articles, one space apart.

    An article is dropped only before a space: "a dog" is "dog", "An-12" stays "an 12".
    """
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_PUNCTUATION.sub(" ", _ARTICLE.sub(" ", plain.casefold())).split())


def parse_class(
    text: str, names: tuple[str, ...], aliases: Mapping[str, Sequence[str]] | None = None
) -> Parsed:
    """Reads the one class that an answer names.

    The answer is a class name; else it contains exactly one, on word boundaries, not counting
    those inside a longer one ("crocodile" in "head of a crocodile"); else the same for aliases.

    Args:
        text: The answer.
        names: All class names.
        aliases: Other names by class name; those of classes that are not in ``names`` are left
            out.

    Returns:
        The class name as it stands in ``names``, with the rule ``exact``, ``contained`` or
        ``alias``; ``AMBIGUOUS`` for several classes, ``UNPARSED`` for none.
    """
    pairs = tuple((a, name) for name, others in (aliases or {}).items() for a in others)
    table, longest = _table(names, pairs)
    words = tuple(normalized(text).split())
    if words in table:
        name, is_alias = table[words]
        return Parsed(name, "alias" if is_alias else "exact")
    found = list(_mentions(words, table, longest))
    for is_alias in (False, True):
        named = {name for name, alias in found if alias == is_alias}
        if len(named) > 1:
            return AMBIGUOUS
        if named:
            return Parsed(named.pop(), "alias" if is_alias else "contained")
    return UNPARSED


def parse_class_after_phrase(
    text: str, names: tuple[str, ...], aliases: Mapping[str, Sequence[str]] | None = None
) -> Parsed:
    """Reads the class that follows the last "answer is" or "answer:" on its line.

    Without that phrase, or without one class after it, the whole answer is read by
    ``parse_class``.
    """
    for match in reversed(list(_PHRASE.finditer(text))):
        parsed = parse_class(match["rest"], names, aliases)
        if parsed.value is not None:
            return Parsed(parsed.value, "phrase")
    return parse_class(text, names, aliases)


def _mentions(
    words: Sequence[str], table: Mapping[tuple[str, ...], _Entry], longest: int
) -> Iterator[_Entry]:
    """Yields what the text names, the longest name at each place."""
    reach = 0
    for start in range(len(words)):
        for end in range(min(start + longest, len(words)), max(start, reach), -1):
            entry = table.get(tuple(words[start:end]))
            if entry is not None:
                yield entry
                reach = end
                break


@lru_cache(maxsize=64)
def _table(
    names: tuple[str, ...], aliases: tuple[tuple[str, str], ...]
) -> tuple[Mapping[tuple[str, ...], _Entry], int]:
    """Returns class and kind by the words of each spelling, and the most words of one."""
    table: dict[tuple[str, ...], _Entry] = {}
    known = set(names)
    listed = [(name, name, False) for name in names]
    listed += [(alias, name, True) for alias, name in aliases if name in known]
    # A name as it is written goes before the joined spelling of another ("ATR-42", "ATR42").
    for joined in (False, True):
        for spelling, name, is_alias in listed:
            words = normalized(_JOINT.sub("", spelling) if joined else spelling).split()
            if words:
                table.setdefault(tuple(words), (name, is_alias))
    return table, max(map(len, table), default=0)
