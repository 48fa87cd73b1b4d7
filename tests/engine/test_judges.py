"""The judge's desk: every reply is paid for once, kept, and shared by everybody who needs it."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ipllvm_spec.benchmarks.base import Item, JudgeCall
from ipllvm_spec.benchmarks.judge_client import JudgeClient
from ipllvm_spec.benchmarks.judging import JudgeOptions
from ipllvm_spec.engine.answers import Description, EngineStats, Judgement, pack_call, unpack_call
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.judges import JudgeDesk
from ipllvm_spec.engine.keys import judge_key
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import JudgeError
from tests.judge_server import refusal, reply, scripted_judge

CANARY = "sk-canary-0123456789abcdef"


def call(answer="cat", **changes) -> JudgeCall:
    """One question about an answer."""
    made = JudgeCall("rubric-1", (("user", f"Grade: {answer}"),), "q1", answer, 8)
    return replace(made, **changes)


@pytest.fixture
def open_desk(tmp_path):
    """Opens desks on one store; the second one is what a later run has."""
    opened = []

    def make(server, *, model="judge-1", concurrency=8):
        options = JudgeOptions(server.url, model, concurrency)
        store, stats = Store(tmp_path / "s.sqlite"), EngineStats()
        client = JudgeClient(options, key=CANARY, sleep=lambda _: None)
        desk = JudgeDesk(client, store, stats=stats, run_id="run")
        opened.append((desk, store))
        desk.stats = stats
        return desk

    yield make
    for desk, store in opened:
        desk.close()
        store.close()


def test_a_second_run_asks_nothing(open_desk, tmp_path):
    """Replies come from the store, the unusable one too; provenance is kept, the key is not."""
    calls = [call("cat"), call("dog", reads="yes_no"), call("cat")]
    with scripted_judge(lambda a: reply(a.last.split()[1])) as server:
        first = open_desk(server).judge(calls)
        asked = len(server.asked)
        again = open_desk(server)
        second = again.judge(calls)

    assert first == second == [Judgement("cat", True), Judgement("dog", False), first[0]]
    assert asked == len(server.asked) == 1 + 4
    assert (again.stats.judge_calls, again.stats.judge_hits) == (0, 2)
    found = Store(tmp_path / "s.sqlite")
    assert found.judges() == ("judge-1",)
    (kept,) = found.judgements([judge_key("judge-1", call("cat"))]).values()
    assert (kept.url, kept.run_id, kept.tries, kept.usable) == (server.url, "run", 1, True)
    found.close()
    assert CANARY.encode() not in (tmp_path / "s.sqlite").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [{"rubric": "rubric-2"}, {"question": "q2"}, {"answer": "dog"}],
    ids=lambda changes: next(iter(changes)),
)
def test_another_question_is_asked_anew(changes):
    """Rubric, question and answer are in the key; wording and limits hang on the rubric."""
    assert judge_key("judge-1", call(**changes)) != judge_key("judge-1", call())
    assert judge_key("judge-2", call()) != judge_key("judge-1", call())
    assert judge_key("judge-1", call(max_tokens=9)) == judge_key("judge-1", call())


def test_the_same_model_elsewhere_is_the_same_judge(open_desk):
    """Moving the server to another port costs nothing; another model asks again."""
    with scripted_judge([reply("0.5")]) as here, scripted_judge([reply("0.9")]) as there:
        open_desk(here).judge([call()])
        assert open_desk(there).judge([call()]) == [Judgement("0.5", True)]
        assert open_desk(there, model="judge-2").judge([call()]) == [Judgement("0.9", True)]
        assert (len(here.asked), len(there.asked)) == (1, 1)


def test_no_more_calls_at_once_than_allowed(open_desk):
    """Many workers that ask many things share one limit."""
    with scripted_judge(lambda a: reply("1.0", delay_s=0.02)) as server:
        desk = open_desk(server, concurrency=3)
        with ThreadPoolExecutor(6) as workers:
            parts = [[call(f"{w}-{n}") for n in range(5)] for w in range(6)]
            list(workers.map(desk.judge, parts))

    assert len(server.asked) == 30
    assert server.busiest == 3


def test_simultaneous_requests_for_one_reply_pay_once(open_desk):
    """Checks of four workers need the judgement of the same intact answers at the same time."""
    with scripted_judge(lambda a: reply("1.0", delay_s=0.05)) as server:
        desk = open_desk(server)
        with ThreadPoolExecutor(4) as workers:
            found = list(workers.map(desk.judge, [[call("x"), call("y")]] * 4))

    assert len(server.asked) == 2
    assert found == [[Judgement("1.0", True)] * 2] * 4
    assert (desk.stats.judge_calls, desk.stats.judge_hits) == (2, 6)


def test_what_came_before_a_refusal_is_kept(open_desk):
    """The run stops with the judge's error; the next one goes on from there."""

    def answer(asked):
        return reply("1.0") if asked.last == "Grade: cat" else refusal(401, "wrong key")

    with scripted_judge(answer) as server:
        desk = open_desk(server)
        desk.judge([call("cat")])
        with pytest.raises(JudgeError, match="HTTP 401"):
            desk.judge([call("cat"), call("dog"), call("cow")])
    with scripted_judge([reply("0.0")]) as server:
        found = open_desk(server).judge([call("cat"), call("dog")])

    assert [one.text for one in found] == ["1.0", "0.0"]


def test_a_stored_reply_is_never_replaced(open_desk, tmp_path):
    """Two processes on one file: the first reply is everybody's."""
    with scripted_judge([reply("0.5")]) as server:
        open_desk(server).judge([call()])
    store = Store(tmp_path / "s.sqlite")
    (kept,) = store.judgements([judge_key("judge-1", call())]).values()
    store.add_judgements([kept._replace(reply="0.9")])

    assert store.judgements([kept.judge_key]) == {kept.judge_key: kept}
    store.close()


def test_a_store_from_before_judges_goes_on_working(open_desk, tmp_path):
    """The table is made where it is missing; answers that are there stay."""
    path = tmp_path / "s.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as old:
        old.execute("DROP TABLE judgements")
        old.execute("INSERT INTO results VALUES ('k', 'c', 'i', 'x', 'ok', 'A', 0.5, 1)")

    with scripted_judge([reply("0.5")]) as server:
        assert open_desk(server).judge([call()]) == [Judgement("0.5", True)]
    assert Store(path).rows(["k"])["k"].text == "A"


def test_calls_and_counters_survive_the_wire():
    """What a worker asks is what the engine reads."""
    asked = call("x \u2028 'y'", messages=(("system", "s"), ("user", "u")), reads="score")

    assert unpack_call(json.loads(json.dumps(pack_call(asked)))) == asked


def test_descriptions_carry_every_field_of_an_item_and_shared_prompts_once():
    """Row, groups and details survive; hundreds of items may ask the same long question."""
    question = "Which of these? " * 50
    items = tuple(
        Item(
            item_id=f"i{n}",
            unit_id=f"u{n}",
            cluster_id="c",
            stratum="s",
            prompt=question if n else "Why?",
            gold="A",
            choices=("x", "y"),
            image_digest="d",
            row=7 + n,
            groups=("ocr", "math"),
            details=(("unit", "cm"), ("precision", "1")),
        )
        for n in range(100)
    )
    made = Description(
        "b", "twin", "paper", items, tuple(f"u{n}" for n in range(100)), "digest", "r", 2, 1
    )
    text = json.dumps(made.to_json())

    assert Description.from_json(json.loads(text)) == made
    assert text.count("Which of these?") == 50


class Graded:
    """A benchmark that asks a judge about everything but one answer."""

    judge = "required"

    def judge_call(self, item, text):
        """Asks about any answer but "none"."""
        return None if text == "none" else call(text, question=item.item_id)


def test_an_estimate_counts_what_is_stored_and_what_is_not_known_yet(open_desk):
    """Of four answers one is judged already, one needs no judge, two are still to come."""
    items = [SimpleNamespace(item_id=name) for name in ("a", "b", "c", "d")]
    with scripted_judge([reply("0.5")]) as server:
        desk = open_desk(server)
        desk.judge([call("cat", question="a")])
        found = desk.estimate(Graded(), items, {"a": "cat", "b": "none"})

    assert (found.calls, found.hits) == (3, 1)
    assert found.reply_tokens == 16
    assert 0 < found.prompt_tokens < 16


# Engine processes ---------------------------------------------------------------------------------


def test_one_engine_of_several_asks_the_judge(start_group, client_of, tmp_path, monkeypatch):
    """Two engines, one judge: replies, counters, and no key in settings, logs or store."""
    monkeypatch.setenv("IPLLVM_JUDGE_KEY", CANARY)
    with scripted_judge(lambda a: reply(a.headers["authorization"][-4:])) as server:
        options = JudgeOptions(server.url, "judge-1", concurrency=2)
        group = start_group(devices=("cpu", "cpu"), judge=options)
        client = client_of(group)
        client.measure(Cell("present", "pairs"), 0, 40)
        found = client.judge([call("x"), call("y")])
        assert client.judge([]) == []
        stats = client.stats()
        group.stop()

    assert found == [Judgement(CANARY[-4:], True)] * 2
    assert [engine.judge_calls for engine in stats.engines] == [2, 0]
    assert stats.total("judge_prompt_tokens") == 20
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.startswith("engine-") for path in files)
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_a_refusal_crosses_the_wire_as_what_it_is(start_group, client_of, monkeypatch):
    """The worker gets the judge's error, and one without a judge is told what to set."""
    monkeypatch.setenv("IPLLVM_JUDGE_KEY", CANARY)
    with scripted_judge([refusal(401, f"no such key: {CANARY}")]) as server:
        client = client_of(start_group(judge=JudgeOptions(server.url, "judge-1")))
        with pytest.raises(JudgeError, match=r"HTTP 401: no such key: \*\*\*"):
            client.judge([call()])
    bare = client_of(start_group(store="other.sqlite"))
    with pytest.raises(JudgeError, match=r"(?s)no judge.*--judge-url"):
        bare.judge([call()])
