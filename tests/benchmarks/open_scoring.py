"""How the suite scores answers to open questions, for the tests of those benchmarks."""

from dataclasses import replace

from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark


def load(name, folder, *, mode="standard"):
    """A benchmark with the items that the loader makes of a folder."""
    benchmark = get_benchmark(name, mode)
    return benchmark, load_items(benchmark, str(folder)).items


def item_of(name, row, *, mode="standard"):
    """A benchmark with the item of one row that has no image."""
    benchmark = get_benchmark(name, mode)
    return benchmark, benchmark.items([row])[0]


def scored(benchmark, items, texts, *, replies=None):
    """Units with their item scores: by the judge's replies where it is asked and they are given."""
    units = benchmark.units(items)
    scores = []
    for unit in units:
        found = []
        for item in unit.items:
            text = texts[item.item_id]
            asked = replies is not None and benchmark.judge_call(item, text) is not None
            found.append(
                benchmark.score_reply(item, text, replies[item.item_id])
                if asked
                else benchmark.score_item(item, text)
            )
        scores.append(found)
    return units, scores


def metric(benchmark, items, texts, *, replies=None):
    """Scale times the weighted sum of unit scores; excluded units are left out as they are."""
    units, scores = scored(benchmark, items, texts, replies=replies)
    return benchmark.scale * sum(
        unit.weight * benchmark.score_unit(unit, found)
        for unit, found in zip(units, scores, strict=True)
    )


def everywhere(items, text):
    """The same answer to every question."""
    return {item.item_id: text for item in items}


def unparsed(benchmark, items, text):
    """How many answers could not be read when every answer is this text."""
    return sum(benchmark.score_item(item, text).parsed.value is None for item in items)


def demand_blindness(benchmark, item, *, text, reply, gold):
    """Any answer and any reply is scored in [0, 1], and the gold changes nothing that is read."""
    other = replace(item, gold=gold)
    for one, two in (
        (benchmark.score_item(item, text), benchmark.score_item(other, text)),
        (benchmark.score_reply(item, text, reply), benchmark.score_reply(other, text, reply)),
    ):
        assert 0 <= one.value <= 1
        assert one.parsed == two.parsed
    benchmark.judge_call(other, text)
