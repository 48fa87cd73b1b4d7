"""Judge models: which one is asked, what scores answers without one, which replies can be used.

Nothing here asks anything or imports a client: pytest workers and the planner use it. A judge's
key is read from the environment by the process that asks, and is in none of these values.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from ipllvm_spec.benchmarks.base import Benchmark
from ipllvm_spec.errors import UsageError, unknown_name

URL_VARIABLES = ("IPLLVM_JUDGE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_URL")
MODEL_VARIABLE = "IPLLVM_JUDGE_MODEL"
#: The first of these that is set holds the key; set but empty it means a server without keys.
KEY_VARIABLES = ("IPLLVM_JUDGE_KEY", "OPENAI_API_KEY")
#: Calls under way at once, over all workers of a run.
CONCURRENCY = 8

_ROUTE = "/chat/completions"

#: Predicates that say whether a reply can be used, by the name in ``JudgeCall.reads``; imported
#: when one is needed.
READERS: Mapping[str, str] = MappingProxyType(
    {
        "any": "ipllvm_spec.benchmarks.judging:reads_any",
        "score": "ipllvm_spec.benchmarks.rubrics:reads_score",
        "pair": "ipllvm_spec.benchmarks.rubrics:reads_pair",
        "yes_no": "ipllvm_spec.benchmarks.judging:reads_yes_no",
    }
)


def reads_any(reply: str) -> bool:
    """Whether a reply says anything at all."""
    return bool(reply.strip())


def reads_yes_no(reply: str) -> bool:
    """Whether a reply can be read as yes or no."""
    from ipllvm_spec.benchmarks.parsing import parse_yes_no

    return parse_yes_no(reply).value is not None


def usable(reads: str, reply: str) -> bool:
    """Whether the reader of that name can use a reply.

    Raises:
        UnknownNameError: For a reader that does not exist.
    """
    if reads not in READERS:
        raise unknown_name("reader of judge replies", reads, READERS)
    return bool(pkgutil.resolve_name(READERS[reads])(reply))


@dataclass(frozen=True)
class JudgeOptions:
    """One OpenAI-compatible chat endpoint with one model.

    Attributes:
        url: Base of the endpoint, for example ``https://api.openai.com/v1``.
        model: Name of the model there; it names the judge in every record.
        concurrency: Most calls under way at once.
        timeout_s: How long one call may take.
    """

    url: str
    model: str
    concurrency: int = CONCURRENCY
    timeout_s: float = 120.0


@dataclass(frozen=True)
class JudgePrice:
    """What a judge costs, per million tokens, in a currency of the user's choice.

    Attributes:
        prompt: Price of the tokens that are sent.
        reply: Price of the tokens that come back.
    """

    prompt: float
    reply: float

    @classmethod
    def parse(cls, text: str) -> JudgePrice:
        """Reads ``2.50/10.00``.

        Raises:
            UsageError: For anything that is not two numbers of at least 0.
        """
        try:
            prompt, reply = (float(part) for part in text.split("/"))
        except ValueError:
            prompt = reply = -1.0
        # The comparison is False for NaN, and no price is infinite.
        if not (0.0 <= prompt < float("inf") and 0.0 <= reply < float("inf")):
            raise UsageError(
                f"--judge-price '{text}' is not two prices",
                "write the prices of a million tokens sent and received: --judge-price 2.50/10.00",
            )
        return cls(prompt, reply)

    def of(self, prompt_tokens: int, reply_tokens: int) -> float:
        """Returns what so many tokens cost."""
        return (prompt_tokens * self.prompt + reply_tokens * self.reply) / 1e6


@dataclass(frozen=True)
class Judging:
    """How answers are scored that no rule scores as published.

    Attributes:
        judge: The judge; None for none.
        proxy: Whether a rule stands in for a judge that a benchmark requires.
        price: What the judge costs; None when it was not declared.
    """

    judge: JudgeOptions | None = None
    proxy: bool = False
    price: JudgePrice | None = None

    def on(self, source: str) -> Judging:
        """Returns the choice for one source of data.

        A twin knows its facts, so the rule reads answers to it as well as a judge would. Without a
        judge it therefore stands in unasked there, labelled as everywhere.
        """
        return replace(self, proxy=True) if source == "twin" and self.judge is None else self

    def asks(self, benchmark: Benchmark) -> bool:
        """Whether a judge scores answers to this benchmark."""
        return self.judge is not None and benchmark.judge != "no"

    def unscored(self, benchmark: Benchmark) -> str:
        """Returns why the benchmark cannot be scored, "" when it can."""
        if benchmark.judge != "required" or self.judge is not None or self.proxy:
            return ""
        return (
            f"unscored: no judge for {benchmark.title}; set --judge-url and --judge-model, or "
            "--judge-proxy for a rule that is not comparable with published scores"
        )

    def scored_by(self, benchmark: Benchmark) -> str:
        """Returns ``rule``, ``judge <model>``, ``proxy`` or ``unscored``."""
        if self.judge is not None and benchmark.judge != "no":
            return f"judge {self.judge.model}"
        if benchmark.judge != "required":
            return "rule"
        return "proxy" if self.proxy else "unscored"

    def sentence(self) -> str:
        """Returns the choice as a line for the head of a run."""
        if self.judge is not None:
            return f"{self.judge.model} at {self.judge.url}, {self.judge.concurrency} calls at once"
        return "none, rules as proxy" if self.proxy else "none"

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the value."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Judging:
        """Rebuilds a value from ``to_json``."""
        judge, price = data["judge"], data["price"]
        return cls(
            judge=JudgeOptions(**judge) if judge else None,
            proxy=data["proxy"],
            price=JudgePrice(**price) if price else None,
        )


def choose_judging(
    environment: Mapping[str, str],
    *,
    url: str | None = None,
    model: str | None = None,
    concurrency: int = CONCURRENCY,
    proxy: bool = False,
    price: str | None = None,
) -> Judging:
    """Combines options and environment; an option wins over a variable.

    There is a judge as soon as its model is named. A URL alone, from a variable that other
    programs use too, never makes answers go to a server unasked.

    Args:
        environment: ``os.environ``.
        url: ``--judge-url``.
        model: ``--judge-model``.
        concurrency: ``--judge-concurrency``.
        proxy: ``--judge-proxy``; variables are ignored then.
        price: ``--judge-price``.

    Raises:
        UsageError: For options that contradict each other or cannot work.
    """
    if concurrency < 1:
        raise UsageError(f"--judge-concurrency {concurrency} asks nothing", "give at least 1")
    if proxy and (url or model):
        raise UsageError(
            "--judge-proxy scores without a judge, --judge-url and --judge-model name one",
            "give one or the other",
        )
    declared = JudgePrice.parse(price) if price else None
    if proxy:
        return Judging(proxy=True, price=declared)
    chosen = model or environment.get(MODEL_VARIABLE, "")
    found = [environment[name] for name in URL_VARIABLES if environment.get(name)]
    address = url or (found[0] if found else "")
    if chosen and not address:
        raise UsageError(
            f"judge '{chosen}' has no address",
            "set --judge-url or IPLLVM_JUDGE_URL, for example https://api.openai.com/v1",
        )
    if not chosen:
        if url or environment.get(URL_VARIABLES[0]):
            raise UsageError(
                "a judge's URL without the name of its model",
                f"set --judge-model or {MODEL_VARIABLE}",
            )
        return Judging(price=declared)
    return Judging(JudgeOptions(base_url(address), chosen, concurrency), price=declared)


def base_url(text: str) -> str:
    """Returns the base of an endpoint: a full ``.../chat/completions`` loses its route.

    Raises:
        UsageError: For text that is no address of a web server, or that may hold a secret.
    """
    try:
        parts = urlsplit(text.strip())
        named = bool(parts.hostname)
    except ValueError:
        named = False
    # The text itself is never repeated: what was put there by mistake is often a key.
    if not named or parts.scheme not in ("http", "https"):
        raise UsageError(
            "the judge's URL is not the address of a web server",
            "write for example https://api.openai.com/v1 or http://localhost:8000/v1",
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "the judge's URL carries a user name, a password, a query or a fragment",
            f"give the plain address and put the key into {KEY_VARIABLES[0]}",
        )
    path = parts.path.rstrip("/").removesuffix(_ROUTE).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def read_key(environment: Mapping[str, str]) -> str:
    """Returns the judge's key, "" for none. Called by the asking process only."""
    return next((environment[name] for name in KEY_VARIABLES if name in environment), "").strip()
