"""From facts to prompts: the formats the benchmarks use and those the models learn from."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from ipllvm_spec.benchmarks.captions import CAPTION_PROMPT
from ipllvm_spec.benchmarks.choices import LETTER_SUFFIX
from ipllvm_spec.benchmarks.classification import class_prompt
from ipllvm_spec.benchmarks.mme import SHORT_SUFFIX
from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.questions.base import Fact, Kind
from ipllvm_spec.mini.questions.classes import NOUNS

DETAIL_PROMPT = "Describe this image in detail."
LETTERS = "ABCDE"
#: What MathVista's queries say before the question, by what the answer is.
MATH_HINTS = {
    "choice": (
        "Please answer the question and provide the correct option letter, "
        "e.g., A, B, C, D, at the end."
    ),
    "integer": (
        "Please answer the question requiring an integer answer and provide the final value, "
        "e.g., 1, 2, 3, at the end."
    ),
    "float": (
        "Please answer the question requiring a floating-point number with one decimal place "
        "and provide the final value, e.g., 1.2, 1.3, 1.4, at the end."
    ),
    "list": (
        "Please answer the question requiring a Python list as an answer and provide the final "
        "list, e.g., [1, 2, 3], [1.2, 1.3, 1.4], at the end."
    ),
}


@dataclass(frozen=True)
class Question:
    """A prompt with its answer.

    Attributes:
        prompt: what the user says, without the image.
        answer: what the model should say.
        label: "<kind>/<topic>/<format>", for reports.
        options: the option texts of a multiple-choice question, in order.
        ask: the question proper within the prompt; its first line when empty.
        told: what one must know to answer, whatever the format; "" when no short answer says it.
    """

    prompt: str
    answer: str
    label: str
    options: tuple[str, ...] = ()
    told: str = ""
    ask: str = ""

    @property
    def asked_at(self) -> int:
        """Where in the prompt the question proper ends: the place of its last character."""
        ask = self.ask or self.prompt.partition("\n")[0]
        return self.prompt.index(ask) + len(ask) - 1


def letters_inline(ask: str, options: tuple[str, ...]) -> str:
    """A question with its options in one line, as MMStar publishes them."""
    listed = ", ".join(f"{a}: {b}" for a, b in zip(LETTERS, options, strict=False))
    return f"{ask}\nOptions: {listed}"


def letters_lines(ask: str, options: tuple[str, ...]) -> str:
    """A question with an option a line, as MMVP is prompted."""
    listed = "\n".join(f"{a}. {b}" for a, b in zip(LETTERS, options, strict=False))
    return f"{ask}\n{listed}"


def math_query(ask: str, *, answer: str, options: tuple[str, ...] = ()) -> str:
    """A query as MathVista publishes it: hint, question, choices.

    Args:
        ask: The question.
        answer: The answer, which decides the hint of a free-form question.
        options: Choices; empty for a free-form question.
    """
    sort = "list" if answer.startswith("[") else "float" if "." in answer else "integer"
    lines = [f"Hint: {MATH_HINTS['choice' if options else sort]}", f"Question: {ask}"]
    if options:
        lines.append("Choices:")
        lines += [f"({a}) {b}" for a, b in zip(LETTERS, options, strict=False)]
    return "\n".join(lines)


def hinted_lines(hint: str, ask: str, options: tuple[str, ...], *, context: bool) -> str:
    """A question with its hint and an option a line, as ScienceQA is prompted.

    Args:
        hint: What is told; may be empty.
        ask: The question.
        options: Two to five.
        context: Whether the hint is announced as context.
    """
    told = f"Context: {hint}\n" if hint and context else f"{hint}\n" if hint else ""
    return told + letters_lines(ask, options)


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
        family: "letters", "short", "open", "terse", "hinted", "math" or "class" keeps only
            formats of that family.
    """
    if family == "hinted":
        return ["hinted"] if fact.ask else []
    if fact.hint:
        # without its hint nobody could know
        return []
    if family == "math":
        choice = ["choice"] * 2 if fact.ask and len(fact.wrong) >= 3 else []
        return [*choice, *(["value"] * 3 if fact.ask and _is_value(fact.answer) else [])]
    if family in ("open", "terse"):
        return [family] if fact.ask else []
    if family == "class":
        return ["class"] if fact.topic == "class" else []
    forms = []
    if fact.ask and family != "letters":
        forms += ["short"] * 3
    if fact.ask and family != "short":
        forms += ["two"] * 2
        forms += ["four"] * 3 if len(fact.wrong) >= 3 else []
        forms += ["lines"] * 2 if len(fact.wrong) >= 2 else []
    if fact.claim and family != "letters":
        forms += ["yesno"] * 3
    return forms


def _is_value(answer: str) -> bool:
    """Whether an answer is a number or a list of numbers."""
    return answer[:1] == "[" or answer.replace(".", "", 1).isdigit()


def draw_question(kind: Kind, fact: Fact, rng: Random, *, family: str = "") -> Question:
    """Puts a fact into one of the formats it allows, with balanced answers."""
    form = rng.choice(forms_of(fact, family=family))
    label = f"{kind.name}/{fact.topic}/{form}"
    told = fact.answer if fact.ask else ""
    if form == "terse":
        return Question(terse(fact.ask), fact.answer, label)
    if form in ("open", "short", "value", "class"):
        prompt = _free_prompt(kind, fact, form, rng)
        return Question(prompt, fact.answer, label, told=told, ask=fact.ask)
    if form == "yesno":
        true = rng.random() < 0.5
        said = fact.answer if true else wrong_options(fact, rng, 1)[0]
        asked = f"{fact.claim.format(said)}\n{SHORT_SUFFIX}"
        return Question(asked, "Yes" if true else "No", label, told=told)
    return _letters(fact, form, rng, label=label, told=told)


def _free_prompt(kind: Kind, fact: Fact, form: str, rng: Random) -> str:
    """The prompt of a question without options."""
    if form == "short":
        return f"{fact.ask}\n{SHORT_SUFFIX}"
    if form == "value":
        return math_query(fact.ask, answer=fact.answer)
    if form == "open":
        return fact.ask
    # half of the lists are cut short, so that names are found in lists and not by their places
    some = [fact.answer, *wrong_options(fact, rng, rng.randrange(3, len(fact.wrong)))]
    return class_prompt(
        NOUNS[kind.name], sorted(some) if rng.random() < 0.5 else CLASSES[kind.name]
    )


def _letters(fact: Fact, form: str, rng: Random, *, label: str, told: str) -> Question:
    """A multiple-choice question in one of its formats."""
    most = min(len(LETTERS), 1 + len(fact.wrong))
    n = {"four": 4, "two": 2, "choice": 4}.get(form) or rng.randrange(2, most + 1)
    drawn = [fact.answer, *wrong_options(fact, rng, n - 1)]
    rng.shuffle(drawn)
    options = tuple(drawn)
    if form == "choice":
        prompt = math_query(fact.ask, answer="", options=options)
    elif form == "hinted":
        asked = hinted_lines(fact.hint, fact.ask, options, context=rng.random() < 0.7)
        prompt = f"{asked}\n{LETTER_SUFFIX}"
    else:
        write = letters_inline if form == "four" else letters_lines
        prompt = f"{write(fact.ask, options)}\n{LETTER_SUFFIX}"
    right = LETTERS[options.index(fact.answer)]
    return Question(prompt, right, label, options, told=told, ask=fact.ask)


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
        asked = rng.choice((CAPTION_PROMPT, CAPTION_PROMPT, DETAIL_PROMPT))
        questions.append(Question(asked, kind.caption(spec), f"{kind.name}/caption"))
    while len(questions) < n:
        # a topic first, then a fact: kinds with dozens of counts would drown the rest otherwise
        fact = rng.choice(topics[rng.choice(names)])
        questions.append(draw_question(kind, fact, rng, family=family))
    return questions
