"""Choosing a judge: addresses, variables, prices, and who scores what."""

from __future__ import annotations

import json

import pytest

from ipllvm_spec.benchmarks.judging import (
    JudgeOptions,
    JudgePrice,
    Judging,
    base_url,
    choose_judging,
    read_key,
)
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.errors import UsageError

CANARY = "sk-canary-0123456789abcdef"


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


@pytest.mark.parametrize("source", ["published", "./folder"])
def test_a_rule_stands_in_unasked_on_twins_alone(source):
    """A twin knows its facts; elsewhere a judged benchmark without a judge stays unscored."""
    mmvet = get_benchmark("mmvet")
    nobody = Judging()
    assert nobody.on("twin").scored_by(mmvet) == "proxy"
    assert nobody.on("twin").unscored(mmvet) == ""
    assert nobody.on(source).scored_by(mmvet) == "unscored"
    assert "no judge for MM-Vet" in nobody.on(source).unscored(mmvet)
    assert nobody.on("twin").scored_by(get_benchmark("mmstar")) == "rule"


def test_a_judge_that_was_named_judges_twins_too():
    """Whoever names a judge wants to see it at work."""
    named = Judging(JudgeOptions("http://x/v1", "judge-1"))
    assert named.on("twin") == named
    assert named.on("twin").scored_by(get_benchmark("mmvet")) == "judge judge-1"
