"""A client with a model and a judge made by hand, and what is decided on their words."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from ipllvm_spec.benchmarks.judging import JudgeOptions, Judging
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.answers import Description
from ipllvm_spec.engine.cells import Cell, Row
from ipllvm_spec.reporting.summary import RunStats
from ipllvm_spec.spec.cases import Source
from ipllvm_spec.spec.interventions import Identity, PermuteTokens
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.verdicts.decide import Judge
from ipllvm_spec.verdicts.measurement import Measurement, Sheet
from ipllvm_spec.verdicts.record import Record
from ipllvm_spec.verdicts.records import make_record

N = 40
JUDGED = Judging(JudgeOptions("http://judge/v1", "judge-1"))
STATS = RunStats(prompts=1, hits=0, misses=1, wall_s=1.0, store="s", records="r")
SHUFFLED = PermuteTokens()


def mmvet_rows(count=N):
    """Rows in MM-Vet's published schema."""
    return [
        {
            "question_id": f"v1_{n}",
            "question": f"What is picture {n}?",
            "answer": f"thing{n}",
            "capability": "rec,ocr" if n % 2 else "math",
            "image_digest": f"d{n}",
        }
        for n in range(count)
    ]


def mmstar_rows(count=N):
    """Rows in MMStar's published schema; the right letter is always A."""
    return [
        {
            "index": n,
            "question": "Which? Options: A: a, B: b, C: c, D: d",
            "answer": "A",
            "category": "math",
            "l2_category": "geometry",
            "meta_info": {"source": "x", "split": "val", "image_path": "y"},
            "image_digest": f"d{n}",
        }
        for n in range(count)
    ]


class FakeClient:
    """Answers and judgements as a test has written them down.

    Attributes:
        answer: Gives the answer to an item under an intervention and repeat.
        reply: Gives the judge's reply to an answer.
        judged: Answers about which the judge was asked.
        measured: Cells that were measured.
    """

    def __init__(self, answer, reply=None) -> None:
        self.answer = answer
        self.reply = reply
        self.judged: list[str] = []
        self.measured: list[Cell] = []
        self.orders: dict[str, tuple[str, ...]] = {}

    def measure(self, cell, start, stop):
        """Returns the rows of some units."""
        self.measured.append(cell)
        return [
            Row(item_id, "ok", self.answer(item_id, cell), 1.0, 3)
            for item_id in self.orders[cell.benchmark][start:stop]
        ]

    def judge(self, calls):
        """Returns a reply to each call."""
        self.judged += [call.answer for call in calls]
        return [self.reply(call.answer) for call in calls]


def measure(client, name, judging, *, intervention=None, repeats=1, units=None):
    """A measurement of a benchmark without an engine."""
    benchmark = get_benchmark(name)
    items = benchmark.items({"mmvet": mmvet_rows, "mmstar": mmstar_rows}[name]())
    units_ = benchmark.units(items)
    client.orders[name] = tuple(unit.unit_id for unit in units_)
    description = Description(name, "local", "standard", items, client.orders[name], "digest", "r")
    sheet = Sheet(benchmark, units_, description, judging)
    changed = intervention or Identity()
    cells = [Cell("mini-llava", name, intervention=changed, repeat=n) for n in range(repeats)]
    return Measurement(client, sheet, cells, units=units)


def a_case(*names, claim="permutation.accuracy_survives", **changes):
    """A case on any benchmarks, without guards and announced verdicts."""
    found = load_suite().cases(claim, models=["mini-llava"])[0]
    return replace(
        found,
        benchmark=names[0] if len(names) == 1 else None,
        benchmarks=names,
        sources=tuple(Source(name, "local") for name in names),
        guards=(),
        expectation=None,
        **changes,
    )


def decide(client, judging, *, repeats=1, units=None):
    """Decides the drop on MM-Vet."""
    case = a_case("mmvet", units=units)
    judge = Judge(case, SimpleNamespace(), suite_size=1)
    intact = measure(client, "mmvet", judging, units=units)
    other = measure(client, "mmvet", judging, intervention=SHUFFLED, repeats=repeats, units=units)
    return case, judge.drop(intact, other)


def record_of(case, decision) -> Record:
    """The record of a decision, once through JSON."""
    made = make_record(
        case, decision, suite=load_suite(), run_id="r", node="properties/x.py::t", options=""
    )
    return Record.from_line(made.to_line())
