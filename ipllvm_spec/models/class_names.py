"""Class names against the labels of a classification head. Free of torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches

from ipllvm_spec.benchmarks.classification_lists import spaced
from ipllvm_spec.benchmarks.classification_parsing import normalized
from ipllvm_spec.errors import ModelError

#: A whole list in the head's own order is taken as such when at least this share of it stands
#: under its own label, ...
_IN_PLACE = 0.5
#: ... and at most this share under the label of another class.
_MISPLACED = 0.05


def head_columns(labels: Sequence[str], names: Sequence[str], *, where: str) -> tuple[int, ...]:
    """Finds the output of a head for each class name.

    A name is found when it is a label, or one of its synonyms, for exactly one output; case,
    accents and punctuation do not count. CLIP's names for ImageNet differ from the published
    labels in about a fifth of the classes, and two labels of ImageNet begin with the same word;
    so a whole list in the order of the labels is also taken by position.

    Args:
        labels: Label text by output, synonyms with commas between them.
        names: Class names.
        where: The checkpoint, for the error.

    Returns:
        Output of each name.

    Raises:
        ModelError: When a name is no class of the head, or two names are the same class.
    """
    known: defaultdict[str, set[int]] = defaultdict(set)
    for number, label in enumerate(labels):
        for synonym in (label, *label.split(",")):
            known[normalized(spaced(synonym))].add(number)
    found = [known.get(normalized(spaced(name)), set()) for name in names]
    if all(len(numbers) == 1 for numbers in found):
        columns = tuple(next(iter(numbers)) for numbers in found)
        if len(set(columns)) == len(columns):
            return columns
    if len(names) == len(labels):
        own = sum(number in numbers for number, numbers in enumerate(found))
        other = sum(bool(numbers) and number not in numbers for number, numbers in enumerate(found))
        if own >= _IN_PLACE * len(labels) and other <= _MISPLACED * len(labels):
            return tuple(range(len(labels)))
    raise _mismatch(labels, names, found, where)


def _mismatch(
    labels: Sequence[str], names: Sequence[str], found: Sequence[set[int]], where: str
) -> ModelError:
    strange = [name for name, numbers in zip(names, found, strict=True) if not numbers]
    if strange:
        problem = (
            f"{len(strange)} of {len(names)} classes are none of its own, first '{strange[0]}'"
        )
        # Not all known names, as elsewhere: a head may have a thousand.
        close = get_close_matches(strange[0], labels, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
    else:
        problem = f"some of {len(names)} classes share an output, or could mean several"
        hint = ""
    return ModelError(
        f"{where} was trained on {len(labels)} classes: {problem}",
        f"{hint}ask for those classes, or fit a probe on images of yours with `ipllvm probe`",
    )
