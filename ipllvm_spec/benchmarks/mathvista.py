"""MathVista (testmini): mathematics in figures, with choices or a number or a list as answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import fsum
from string import ascii_uppercase
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, JudgeCall, JudgeUse, Parsed, Unit
from ipllvm_spec.benchmarks.parsing import UNPARSED, parse_letter
from ipllvm_spec.benchmarks.parsing.numbers import (
    as_float,
    as_integer,
    as_list,
    last_list,
    numbers,
)
from ipllvm_spec.benchmarks.rubrics import UNREADABLE, Judged, normalised

QUESTION_TYPES = ("multi_choice", "free_form")
ANSWER_TYPES = ("text", "integer", "float", "list")

_QUOTED = re.compile(r'The answer is "(.*)"\.')
_LETTER_IN_BRACKETS = re.compile(r"\(([a-zA-Z])\)")
_ANNOUNCED = re.compile(r"\A\s*extracted answer\s*:", re.IGNORECASE)
#: Letter rules that leave nothing to extract: the answer is a letter or the text of an option.
_DECIDED = ("letter_alone", "option_text")

_INSTRUCTION = """\
Below are questions, each with what a model said. Copy out the final answer that the model gives, \
in the form for which the hint asks, and nothing else. Do not solve the question yourself. Where \
the model gives no answer, write None.

Hint: Please answer the question requiring an integer answer and provide the final value, \
e.g., 1, 2, 3, at the end.
Question: How many lamps are lit?

Response: Of the nine lamps in the picture, two are dark. That leaves 7 lit lamps.

Extracted answer: 7

Hint: Please answer the question requiring a floating-point number with one decimal place and \
provide the final value, e.g., 1.2, 1.3, 1.4, at the end.
Question: What share of the seats is taken?

Response: Three seats of ten are taken, a share of 0.3, so most of the room is empty.

Extracted answer: 0.3

Hint: Please answer the question requiring a floating-point number with two decimal places and \
provide the final value, e.g., 1.23, 1.34, 1.45, at the end.
Question: What do a pen and a ruler cost together? (Unit: $)

Response: The pen is $0.80 and the ruler is $1.15, which makes $1.95 for both.

Extracted answer: 1.95

Hint: Please answer the question requiring a Python list as an answer and provide the final list, \
e.g., [1, 2, 3], [1.2, 1.3, 1.4], at the end.
Question: In which two months did it rain the least?

Response: It rained the least in month 6 and in month 7.

Extracted answer: [6, 7]

Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the \
end.
Question: Which line is the steepest?
Choices:
(A) red
(B) green
(C) blue

Response: The green line rises fastest, which is the second option.

Extracted answer: B
"""


def edit_distance(left: str, right: str) -> int:
    """Returns the Levenshtein distance of two texts."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


class MathVista(Judged):
    """Scored as accuracy in percent over 1000 questions, about half of them with choices.

    Three stages, as published: extract the answer, bring it into the form of its type, compare.
    An answer that already has that form needs no extraction. Any other is given to a judge to copy
    the answer out; without a judge, rules look for it: the letter rules, the last number, the last
    list or else the last two numbers. An answer from which neither gets anything is unparsed.

    In ``standard`` mode what the judge copied is read by the same rules. In ``paper`` mode it is
    read as published, where a multiple-choice extraction that is no letter becomes the option of
    the smallest edit distance, so that any text picks an option.

    Garbage gets 0. A constant letter gets the share of questions whose gold it is, a constant
    number the share of golds that it equals in their own form.
    """

    name = "mathvista"
    title = "MathVista"
    scale = 100.0
    judge: JudgeUse = "optional"
    decoding = Decoding(max_new_tokens=512)
    image_column = "decoded_image"
    columns: Mapping[str, str] = {
        "pid": fields.TEXT,
        "decoded_image": fields.IMAGE,
        "choices": fields.LIST,
        "unit": fields.TEXT,
        "precision": fields.FLOAT,
        "answer": fields.TEXT,
        "question_type": fields.TEXT,
        "answer_type": fields.TEXT,
        "metadata": fields.STRUCT,
        "query": fields.TEXT,
    }
    rubric = "mathvista-extract-1"
    reply_tokens = 256
    reads = "any"

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item; the row's own query, with its hint and its choices, is the prompt."""
        where: dict[str, Any] = {"benchmark": self.name, "index": index}
        number = fields.text(row, "pid", **where)
        sort = fields.one_of(row, "question_type", QUESTION_TYPES, **where)
        form = fields.one_of(row, "answer_type", ANSWER_TYPES, **where)
        if (sort == "multi_choice") != (form == "text"):
            raise fields.row_error(
                self.name, index, f"question_type '{sort}' does not go with answer_type '{form}'"
            )
        choices: tuple[str, ...] = ()
        if sort == "multi_choice":
            listed = fields.list_of_text(row, "choices", **where)
            choices = tuple(choice.strip() for choice in listed)
        precision = max(0.0, fields.optional_number(row, "precision", **where) or 0.0)
        about = fields.record(row, "metadata", **where)
        skills = fields.list_of_text(about, "skills", optional=True, **where)
        digest = fields.image_digest(row)
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum=sort,
            prompt=fields.text(row, "query", **where).strip(),
            gold=self._gold(row, index, choices),
            choices=choices,
            image_digest=digest,
            groups=(
                f"task: {fields.text(about, 'task', **where)}",
                *(f"skill: {skill}" for skill in dict.fromkeys(skills)),
            ),
            details=(
                ("question_type", sort),
                ("answer_type", form),
                ("precision", str(int(precision))),
                ("unit", fields.optional_text(row, "unit", **where)),
            ),
        )

    def _gold(self, row: Mapping[str, Any], index: int, choices: Sequence[str]) -> str:
        gold = fields.text(row, "answer", benchmark=self.name, index=index).strip()
        if row["question_type"].strip() != "multi_choice":
            return gold
        if gold not in choices or len(choices) > len(ascii_uppercase):
            listed = ", ".join(choices)
            raise fields.row_error(
                self.name, index, f"column 'answer' holds {gold!r}, not one of the choices {listed}"
            )
        return ascii_uppercase[choices.index(gold)]

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores by the answer as it stands, or else by what the rules find in it."""
        parsed = _as_it_stands(item, text) or _found(item, text)
        return ItemScore(float(_right(item, parsed)), parsed)

    def judge_call(self, item: Item, text: str) -> JudgeCall | None:
        """Asks for the final answer; None where it stands alone, or where there is no text."""
        answer = normalised(text)
        if not answer or _as_it_stands(item, text):
            return None
        message = f"{_INSTRUCTION}\n{item.prompt}\n\nResponse: {answer}\n\nExtracted answer: "
        return self.ask(item, text, messages=[("user", message)])

    def score_reply(self, item: Item, text: str, reply: str) -> ItemScore:  # noqa: ARG002
        """Scores what the judge copied out; an empty reply is excluded."""
        copied = _ANNOUNCED.sub("", reply).strip()
        if not copied:
            return ItemScore(0.0, UNREADABLE, source="judge", excluded=True)
        if self.mode == "paper":
            value = _published_form(item, copied)
        else:
            value = (_as_it_stands(item, copied) or _found(item, copied)).value
        parsed = UNPARSED if value is None else Parsed(value, "judge")
        return ItemScore(float(_right(item, parsed)), parsed, source="judge")

    def chance(self, units: Sequence[Unit]) -> float:
        """Returns the expectation of random choices: 1 / number of options, 0 for free forms."""
        return self.scale * fsum(unit.weight * _random(unit.items[0]) for unit in units)


def _random(item: Item) -> float:
    if not item.choices:
        return 0.0
    gold = item.choices[ascii_uppercase.index(item.gold)]
    return item.choices.count(gold) / len(item.choices)


def _letters(item: Item) -> str:
    return ascii_uppercase[: len(item.choices)]


def _in_form(item: Item, text: str) -> str | None:
    """Returns a number or a list in the form of the item's answer type."""
    form = item.detail("answer_type")
    if form == "integer":
        return as_integer(text)
    if form == "float":
        return as_float(text, places=int(item.detail("precision")))
    return as_list(text)


def _as_it_stands(item: Item, text: str) -> Parsed | None:
    """Reads an answer from which nothing need be extracted; None for any other."""
    quoted = _QUOTED.search(text)
    for said in (text, quoted[1]) if quoted else (text,):
        if item.choices:
            parsed = parse_letter(said, letters=_letters(item), choices=item.choices)
            if parsed.rule in _DECIDED:
                return parsed
        elif value := _in_form(item, said):
            return Parsed(value, "as_it_stands")
    return None


def _found(item: Item, text: str) -> Parsed:
    """Looks for the answer in free text; ``UNPARSED`` when nothing is found."""
    if item.choices:
        return parse_letter(text, letters=_letters(item), choices=item.choices)
    said = numbers(text)
    if item.detail("answer_type") == "list":
        if listed := last_list(text):
            return Parsed(listed, "last_list")
        return Parsed(f"[{', '.join(said[-2:])}]", "last_two_numbers") if said[1:] else UNPARSED
    value = _in_form(item, said[-1]) if said else None
    return UNPARSED if value is None else Parsed(value, "last_number")


def _published_form(item: Item, copied: str) -> str | None:
    """Returns what the published evaluator makes of an extraction."""
    if not item.choices:
        return _in_form(item, copied)
    marked = _LETTER_IN_BRACKETS.search(copied)
    letter = marked[1].upper() if marked else copied
    if len(letter) == 1 and letter in _letters(item):
        return letter
    distances = [edit_distance(letter, choice) for choice in item.choices]
    return ascii_uppercase[distances.index(min(distances))]


def _right(item: Item, parsed: Parsed) -> bool:
    """Whether an answer in its form equals the gold in the same form.

    A gold that is not in the form of its own type ("0.10" with one place) could otherwise never
    be met.
    """
    if parsed.value is None:
        return False
    if item.choices:
        # By text: a letter of an equal option is as right as the gold's own.
        texts = dict(zip(ascii_uppercase, item.choices, strict=False))
        return texts[parsed.value] == texts.get(item.gold)
    return parsed.value == (_in_form(item, item.gold) or item.gold)
