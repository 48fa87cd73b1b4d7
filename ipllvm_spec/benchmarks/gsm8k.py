"""GSM8K: grade-school word problems without an image, solved step by step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from math import fsum
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, Parsed, Unit
from ipllvm_spec.benchmarks.parsing import UNPARSED
from ipllvm_spec.benchmarks.scoring import PerQuestion

#: Texts at which an answer ends. "Q:" is where a model goes on to invent the next problem.
STOP = ("Q:", "</s>", "<|im_end|>")

_STRICT = re.compile(r"The answer is (-?[0-9.,]+)")
_FLEXIBLE = re.compile(r"-?[$0-9.,]{2,}|-?[0-9]+")
_GOLD_MARK = "####"


@lru_cache(maxsize=1)
def exemplars() -> str:
    """Returns the eight solved problems of Wei et al. as they stand before every question."""
    path = files("ipllvm_spec.benchmarks") / "gsm8k_exemplars.json"
    solved = json.loads(path.read_text(encoding="utf-8"))["exemplars"]
    return "".join(f"Q: {part['question']}\nA: {part['answer']}\n\n" for part in solved)


def clean(number: str) -> str:
    """Returns a number as it is compared: without commas, dollar signs and trailing periods.

    Spellings stay apart, as published: "5.0" is not "5".
    """
    return number.replace(",", "").replace("$", "").strip().rstrip(".").lower()


def strict_match(text: str) -> str | None:
    """Reads the number of the first "The answer is", None where there is none.

    lm-evaluation-harness demands one more character after the number and so reads "The answer
    is 12" at the end of an answer as 1. Here it is 12.
    """
    found = (clean(match[1]) for match in _STRICT.finditer(text))
    return next((number for number in found if number), None)


def flexible_extract(text: str) -> str | None:
    """Reads the last number anywhere, None where there is none.

    A run of periods or commas is not taken for a number, as the published pattern would.
    """
    found = (clean(number) for number in reversed(_FLEXIBLE.findall(text)))
    return next((number for number in found if any(map(str.isdigit, number))), None)


def until_stop(text: str) -> str:
    """Returns an answer up to the first stop text, for answers generated without them."""
    return text[: min((at for stop in STOP if (at := text.find(stop)) >= 0), default=len(text))]


class Gsm8k(PerQuestion):
    """Scored as exact match of the final number, read in two ways that are both reported.

    ==========  ===========================================  =========
    mode        prompt                                       metric
    ==========  ===========================================  =========
    standard    eight exemplars, chat template, one turn     flexible
    raw         eight exemplars, no chat template            flexible
    zero_shot   the problem alone, chat template             flexible
    paper       as raw: the defaults of the usual harness    strict
    ==========  ===========================================  =========

    The paper names neither extraction nor template. A chat model need not say "The answer is", and
    without exemplars nothing tells it to, so the strict reading would measure the wording there.
    An unparsed answer scores 0; a constant number gets the share of problems that it solves.
    """

    name = "gsm8k"
    title = "GSM8K"
    scale = 100.0
    modes = ("standard", "raw", "zero_shot", "paper")
    image_column = None
    columns: Mapping[str, str] = {"question": fields.TEXT, "answer": fields.TEXT}

    def __init__(self, mode: str = "standard") -> None:
        super().__init__(mode)
        self.decoding = Decoding(256, stop=STOP, chat=mode not in ("raw", "paper"))

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item. The data have no ids: the row number is the id."""
        number = f"row-{index:05d}"
        question = fields.text(row, "question", benchmark=self.name, index=index).strip()
        solution = fields.text(row, "answer", benchmark=self.name, index=index)
        _, mark, gold = solution.rpartition(_GOLD_MARK)
        if not mark or not clean(gold):
            raise fields.row_error(
                self.name, index, "column 'answer' does not end with '#### ' and a number"
            )
        shots = "" if self.mode == "zero_shot" else exemplars()
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=number,
            stratum="",
            prompt=f"{shots}Q: {question}\nA:",
            gold=clean(gold),
        )

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for the right number; ``details`` holds the scores of both readings."""
        answer = until_stop(text)
        read = {"strict": strict_match(answer), "flexible": flexible_extract(answer)}
        metric = "strict" if self.mode == "paper" else "flexible"
        value = read[metric]
        return ItemScore(
            float(value == item.gold),
            UNPARSED if value is None else Parsed(value, metric),
            details=tuple((name, float(found == item.gold)) for name, found in read.items()),
        )

    def parts(
        self,
        units: Sequence[Unit],  # noqa: ARG002
        scores: Sequence[Sequence[ItemScore]],
    ) -> dict[str, float]:
        """Returns the exact match of both readings, 0-100."""
        found = [dict(score.details) for of_unit in scores for score in of_unit]
        return {
            name: 100.0 * fsum(part[name] for part in found) / len(found)
            for name in ("strict", "flexible")
            if found
        }

    def chance(self, units: Sequence[Unit]) -> float:  # noqa: ARG002
        """Returns 0: there is nothing to guess from."""
        return 0.0
