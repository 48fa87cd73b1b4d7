"""What judged benchmarks share: cache keys, readers of the judge's reply, parts of the metric."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from math import isfinite

from ipllvm_spec.benchmarks.base import Item, ItemScore, JudgeCall, JudgeUse, Parsed, Unit
from ipllvm_spec.benchmarks.scoring import PerQuestion

#: The judge's reply could not be used; the answer is neither right nor wrong.
UNREADABLE = Parsed(None, "judge unreadable")

# What judges put around a number: table bars, emphasis, quotes, brackets, the end of a sentence.
_AROUND = "|*`\"'()[] \t"
_NUMBER = r"(\d+(?:\.\d+)?)"
_PAIR = re.compile(rf"[*`\"'(\[\s]*{_NUMBER}(?:\s*,\s*|\s+){_NUMBER}[*`\"')\].\s]*")


def normalised(answer: str) -> str:
    """Returns an answer as it is shown to a judge and as it keys the cache: NFKC, stripped."""
    return unicodedata.normalize("NFKC", answer).strip()


def key(*parts: str) -> str:
    """Returns what identifies an item and everything that a rubric shows of it, without answer."""
    return json.dumps(parts, ensure_ascii=False)


def read_score(reply: str) -> float | None:
    """Reads MM-Vet's grade: the first word of the reply must be a number from 0 to 1.

    Returns:
        None for a reply that begins with something else.
    """
    words = reply.strip(_AROUND + "\n\r").split()
    try:
        grade = float(words[0].strip(_AROUND).rstrip(".,;:")) if words else -1.0
    except ValueError:
        return None
    return grade if 0.0 <= grade <= 1.0 else None


def reads_score(reply: str) -> bool:
    """Whether ``read_score`` can use a reply."""
    return read_score(reply) is not None


def read_pair(reply: str) -> tuple[float, float] | None:
    """Reads LLaVA-W's ratings: the first line must hold two numbers from 1 to 10, nothing else.

    Returns:
        The ratings of the first and the second answer; None for any other reply, so "8/10 7/10"
        and "Assistant 1: 8" are not guessed at.
    """
    lines = reply.strip().splitlines()
    match = _PAIR.fullmatch(lines[0]) if lines else None
    if match is None:
        return None
    pair = float(match[1]), float(match[2])
    return pair if all(isfinite(x) and 1.0 <= x <= 10.0 for x in pair) else None


def reads_pair(reply: str) -> bool:
    """Whether ``read_pair`` can use a reply."""
    return read_pair(reply) is not None


def included(
    units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
) -> tuple[list[Unit], list[Sequence[ItemScore]]]:
    """Returns the units, and their scores, of which no judge's reply was unreadable."""
    pairs = zip(units, scores, strict=True)
    kept = [(unit, found) for unit, found in pairs if not any(s.excluded for s in found)]
    return [unit for unit, _ in kept], [found for _, found in kept]


class Judged(PerQuestion):
    """What benchmarks share whose answers a judge scores, in every protocol mode.

    ``judge_call`` shows the judge the normalised answer only: equal keys are equal messages.
    """

    modes = ("standard", "paper")
    judge: JudgeUse = "required"
    #: Name and version of the rubric: a change of its wording asks every question again.
    rubric: str
    #: Most tokens of the judge's reply.
    reply_tokens: int
    #: Name of the reader in ``judging.READERS``.
    reads: str

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns the mean score of every stratum and group, 0-100, without excluded answers."""
        return super().parts(*included(units, scores))

    def ask(self, item: Item, text: str, *, messages: Sequence[tuple[str, str]]) -> JudgeCall:
        """Builds the call from its messages; ``Item.gold`` belongs to the key as well."""
        return JudgeCall(
            rubric=self.rubric,
            messages=tuple(messages),
            question=key(self.name, item.item_id, item.prompt, item.gold, item.detail("context")),
            answer=normalised(text),
            max_tokens=self.reply_tokens,
            reads=self.reads,
        )
