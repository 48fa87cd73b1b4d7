"""Asks a judge model: one chat call with retries, and again when its reply cannot be used.

The ``openai`` package sends the requests; when to send one again is decided here, because a judge
must wait out a limit per minute, and an answer that is no chat completion counts as a failure.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from ipllvm_spec.benchmarks.base import JudgeCall
from ipllvm_spec.benchmarks.judging import KEY_VARIABLES, JudgeOptions, usable
from ipllvm_spec.errors import JudgeError

#: Times that a request is sent before the run stops.
SEND_TRIES = 6
#: Times that a judge is asked for a reply that can be used.
READ_TRIES = 4
#: Waits between requests: they double up to the longest one; the jitter takes up to half off.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
#: A server that asks for a longer wait than this is not waited for.
PATIENCE_S = 300.0

_PASSING = frozenset({408, 409, 425, 429})
_SHOWN = 300
_NO_KEY = "no-key"
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class JudgeReply:
    """What a judge said about one answer.

    Attributes:
        text: Its last reply.
        usable: Whether that can be used; a reply that cannot, after the last try, never will.
        tries: Replies asked for.
        prompt_tokens: Tokens sent, as the server counts them, over all tries.
        reply_tokens: Tokens received.
    """

    text: str
    usable: bool
    tries: int
    prompt_tokens: int
    reply_tokens: int


@dataclass(frozen=True)
class _Completion:
    text: str
    prompt_tokens: int
    reply_tokens: int


class _FailedError(Exception):
    """A request failed in a way that may pass; ``wait_s`` is what the server asked for."""

    def __init__(self, problem: str, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class JudgeClient:
    """Asks one judge. Thread-safe; the caller limits how many threads ask at once.

    Args:
        options: Which judge.
        key: Its key, "" for none. Kept in the HTTP client only.
        sleep: Waits so many seconds.
        spread: Draws from [0, 1) for the jitter.

    Raises:
        JudgeError: For a key that no HTTP header can carry.
    """

    def __init__(
        self,
        options: JudgeOptions,
        *,
        key: str,
        sleep: Callable[[float], object] = time.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        import openai

        if not (key.isascii() and key.isprintable() and " " not in key):
            raise JudgeError(
                "the judge's key holds characters that no HTTP header can carry",
                f"set {KEY_VARIABLES[0]} again, without blanks or line breaks",
            )
        self.options = options
        self._openai = openai
        self._client = openai.OpenAI(
            api_key=key or _NO_KEY,
            base_url=options.url,
            timeout=options.timeout_s,
            max_retries=0,
        )
        self._clean = _cleaner(key)
        self._sleep = sleep
        self._spread = spread
        self._seed = True
        self._over: tuple[str, str] | None = None

    def ask(self, call: JudgeCall) -> JudgeReply:
        """Asks until a reply can be used, ``READ_TRIES`` times at most.

        Raises:
            JudgeError: When the judge cannot be reached or refuses; every later call then fails
                at once.
        """
        prompt_tokens = reply_tokens = 0
        for number in range(1, READ_TRIES + 1):
            found = self._send(_messages(call, number), call.max_tokens)
            prompt_tokens += found.prompt_tokens
            reply_tokens += found.reply_tokens
            good = usable(call.reads, found.text)
            if good:
                break
        return JudgeReply(found.text, good, number, prompt_tokens, reply_tokens)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _send(self, messages: list[dict[str, str]], max_tokens: int) -> _Completion:
        wait = FIRST_WAIT_S
        for number in range(1, SEND_TRIES + 1):
            if self._over is not None:
                raise JudgeError(*self._over)
            try:
                return self._request(messages, max_tokens)
            except _FailedError as failed:
                if number == SEND_TRIES:
                    self._stop(
                        f"{failed}, {SEND_TRIES} times in a row",
                        "every reply so far is stored: run the same command again later, or with "
                        "a lower --judge-concurrency",
                    )
                asked = failed.wait_s
            self._sleep(wait * (1.0 - self._spread() / 2.0) if asked is None else asked)
            wait = min(2.0 * wait, LONGEST_WAIT_S)
        raise AssertionError("the last try returns or raises")

    def _request(self, messages: list[dict[str, str]], max_tokens: int) -> _Completion:
        """Sends one request; without the seed when the server does not know that."""
        seed = self._seed
        offered: dict[str, Any] = {"seed": 0} if seed else {}
        try:
            # The raw response: a body that is no chat completion must not reach the parser of
            # the package, which lets some of them pass and fails on others in its own way.
            raw = self._client.chat.completions.with_raw_response.create(
                model=self.options.model,
                messages=messages,  # type: ignore[arg-type]  # roles are plain text here
                temperature=0,
                max_tokens=max_tokens,
                **offered,
            )
        except self._openai.APITimeoutError:
            raise _FailedError(f"did not answer within {self.options.timeout_s:g} s") from None
        except self._openai.APIConnectionError:
            raise _FailedError("cannot be reached, or broke the connection") from None
        except self._openai.APIStatusError as error:
            if not (seed and error.status_code in (400, 422)):
                response = error.response
                self._judge_status(response.status_code, response.headers, response.text)
            self._seed = False
        else:
            return self._completion(raw.http_response.text)
        return self._request(messages, max_tokens)

    def _judge_status(self, status: int, headers: Mapping[str, str], body: str) -> NoReturn:
        """Decides whether a refusal may pass; where it cannot, nothing is asked any more."""
        said = _message(body)
        problem = f"answers HTTP {status}" + (f": {self._clean(said)[:_SHOWN]}" if said else "")
        # A spent account is told with the status of a limit that passes.
        passing = (status in _PASSING or status >= 500) and "insufficient_quota" not in body
        wait = _retry_after(headers)
        if passing and (wait is None or wait <= PATIENCE_S):
            raise _FailedError(problem, wait) from None
        advice = "see what the server says; the request holds model, messages and limits only"
        if status in (401, 403):
            advice = f"set {' or '.join(KEY_VARIABLES)} to a key that this server accepts"
        elif status in (400, 404, 405, 422):
            advice = "check --judge-model, and --judge-url, which usually ends in /v1"
        elif "insufficient_quota" in body:
            advice = "the account has no quota left; every reply so far is stored"
        elif passing:
            advice = f"it wants {wait:.0f} s of rest: run again later, every reply is stored"
        self._stop(problem, advice)

    def _stop(self, problem: str, advice: str) -> NoReturn:
        who = f"judge '{self.options.model}' at {self.options.url} {problem}"
        self._over = (who, advice)
        raise JudgeError(who, advice) from None

    def _completion(self, body: str) -> _Completion:
        """Reads a chat completion.

        Raises:
            _FailedError: When it is none.
        """
        try:
            data = json.loads(body)
            content = data["choices"][0]["message"]["content"]
            text = content or ""
            if not isinstance(text, str):
                text = "".join(part["text"] for part in content)
            counts = data.get("usage") or {}
            prompt, reply = counts.get("prompt_tokens"), counts.get("completion_tokens")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            begin = " ".join(self._clean(body).split())[:80]
            raise _FailedError(f"does not answer with a chat completion but '{begin}'") from None
        return _Completion(self._clean(text), _count(prompt), _count(reply))


def _messages(call: JudgeCall, number: int) -> list[dict[str, str]]:
    """Returns the messages of one try; from the second on they say that the last one failed."""
    messages = [{"role": role, "content": content} for role, content in call.messages]
    if number > 1:
        # Into the last message: some chat templates refuse two turns of one side. Numbered, since
        # the same request would be answered alike at temperature 0.
        messages[-1]["content"] += (
            f"\n\n(Try {number} of {READ_TRIES}: the reply before could not be read. Reply in "
            "exactly the form that is asked for above, and nothing else.)"
        )
    return messages


def _cleaner(key: str) -> Callable[[str], str]:
    """Returns what takes the key out of a text: servers like to repeat what they refuse."""
    # A shorter one is a dummy for a local server ("0", "EMPTY") and may be part of any reply.
    secret = key if len(key) >= _SHORTEST_SECRET else ""

    def clean(text: str) -> str:
        return text.replace(secret, "***") if secret else text

    return clean


def _message(body: str) -> str:
    """Returns the message of an error body, or its text, in one line."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = body
    for name in ("error", "message"):
        if isinstance(data, dict) and data.get(name):
            data = data[name]
    return " ".join((data if isinstance(data, str) else body).split())


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds that a server asks to wait, None when it names none."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
