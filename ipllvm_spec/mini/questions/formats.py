"""From facts to prompts: the formats the benchmarks use and those the models learn from."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from ipllvm_spec.mini.questions.base import Fact, Kind

LETTER_SUFFIX = "Answer with the option's letter from the given choices directly."
SHORT_SUFFIX = "Answer the question using a single word or phrase."
CAPTION_PROMPT = "Please generate a caption of this image."
LETTERS = "ABCD"


@dataclass(frozen=True)
class Question:
    """A prompt with its answer.

    Attributes:
        prompt: what the user says, without the image.
        answer: what the model should say.
        label: "<kind>/<topic>/<format>", for reports.
        options: the option texts of a multiple-choice question, in order.
        told: what one must know to answer, whatever the format; "" when no short answer says it.
    """

    prompt: str
    answer: str
    label: str
    options: tuple[str, ...] = ()
    told: str = ""


def letters_inline(ask: str, options: tuple[str, ...]) -> str:
    """A question with its options in one line, as MMStar publishes them."""
    listed = ", ".join(f"{a}: {b}" for a, b in zip(LETTERS, options, strict=False))
    return f"{ask}\nOptions: {listed}"


def letters_lines(ask: str, options: tuple[str, ...]) -> str:
    """A question with an option a line, as MMVP is prompted."""
    listed = "\n".join(f"{a}. {b}" for a, b in zip(LETTERS, options, strict=False))
    return f"{ask}\n{listed}"


def wrong_options(fact: Fact, rng: Random, n: int) -> tuple[str, ...]:
    """Draws n wrong answers; the first wrong answer is the hardest and usually among them."""
    first, *rest = fact.wrong
    if rng.random() < 0.75 or len(rest) < n:
        return (first, *rng.sample(rest, n - 1))
    return tuple(rng.sample(rest, n))


_FILLERS = frozenset(
    [
        "what",
        "which",
        "is",
        "the",
        "in",
        "of",
        "are",
        "there",
        "does",
        "do",
        "this",
        "a",
        "at",
        "to",
        "have",
        "with",
        "has",
    ]
)


def terse(ask: str) -> str:
    """A question without its small words: many facts in few tokens."""
    words = ask.rstrip("?").split()
    return " ".join(w for w in words if w.lower() not in _FILLERS)


def forms_of(fact: Fact, *, family: str = "") -> list[str]:
    """The formats a fact allows, repeated by weight.

    Args:
        fact: what is to be asked.
        family: "letters", "short", "open" or "terse" keeps only formats of that family.
    """
    if family in ("open", "terse"):
        return [family] if fact.ask else []
    forms = []
    if fact.ask and family != "letters":
        forms += ["short"] * 3
    if fact.ask and family != "short":
        forms += ["two"] * 2
        forms += ["four"] * 3 if len(fact.wrong) >= 3 else []
    if fact.claim and family != "letters":
        forms += ["yesno"] * 3
    return forms


def draw_question(kind: Kind, fact: Fact, rng: Random, *, family: str = "") -> Question:
    """Puts a fact into one of the formats it allows, with balanced answers."""
    form = rng.choice(forms_of(fact, family=family))
    label = f"{kind.name}/{fact.topic}/{form}"
    told = fact.answer if fact.ask else ""
    if form == "terse":
        return Question(terse(fact.ask), fact.answer, label)
    if form == "open":
        return Question(fact.ask, fact.answer, label, told=told)
    if form == "short":
        return Question(f"{fact.ask}\n{SHORT_SUFFIX}", fact.answer, label, told=told)
    if form == "yesno":
        true = rng.random() < 0.5
        said = fact.answer if true else wrong_options(fact, rng, 1)[0]
        asked = f"{fact.claim.format(said)}\n{SHORT_SUFFIX}"
        return Question(asked, "Yes" if true else "No", label, told=told)
    n = 4 if form == "four" else 2
    options = [fact.answer, *wrong_options(fact, rng, n - 1)]
    rng.shuffle(options)
    write = letters_inline if n == 4 else letters_lines
    prompt = f"{write(fact.ask, tuple(options))}\n{LETTER_SUFFIX}"
    right = LETTERS[options.index(fact.answer)]
    return Question(prompt, right, label, tuple(options), told=told)


def draw_questions(
    kind: Kind, spec: Any, rng: Random, *, n: int, captions: float, family: str = ""
) -> list[Question]:
    """Draws n questions about a scene.

    Args:
        kind: of the scene.
        spec: of the scene.
        rng: source of all choices.
        n: number of questions.
        captions: chance that the first of them asks for a caption.
        family: see forms_of.
    """
    facts = [fact for fact in kind.facts(spec) if forms_of(fact, family=family)]
    topics: dict[str, list[Fact]] = {}
    for fact in facts:
        topics.setdefault(fact.topic, []).append(fact)
    names = sorted(topics)
    questions = []
    if rng.random() < captions:
        questions.append(Question(CAPTION_PROMPT, kind.caption(spec), f"{kind.name}/caption"))
    while len(questions) < n:
        # a topic first, then a fact: kinds with dozens of counts would drown the rest otherwise
        fact = rng.choice(topics[rng.choice(names)])
        questions.append(draw_question(kind, fact, rng, family=family))
    return questions
