"""LLaVA-W: open questions about 24 images, rated by a judge against reference answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any, Literal

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, JudgeCall, Parsed, Unit
from ipllvm_spec.benchmarks.parsing import UNPARSED
from ipllvm_spec.benchmarks.parsing.numbers import tokens
from ipllvm_spec.benchmarks.rubrics import UNREADABLE, Judged, included, normalised, read_pair

#: Conversation, detailed description, complex reasoning.
CATEGORIES = ("conv", "detail", "complex")
#: Name of the published score among the parts.
RATIO = "ratio (published)"

_LOWEST, _HIGHEST = 1.0, 10.0
_SYSTEM = "You check answers of assistants and rate them precisely and without favour."
_RULE = """\
Two AI assistants have answered the question about an image. You cannot see the image; the context \
describes it. Rate each answer as a whole from 1 to 10, higher for a better one: is it helpful, to \
the point, correct, and as detailed as the question asks? Neither the order of the answers nor \
their length alone may count. Write the two ratings on the first line, Assistant 1 before \
Assistant 2, as two numbers with a space between them and nothing else. Explain them from the \
second line on."""

# Words that say nothing about an image; "no", "not", "on" and "one" do say something.
_STOP_WORDS = frozenset(
    tokens(
        "a an and are as at be been being but by can could do does for from had has have he her "
        "his how i if in into is it its may might of or other our she should so some such than "
        "that the their them there these they this those to was we were what when where which "
        "while who why will with would you your"
    )
)


def key_words(text: str) -> frozenset[str]:
    """Returns the words and numbers of a text that are no stop words; all where all are."""
    words = frozenset(tokens(text))
    return words - _STOP_WORDS or words


def overlap_rating(reference: str, answer: str) -> float:
    """Returns 1 to 10: how many of the reference's key words are in the answer.

    An answer that lists many words gets many of them: a proxy, not a measure of quality.
    """
    wanted = key_words(reference)
    share = len(wanted & frozenset(tokens(answer))) / len(wanted) if wanted else 0.0
    return _LOWEST + (_HIGHEST - _LOWEST) * share


class LlavaW(Judged):
    """Scored as the mean of the judge's ratings, 100 for all tens (60 questions).

    The published score compares with the ratings of the reference answers, 100 * mean(model) /
    mean(reference), and is no sum over questions; ``parts`` has it under ``RATIO``. It can exceed
    100. The judge rates every answer, an empty one too, because its rating of the reference
    belongs to the ratio.

    Ratings begin at 1, so garbage, an empty answer (counted as unparsed) and a constant answer
    that has nothing to do with the images get 10 from the proxy; a constant answer gets more as
    far as it repeats key words of the references. Both modes score alike; the paper's judge was of
    the class of gpt-4-0613.
    """

    name = "llava_w"
    title = "LLaVA-W"
    scale = 100.0
    decoding = Decoding(max_new_tokens=1024)
    columns: Mapping[str, str] = {
        # Published repacks number the questions as integers or as texts.
        "question_id": fields.ANY,
        "question": fields.TEXT,
        "image": fields.IMAGE,
        "category": fields.TEXT,
        # A text, or a list of them.
        "caption": fields.ANY,
        "gpt_answer": fields.TEXT,
    }
    rubric = "llava_w-1"
    reply_tokens = 1024
    reads = "pair"

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item; the context that replaces the image for the judge is a detail."""
        number = row.get("question_id")
        if not isinstance(number, int | str) or isinstance(number, bool):
            raise fields.row_error(
                self.name, index, f"column 'question_id' holds {number!r}, not a number or a text"
            )
        context = row.get("caption")
        if not isinstance(context, str):
            listed = fields.list_of_text(row, "caption", benchmark=self.name, index=index)
            context = "\n".join(listed)
        digest = fields.image_digest(row)
        return Item(
            item_id=str(number),
            unit_id=str(number),
            cluster_id=digest or str(number),
            stratum=fields.one_of(row, "category", CATEGORIES, benchmark=self.name, index=index),
            prompt=fields.text(row, "question", benchmark=self.name, index=index).strip(),
            gold=fields.text(row, "gpt_answer", benchmark=self.name, index=index).strip(),
            image_digest=digest,
            details=(("context", context.strip()),),
        )

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores by the proxy: key words of the reference, which itself is rated 10."""
        answer = normalised(text)
        parsed = Parsed(answer, "key_words") if answer else UNPARSED
        return _rated(_HIGHEST, overlap_rating(item.gold, answer), parsed, source="proxy")

    def judge_call(self, item: Item, text: str) -> JudgeCall | None:
        """Asks for the ratings of the reference answer and of the model's answer."""
        message = (
            f"[Context]\n{item.detail('context')}\n\n[Question]\n{item.prompt}\n\n"
            f"[Assistant 1]\n{item.gold}\n\n[End of Assistant 1]\n\n"
            f"[Assistant 2]\n{normalised(text)}\n\n[End of Assistant 2]\n\n[System]\n{_RULE}\n"
        )
        return self.ask(item, text, messages=[("system", _SYSTEM), ("user", message)])

    def score_reply(self, item: Item, text: str, reply: str) -> ItemScore:  # noqa: ARG002
        """Scores the two ratings on the reply's first line; any other reply is excluded."""
        pair = read_pair(reply)
        if pair is None:
            return ItemScore(0.0, UNREADABLE, source="judge", excluded=True)
        reference, model = pair
        parsed = Parsed(f"{reference:g} {model:g}", "judge") if normalised(text) else UNPARSED
        return _rated(reference, model, parsed, source="judge")

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns the published ratio over all questions and for every category."""
        ratings: dict[str, list[dict[str, float]]] = {}
        for unit, found in zip(*included(units, scores), strict=True):
            for score in found:
                for name in (RATIO, f"{RATIO}: {unit.stratum}"):
                    ratings.setdefault(name, []).append(dict(score.details))
        return {
            name: 100.0 * fsum(r["model"] for r in found) / fsum(r["reference"] for r in found)
            for name, found in ratings.items()
        }

    def chance(self, units: Sequence[Unit]) -> float:  # noqa: ARG002
        """Returns 10: what the lowest rating is worth. Nobody can get less."""
        return self.scale * _LOWEST / _HIGHEST


def _rated(
    reference: float, model: float, parsed: Parsed, *, source: Literal["judge", "proxy"]
) -> ItemScore:
    details = (("reference", reference / _HIGHEST), ("model", model / _HIGHEST))
    return ItemScore(model / _HIGHEST, parsed, source=source, details=details)
