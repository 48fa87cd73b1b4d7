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
    JudgePrice,
    Judging,
    base_url,
    choose_judging,
    read_key,
    usable,
)
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.errors import JudgeError, UnknownNameError, UsageError
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


# Options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        (" https://x.org/v1/chat/completions ", "https://x.org/v1"),
        ("http://localhost:8000/v1/chat/completions/", "http://localhost:8000/v1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_full_route_is_taken_as_its_base(given, base):
    """Both conventions of public evaluators work."""
    assert base_url(given) == base


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{CANARY}@x.org/v1",
        f"https://x.org/v1?api-key={CANARY}",
        f"https://x.org/v1#{CANARY}",
        CANARY,
        f"user:{CANARY}@x.org/v1",
        f"ftp://x.org/{CANARY}",
        f"http://[{CANARY}/v1",
        "http:///v1",
    ],
)
def test_a_url_that_may_hold_a_secret_is_refused_without_being_shown(url):
    """The URL is recorded and printed, so nothing secret may be part of it."""
    with pytest.raises(UsageError) as caught:
        base_url(url)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "options", "chosen"),
    [
        ({}, {}, None),
        ({"OPENAI_BASE_URL": "http://a/v1", "OPENAI_API_KEY": "k"}, {}, None),
        ({"OPENAI_BASE_URL": "http://a/v1"}, {"model": "m"}, ("http://a/v1", "m")),
        ({"OPENAI_API_BASE": "http://a/v1/chat/completions"}, {"model": "m"}, ("http://a/v1", "m")),
        ({"OPENAI_API_URL": "http://a/v1"}, {"model": "m"}, ("http://a/v1", "m")),
        (
            {"IPLLVM_JUDGE_URL": "http://a/v1", "IPLLVM_JUDGE_MODEL": "m", "OPENAI_BASE_URL": "x"},
            {},
            ("http://a/v1", "m"),
        ),
        (
            {"IPLLVM_JUDGE_URL": "http://a/v1", "IPLLVM_JUDGE_MODEL": "m"},
            {"url": "http://b/v1", "model": "n"},
            ("http://b/v1", "n"),
        ),
        (
            {"IPLLVM_JUDGE_URL": "http://a/v1", "IPLLVM_JUDGE_MODEL": "m"},
            {"proxy": True},
            None,
        ),
    ],
)
def test_a_judge_is_chosen_by_its_model(environment, options, chosen):
    """A URL that other programs use makes no judge; an option wins over a variable."""
    judge = choose_judging(environment, **options).judge

    assert (judge and (judge.url, judge.model)) == chosen


@pytest.mark.parametrize(
    ("environment", "options", "words"),
    [
        ({}, {"model": "m"}, "has no address"),
        ({}, {"url": "http://a/v1"}, "without the name of its model"),
        ({"IPLLVM_JUDGE_URL": "http://a/v1"}, {}, "without the name of its model"),
        ({}, {"url": "http://a/v1", "model": "m", "proxy": True}, "one or the other"),
        ({}, {"concurrency": 0}, "at least 1"),
        ({}, {"price": "2.5"}, "two prices"),
        ({}, {"price": "-1/2"}, "two prices"),
        ({}, {"price": "nan/2"}, "two prices"),
    ],
)
def test_options_that_cannot_work_are_refused(environment, options, words):
    """Each says what to write instead."""
    with pytest.raises(UsageError, match=words):
        choose_judging(environment, **options)


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ({}, ""),
        ({"OPENAI_API_KEY": "b"}, "b"),
        ({"IPLLVM_JUDGE_KEY": " a\n", "OPENAI_API_KEY": "b"}, "a"),
        ({"IPLLVM_JUDGE_KEY": "", "OPENAI_API_KEY": "b"}, ""),
    ],
)
def test_the_key_is_our_own_variable_first(environment, key):
    """An empty variable of ours keeps another service's key from a server that needs none."""
    assert read_key(environment) == key


def test_a_price_is_per_million_tokens():
    """2.50 in and 10 out: a million in and a tenth of a million out cost 3.50."""
    assert JudgePrice.parse("2.50/10").of(1_000_000, 100_000) == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("judging", "mmvet", "mathvista", "mmvp"),
    [
        (Judging(), "unscored", "rule", "rule"),
        (Judging(proxy=True), "proxy", "rule", "rule"),
        (Judging(JudgeOptions("http://a", "m")), "judge m", "judge m", "rule"),
    ],
)
def test_who_scores_is_decided_by_the_benchmark_and_the_run(judging, mmvet, mathvista, mmvp):
    """Required, optional and no judge, without one, with a proxy, and with one."""
    names = ("mmvet", "mathvista", "mmvp")
    assert [judging.scored_by(get_benchmark(name)) for name in names] == [mmvet, mathvista, mmvp]
    missing = judging.unscored(get_benchmark("mmvet"))
    assert missing.startswith("unscored: no judge for MM-Vet") is (mmvet == "unscored")
    assert Judging.from_json(json.loads(json.dumps(judging.to_json()))) == judging
