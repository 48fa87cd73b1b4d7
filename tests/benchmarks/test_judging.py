"""Asking a judge: what is sent, what is waited for, what stops a run, and what never leaks."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ipllvm_spec.benchmarks.base import JudgeCall
from ipllvm_spec.benchmarks.judge_client import READ_TRIES, SEND_TRIES, JudgeClient
from ipllvm_spec.benchmarks.judging import (
    READERS,
    JudgeOptions,
    usable,
)
from ipllvm_spec.errors import JudgeError, UnknownNameError
from tests.judge_server import Said, refusal, reply, scripted_judge

CANARY = "sk-canary-0123456789abcdef"
CALL = JudgeCall(
    rubric="test-1",
    messages=(("system", "Be strict."), ("user", "Grade this: cat")),
    question="q1",
    answer="cat",
    max_tokens=8,
)


@pytest.fixture
def client_of():
    """Makes clients that note their waits in ``waits`` instead of sleeping."""
    made = []

    def make(server, *, key=CANARY, spread=lambda: 0.0, **options):
        client = JudgeClient(
            JudgeOptions(server.url, "judge-1", **options),
            key=key,
            sleep=make.waits.append,
            spread=spread,
        )
        made.append(client)
        return client

    make.waits = []
    yield make
    for client in made:
        client.close()


def test_a_request_is_greedy_seeded_and_authorised(client_of):
    """Model, messages, temperature 0, a seed, the limit and the key go to the chat route."""
    with scripted_judge([reply("0.5")]) as server:
        found = client_of(server).ask(CALL)

    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {CANARY}"
    assert asked.body == {
        "model": "judge-1",
        "messages": [
            {"role": "system", "content": "Be strict."},
            {"role": "user", "content": "Grade this: cat"},
        ],
        "temperature": 0,
        "max_tokens": 8,
        "seed": 0,
    }
    assert (found.text, found.usable, found.tries) == ("0.5", True, 1)
    assert (found.prompt_tokens, found.reply_tokens) == (10, 2)


def test_a_server_that_knows_no_seed_is_asked_without_it(client_of):
    """A 400 to the first request drops the seed, once for all calls."""

    def answer(asked):
        return refusal(400, "unknown field: seed") if "seed" in asked.body else reply("1.0")

    with scripted_judge(answer) as server:
        client = client_of(server)
        texts = [client.ask(CALL).text for _ in range(3)]

    assert texts == ["1.0"] * 3
    assert ["seed" in asked.body for asked in server.asked] == [True, False, False, False]


@pytest.mark.parametrize(
    "failure",
    [
        refusal(500, "overloaded"),
        refusal(503, "starting"),
        refusal(429, "slow down"),
        refusal(408, "too slow"),
        Said("<html>gateway</html>", headers={"content-type": "text/html"}),
        Said("{not json"),
        Said('{"choices": []}'),
        Said('{"error": {"message": "model is loading"}}'),
        Said("[" * 100_000),
        reply("0.5", cut=20),
    ],
    ids=["500", "503", "429", "408", "html", "garbage", "empty", "error-in-200", "deep", "cut"],
)
def test_what_may_pass_is_tried_again(client_of, failure):
    """Busy servers, broken connections and bodies that are no completion are waited out."""
    with scripted_judge([failure, failure, reply("0.5")]) as server:
        found = client_of(server).ask(CALL)

    assert found.text == "0.5"
    assert client_of.waits == [1.0, 2.0]


def test_a_silent_server_is_tried_again(client_of):
    """A call that takes too long is given up and made anew."""
    with scripted_judge([reply("0.1", delay_s=0.6), reply("0.5")]) as server:
        assert client_of(server, timeout_s=0.2).ask(CALL).text == "0.5"


def test_waits_double_with_jitter_up_to_a_minute_and_end_in_an_error(client_of):
    """A server that never recovers stops the run after six tries, and later calls at once."""
    with scripted_judge([refusal(500, "broken")]) as server:
        client = client_of(server, spread=lambda: 0.5)
        with pytest.raises(JudgeError, match=f"HTTP 500: broken, {SEND_TRIES} times in a row"):
            client.ask(CALL)
        asked = len(server.asked)
        with pytest.raises(JudgeError, match="HTTP 500"):
            client.ask(CALL)

    assert client_of.waits == [0.75, 1.5, 3.0, 6.0, 12.0]
    assert asked == len(server.asked) == SEND_TRIES


@pytest.mark.parametrize(
    ("text", "wait"),
    [("7", 7.0), ("0", 0.0), ("2.5", 2.5), ("-3", 0.0), ("soon", 1.0), ("inf", 1.0)],
)
def test_retry_after_is_honoured(client_of, text, wait):
    """The server's own wait replaces ours, where it names one."""
    busy = refusal(429, "slow down", headers={"retry-after": text})
    with scripted_judge([busy, reply("0.5")]) as server:
        client_of(server).ask(CALL)

    assert client_of.waits == [wait]


def test_retry_after_may_be_a_date(client_of):
    """The other form of the header; a date that has passed means now."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    busy = [refusal(429, "wait", headers={"retry-after": when}) for when in (soon, past)]
    with scripted_judge([*busy, reply("0.5")]) as server:
        client_of(server).ask(CALL)

    assert 90 < client_of.waits[0] <= 100
    assert client_of.waits[1] == 0.0


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (refusal(401, "Incorrect API key"), "IPLLVM_JUDGE_KEY"),
        (refusal(403, "no access"), "IPLLVM_JUDGE_KEY"),
        (refusal(404, "no model judge-1"), "--judge-model"),
        (refusal(400, "no such model"), "--judge-model"),
        (Said('{"error": {"code": "insufficient_quota"}}', 429), "no quota left"),
        (refusal(429, "daily limit", headers={"retry-after": "86400"}), "86400 s of rest"),
        (refusal(301, "moved"), "see what the server says"),
    ],
    ids=["401", "403", "404", "400", "quota", "tomorrow", "moved"],
)
def test_what_cannot_pass_stops_at_once_with_advice(client_of, said, words):
    """No waiting for a wrong key, a wrong name or an empty account; the next call fails too."""
    with scripted_judge([said]) as server:
        client = client_of(server)
        with pytest.raises(JudgeError, match="judge 'judge-1' at http") as caught:
            client.ask(CALL)
        before = len(server.asked)
        with pytest.raises(JudgeError):
            client.ask(CALL)

    assert words in str(caught.value)
    assert client_of.waits == []
    assert len(server.asked) == before <= 2


def test_an_absent_server_is_named(client_of):
    """A connection that is refused says which address it was."""
    with scripted_judge([reply("")]) as server:
        client = client_of(server)
    with pytest.raises(JudgeError, match=f"at {server.url} cannot be reached"):
        client.ask(CALL)


def test_a_reply_that_cannot_be_used_is_asked_for_again(client_of):
    """The last message then says so, every time in other words; the first usable reply counts."""
    call = JudgeCall("r", CALL.messages, "q", "a", 8, reads="yes_no")
    with scripted_judge([reply("Perhaps"), reply(None), reply("Yes.")]) as server:
        found = client_of(server).ask(call)

    assert (found.text, found.usable, found.tries) == ("Yes.", True, 3)
    assert (found.prompt_tokens, found.reply_tokens) == (30, 6)
    lasts = [asked.last for asked in server.asked]
    assert lasts[0] == "Grade this: cat"
    assert all(text.startswith("Grade this: cat\n\n(Try ") for text in lasts[1:])
    assert len(set(lasts)) == 3
    assert {asked.body["temperature"] for asked in server.asked} == {0}


def test_a_judge_that_never_says_anything_usable_is_given_up(client_of):
    """After four tries the last reply is handed on as unusable: no error, and no score."""
    call = JudgeCall("r", CALL.messages, "q", "a", 8, reads="yes_no")
    with scripted_judge([reply("Perhaps")]) as server:
        found = client_of(server).ask(call)

    assert (found.text, found.usable, found.tries) == ("Perhaps", False, READ_TRIES)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "0."}, {"type": "text", "text": "5"}], "0.5"),
        ("0.5", "0.5"),
        ("好 \u0000 0.5", "好 \u0000 0.5"),
    ],
)
def test_content_in_parts_is_joined(client_of, content, text):
    """Some servers split the content; odd characters pass."""
    with scripted_judge([reply(content)]) as server:
        assert client_of(server).ask(CALL).text == text


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_reader_exists_and_refuses_an_empty_reply(name):
    """The names that calls may use all resolve."""
    assert usable(name, "") is False


def test_an_unknown_reader_is_an_error():
    """A typo in a benchmark must not make every reply usable."""
    with pytest.raises(UnknownNameError, match="yes_no"):
        usable("yes-no", "yes")


# Secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 400, 418, 500, 200])
def test_a_server_that_repeats_the_key_leaks_nothing(client_of, caplog, status):
    """Neither message, traceback, representation nor debug log holds the key."""
    caplog.set_level(logging.DEBUG)

    def answer(asked):
        return Said(json.dumps({"error": f"you sent {asked.headers['authorization']}"}), status)

    with scripted_judge(answer) as server:
        client = client_of(server)
        with pytest.raises(JudgeError) as caught:
            client.ask(CALL)

    shown = "".join(traceback.format_exception(caught.value))
    assert "you sent Bearer ***" in str(caught.value)
    assert CANARY not in shown + str(caught.value) + repr(client) + repr(client.options)
    assert CANARY not in caplog.text


def test_a_reply_that_repeats_the_key_is_cleaned(client_of):
    """What is stored as the judge's reply holds no key either."""
    with scripted_judge(lambda asked: reply(asked.headers["authorization"])) as server:
        assert client_of(server).ask(CALL).text == "Bearer ***"


def test_a_dummy_key_does_not_eat_replies(client_of):
    """Local servers take any key, "0" for example; replies with that character stay whole."""
    with scripted_judge([reply("0.5")]) as server:
        assert client_of(server, key="0").ask(CALL).text == "0.5"
        assert client_of(server, key="").ask(CALL).text == "0.5"


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-a b", "schlüssel", "sk-\x07"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(client_of, key):
    """A line break in the key would be an error that quotes it, deep inside the HTTP client."""
    with (
        scripted_judge([reply("")]) as server,
        pytest.raises(JudgeError, match="no HTTP header") as caught,
    ):
        client_of(server, key=key)
    assert key not in str(caught.value)
