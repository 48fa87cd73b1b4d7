"""MM-Vet: open questions that need several capabilities at once, graded by a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipllvm_spec.benchmarks import fields
from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, JudgeCall, Parsed, Unit
from ipllvm_spec.benchmarks.parsing import UNPARSED
from ipllvm_spec.benchmarks.parsing.numbers import tokens
from ipllvm_spec.benchmarks.rubrics import UNREADABLE, Judged, normalised, read_score

#: Recognition, text, knowledge, language generation, spatial awareness, mathematics.
CAPABILITIES = ("rec", "ocr", "know", "gen", "spat", "math")

_INSTRUCTION = """\
Grade the prediction of a model against the ground truth of the same question. The grade says how \
much of the ground truth the prediction gets right, from 0.0 (nothing) to 1.0 (everything), in \
steps of one tenth. In the ground truth, <AND> joins parts that must all be there, and <OR> \
separates alternatives of which any one is enough. Reply with the grade alone, to complete the \
last row of the table.

Question | Ground truth | Prediction | Grade
--- | --- | --- | ---
Which two prices are on the menu? | 4.50 <AND> 6.00 | I see no prices. | 0.0
Which two prices are on the menu? | 4.50 <AND> 6.00 | One of the dishes costs 4.50. | 0.5
Which two prices are on the menu? | 4.50 <AND> 6.00 | The soup is 4.50, the salad 6.00. | 1.0
What sits on the roof? | cat <OR> kitten | It is a kitten. | 1.0
What sits on the roof? | cat <OR> kitten | A small dog is sitting there. | 0.0
Why is this drawing funny? | The fish walks the man on a leash, so that owner and pet have \
changed places. | A man is out for a walk with a fish. | 0.3
Why is this drawing funny? | The fish walks the man on a leash, so that owner and pet have \
changed places. | The roles are reversed: here the pet, a fish, leads its owner on a leash. | 1.0
"""


def covered(gold: str, answer: str) -> float:
    """Returns how much of a ground truth an answer contains, in [0, 1].

    Args:
        gold: Alternatives separated by ``<OR>``, each of parts joined by ``<AND>``.
        answer: Any text.

    Returns:
        The largest share, over the alternatives, of parts whose words and numbers follow each
        other in the answer. Whole words and numbers: "5" is not in "15", "5.0" is 5.
    """
    said = tokens(answer)
    shares = [0.0]
    for alternative in gold.split("<OR>"):
        parts = [found for part in alternative.split("<AND>") if (found := tokens(part))]
        if parts:
            shares.append(sum(_follows(part, said) for part in parts) / len(parts))
    return max(shares)


def _follows(part: Sequence[str], said: Sequence[str]) -> bool:
    starts = range(len(said) - len(part) + 1)
    return any(tuple(said[at : at + len(part)]) == tuple(part) for at in starts)


class MmVet(Judged):
    """Scored as 100 times the mean of the judge's grades (218 questions).

    An answer without text gets 0 and is not sent to the judge. Garbage gets what the judge gives
    it, by the rubric 0, and 0 from the proxy. The proxy gives a constant answer the share of
    questions whose ground truth it contains, and a long reference text almost never any credit.
    Both modes score alike; the paper's judge was of the class of gpt-4-0613.
    """

    name = "mmvet"
    title = "MM-Vet"
    scale = 100.0
    decoding = Decoding(max_new_tokens=1024)
    columns: Mapping[str, str] = {
        "question_id": fields.TEXT,
        "image": fields.IMAGE,
        "question": fields.TEXT,
        "answer": fields.TEXT,
        # Published as a list of names within a text; the original annotations have a list.
        "capability": fields.ANY,
    }
    rubric = "mmvet-1"
    # A tenth needs three tokens; some judges put bars or emphasis around it.
    reply_tokens = 8
    reads = "score"

    def item(self, row: Mapping[str, Any], index: int) -> Item:
        """Makes an item; it counts for every capability that it carries."""
        number = fields.text(row, "question_id", benchmark=self.name, index=index)
        digest = fields.image_digest(row)
        return Item(
            item_id=number,
            unit_id=number,
            cluster_id=digest or number,
            stratum="",
            prompt=fields.text(row, "question", benchmark=self.name, index=index).strip(),
            gold=fields.text(row, "answer", benchmark=self.name, index=index).strip(),
            image_digest=digest,
            groups=self._capabilities(row, index),
        )

    def _capabilities(self, row: Mapping[str, Any], index: int) -> tuple[str, ...]:
        listed = row.get("capability")
        if isinstance(listed, str):
            listed = [name.strip() for name in listed.split(",")]
        else:
            listed = fields.list_of_text(row, "capability", benchmark=self.name, index=index)
        if not listed or any(name not in CAPABILITIES for name in listed):
            raise fields.row_error(
                self.name,
                index,
                f"column 'capability' holds {row.get('capability')!r}, "
                f"not names out of {', '.join(CAPABILITIES)}",
            )
        return tuple(dict.fromkeys(listed))

    def score_item(self, item: Item, text: str) -> ItemScore:
        """Scores by the proxy: the share of the ground truth that is found in the answer."""
        answer = normalised(text)
        parsed = Parsed(answer, "covered") if answer else UNPARSED
        return ItemScore(covered(item.gold, answer), parsed, source="proxy")

    def judge_call(self, item: Item, text: str) -> JudgeCall | None:
        """Asks for a grade; None for an answer without text, which is worth 0."""
        answer = normalised(text)
        if not answer:
            return None
        gold = item.gold.replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
        cells = (" ".join(cell.split()) for cell in (item.prompt, gold, answer))
        # A bar or a line break within a cell would read as another column or row.
        row = " | ".join(cell.replace("|", "\\|") for cell in cells)
        return self.ask(item, text, messages=[("user", f"{_INSTRUCTION}{row} |")])

    def score_reply(self, item: Item, text: str, reply: str) -> ItemScore:  # noqa: ARG002
        """Scores the grade at the start of the reply; any other reply is excluded."""
        grade = read_score(reply)
        if grade is None:
            return ItemScore(0.0, UNREADABLE, source="judge", excluded=True)
        return ItemScore(grade, Parsed(str(grade), "judge"), source="judge")

    def chance(self, units: Sequence[Unit]) -> float:  # noqa: ARG002
        """Returns 0: open questions leave nothing to guess from."""
        return 0.0
