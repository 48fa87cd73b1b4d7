"""Zero-shot classification: the seven sets of Table 3, and ImageNet."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import fsum
from types import MappingProxyType
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import (
    Classes,
    Decoding,
    Item,
    ItemScore,
    JudgeCall,
    JudgeUse,
    Parsed,
    Unit,
)
from ipllvm_spec.benchmarks.classification_lists import (
    asked_rows,
    class_list,
    first_rows,
    own_names,
)
from ipllvm_spec.benchmarks.classification_modes import PROTOCOLS
from ipllvm_spec.benchmarks.classification_parsing import (
    parse_class,
    parse_class_after_phrase,
)
from ipllvm_spec.benchmarks.parsing import parse_yes_no
from ipllvm_spec.benchmarks.scoring import PerQuestion

#: Longer class lists stay out of prompts: ImageNet's would not fit a context of 4096 tokens.
LISTED_AT_MOST = 250

_RUBRIC = "class-verify-1"
_JUDGE = "You check answers about images precisely, and reply with one word."


_READERS: Mapping[str, Callable[..., Parsed]] = MappingProxyType(
    {
        "contains": parse_class,
        "extract": parse_class_after_phrase,
        # The rule in place of the judge.
        "verify": parse_class,
    }
)


def class_prompt(noun: str, names: Sequence[str] = ()) -> str:
    """Returns the question that a language model is asked.

    Args:
        noun: What is to be named, for example ``object``.
        names: The classes to choose from; none for an open question.
    """
    question = f"What is the {noun} in the image?"
    if not names:
        return question
    return f"{question} Please only answer a single {noun} in {', '.join(names)}."


class Classification(PerQuestion):
    """Scored as top-1 accuracy; ``parts`` adds the mean over classes.

    Class names are those of CLIP's protocol where the labels are the published ones, otherwise
    (twins, other data) the labels themselves as words. In the second case every item carries them
    in ``choices``; in the first they are in ``class_list``, and ``choices`` is empty.

    ``items`` of the mode ``likelihood`` also sets ``decoding.options``: the classes are a matter
    of the data.
    """

    title: str
    noun: str
    scale = 100.0
    modes: tuple[str, ...] = tuple(PROTOCOLS)
    decoding = Decoding(max_new_tokens=32)
    label_column = "label"
    columns: Mapping[str, str] = {"image": fields.IMAGE, "label": fields.INTEGER}

    def __init__(self, mode: str = "standard") -> None:
        super().__init__(mode)
        self.protocol = PROTOCOLS[mode]
        self.judge: JudgeUse = "required" if self.protocol.scorer == "verify" else "no"

    def items(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
        """Makes items of the rows in the index list, or of all rows in the mode ``all``.

        Raises:
            DataError: For a label that is no integer or names no class, or for two classes of one
                name.
        """
        first = first_rows(rows, self.label_column, benchmark=self.name)
        seen = {
            label: fields.label_name(row, self.label_column) for label, (_, row) in first.items()
        }
        published = class_list(self.name)
        if published.fits(seen):
            names = dict(enumerate(published.names))
            choices: tuple[str, ...] = ()
        else:
            where = {label: index for label, (index, _) in first.items()}
            names = own_names(seen, where, benchmark=self.name)
            choices = tuple(names[label] for label in sorted(names))
        listed = tuple(dict.fromkeys(choices or published.names))
        if self.protocol.likelihood:
            self.decoding = replace(self.decoding, max_new_tokens=1, options=listed)
        shown = self.protocol.listed and len(listed) <= LISTED_AT_MOST
        prompt = class_prompt(self.noun, listed if shown else ())
        every = self.protocol.every_row
        asked = range(len(rows)) if every else asked_rows(self.name, len(rows))
        # Rows in sequence come from disk much faster than one at a time.
        wanted = rows if every else (rows[index] for index in asked)
        return tuple(
            self._item(
                row, index, prompt=prompt, gold=names[row[self.label_column]], choices=choices
            )
            for index, row in zip(asked, wanted, strict=True)
        )

    def _item(
        self,
        row: Mapping[str, Any],
        index: int,
        *,
        prompt: str,
        gold: str,
        choices: tuple[str, ...],
    ) -> Item:
        number = f"row-{index:05d}"
        digest = fields.image_digest(row)
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum="",
            prompt=prompt,
            gold=gold,
            choices=choices,
            image_digest=digest,
            row=index,
        )

    def classes(self, items: Sequence[Item]) -> Classes:
        """Returns what an image can be taken for, in the order of the labels."""
        return Classes(self._names(items[0]), class_list(self.name).templates)

    def _names(self, item: Item) -> tuple[str, ...]:
        return item.choices or class_list(self.name).names

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores 1 for the right class; several classes, or none, are wrong and counted."""
        read = _READERS[self.protocol.scorer]
        parsed = read(text, self._names(item), class_list(self.name).aliases)
        proxy = self.judge == "required"
        return ItemScore(
            float(parsed.value == item.gold), parsed, source="proxy" if proxy else "rule"
        )

    def judge_call(self, item: Item, text: str) -> JudgeCall | None:
        """Asks whether the answer names the right class; None where a rule decides."""
        if self.judge == "no":
            return None
        answer = unicodedata.normalize("NFKC", text).strip()
        question = (
            f"Somebody was asked which {self.noun} an image shows. "
            f"The right label is: {item.gold}\n"
            "Does the prediction below mean this label? Reply only yes or no.\n"
        )
        return JudgeCall(
            rubric=_RUBRIC,
            messages=(("system", _JUDGE), ("user", f"{question}Prediction: {answer}")),
            question=question,
            answer=answer,
            max_tokens=4,
            reads="yes_no",
        )

    def score_reply(self, item: Item, text: str, reply: str) -> ItemScore:  # noqa: ARG002
        """Scores 1 for yes and 0 for no; any other reply is excluded."""
        parsed = parse_yes_no(reply)
        return ItemScore(
            float(parsed.value == "yes"), parsed, source="judge", excluded=parsed.value is None
        )

    def chance(self, units: Sequence[Unit]) -> float:
        """100 / number of classes."""
        return self.scale * fsum(unit.weight / len(self._names(unit.items[0])) for unit in units)

    def parts(
        self, units: Sequence[Unit], scores: Sequence[Sequence[ItemScore]]
    ) -> dict[str, float]:
        """Returns the mean over classes of the accuracy within each, on 0-100.

        It is what the papers of Caltech-101, Pets and Aircraft report.
        """
        by_class: defaultdict[str, list[float]] = defaultdict(list)
        for unit, found in zip(units, scores, strict=True):
            by_class[unit.items[0].gold].append(self.score_unit(unit, found))
        means = [fsum(found) / len(found) for found in by_class.values()]
        return {"mean per class": 100.0 * fsum(means) / len(means)} if means else {}


class Caltech101(Classification):
    """Caltech-101 with its background class (102 classes), in VTAB's split."""

    name = "caltech101"
    title = "Caltech101"
    noun = "object"


class Cifar100(Classification):
    """CIFAR-100 by its fine labels."""

    name = "cifar100"
    title = "CIFAR-100"
    noun = "thing"
    image_column = "img"
    label_column = "fine_label"
    columns: Mapping[str, str] = {"img": fields.IMAGE, "fine_label": fields.INTEGER}


class Food101(Classification):
    """Food-101."""

    name = "food101"
    title = "Food101"
    noun = "dish"


class Pets(Classification):
    """Oxford-IIIT Pet: 37 breeds of cats and dogs."""

    name = "pets"
    title = "Pets"
    noun = "pet"


class Country211(Classification):
    """Country211: the country in which a photograph was taken."""

    name = "country211"
    title = "Country211"
    noun = "country"


class EuroSat(Classification):
    """EuroSAT: land use in satellite images."""

    name = "eurosat"
    title = "EuroSAT"
    noun = "land"


class Aircraft(Classification):
    """FGVC-Aircraft by variant (100 classes)."""

    name = "aircraft"
    title = "Aircraft"
    noun = "aircraft"
    label_column = "variant"
    columns: Mapping[str, str] = {"image": fields.IMAGE, "variant": fields.INTEGER}


class ImageNet(Classification):
    """ImageNet-1k's validation split. Two names stand for two classes each, as in CLIP's list."""

    name = "imagenet"
    title = "ImageNet"
    noun = "object"
