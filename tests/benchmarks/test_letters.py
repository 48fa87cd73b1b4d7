"""From a folder in the published schema to the metric: Q-Bench to AI2D, in both modes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from tests.benchmarks.published import letters, records

MODES = ("standard", "paper")
#: (answer that is always given, metric of it on the published scale): stated floors.
FLOORS = {
    "mmvp": ("A", 0.0),  # the answers of a pair are opposite
    "qbench": ("A", 25.0),  # the share of the letter
    "mme": ("Yes", 700.0),
    "mmstar": ("A", 25.0),
    "sqa": ("A", 100 * 4 / 12),
    "chartqa": ("7", 100 / 12),  # one of twelve numbers, all further than 5 % apart
    "ai2d": ("A", 25.0),
}
#: What no rule can read.
UNREADABLE = {"chartqa": " \n", "mme": "maybe"}
CASES = [(name, mode) for name in sorted(letters.ROWS) for mode in MODES]


def measured(benchmark, items, texts):
    """Metric on the published scale, parts, and how many answers were unparsed."""
    units = benchmark.units(items)
    scores = [[benchmark.score_item(i, texts[i.item_id]) for i in unit.items] for unit in units]
    total = sum(
        unit.weight * benchmark.score_unit(unit, found)
        for unit, found in zip(units, scores, strict=True)
    )
    unparsed = sum(score.parsed.rule == "unparsed" for found in scores for score in found)
    return benchmark.scale * total, benchmark.parts(units, scores), unparsed


@pytest.fixture
def load(write_parquet):
    """Items of 12 rows, written as published and read by the loader."""

    def load(name, mode):
        benchmark = get_benchmark(name, mode)
        folder = write_parquet(name, letters.ROWS[name](12))
        return benchmark, load_items(benchmark, str(folder)).items

    return load


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_gold_answers_give_the_maximum(load, name, mode):
    """Answering with the reference gets the whole scale, in every part too."""
    benchmark, items = load(name, mode)
    total, parts, unparsed = measured(benchmark, items, {i.item_id: i.gold for i in items})
    most = {"perception": 2000, "cognition": 800, "count": 200, "OCR": 200}
    assert all(item.prompt.endswith(("directly.", "phrase.")) for item in items)
    assert total == pytest.approx(benchmark.scale)
    assert unparsed == 0
    for part, value in parts.items():
        assert value == pytest.approx(most.get(part, 100)), part


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_a_constant_answer_gets_the_stated_floor(load, name, mode):
    """What a model gets that looks at nothing and always says the same."""
    benchmark, items = load(name, mode)
    text, floor = FLOORS[name]
    total, _, unparsed = measured(benchmark, items, {i.item_id: text for i in items})
    if (name, mode) == ("chartqa", "paper"):
        floor = 100 / 6  # six of the charts' questions are asked
    assert total == pytest.approx(floor)
    assert unparsed == 0


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_unreadable_answers_score_nothing_and_are_counted(load, name, mode):
    """Unparsed is an outcome of its own: no option gets credit for it."""
    benchmark, items = load(name, mode)
    text = UNREADABLE.get(name, "???")
    total, parts, unparsed = measured(benchmark, items, {i.item_id: text for i in items})
    assert total == 0
    assert unparsed == len(items) > 0
    assert set(parts.values()) <= {0.0}


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_the_published_columns_are_enough(load, write_parquet, name, mode):
    """Columns that the benchmark does not name may be missing or hold anything."""
    benchmark, items = load(name, mode)
    needed = {column: letters.FEATURES[name][column] for column in benchmark.columns}
    folder = write_parquet(name, letters.ROWS[name](12), features=needed, folder="needed")
    assert load_items(benchmark, str(folder)).items == items


def test_sqa_rows_without_an_image_are_left_out(write_parquet):
    """The images of the other items are theirs, although rows between them are not asked about."""
    rows = letters.sqa(6)
    rows[2]["image"] = None
    benchmark = get_benchmark("sqa")
    loaded = load_items(benchmark, str(write_parquet("sqa", rows)))
    whole = load_items(benchmark, str(write_parquet("sqa", letters.sqa(6), folder="whole")))
    assert [item.item_id for item in loaded.items] == [
        item.item_id for item in whole.items if item.row != 2
    ]
    assert loaded.undecodable == ()
    for item in loaded.items:
        assert loaded.image(item.item_id).tobytes() == whole.image(item.item_id).tobytes()
    assert sum(unit.weight for unit in benchmark.units(loaded.items)) == pytest.approx(1)


def test_chartqa_paper_mode_reads_the_image_of_its_rows(write_parquet):
    """Left-out rows do not shift the images of those that are asked about."""
    folder = str(write_parquet("chartqa", letters.chartqa(6)))
    paper = load_items(get_benchmark("chartqa", "paper"), folder)
    whole = load_items(get_benchmark("chartqa"), folder)
    assert [item.item_id for item in paper.items] == ["row-00001", "row-00003", "row-00005"]
    for item in paper.items:
        assert item in {replace(other) for other in whole.items}
        assert paper.image(item.item_id).tobytes() == whole.image(item.item_id).tobytes()


ITEMS = {
    (name, mode): (
        get_benchmark(name, mode),
        get_benchmark(name, mode).items(records(letters.ROWS[name](8))),
    )
    for name, mode in CASES
}
ANSWERS = st.text() | st.lists(
    st.sampled_from(
        ["A", "b", "(C)", "Yes", "no", "The answer is B.", "12%", "12", "cat", "Open", "\n", " "]
    ),
    max_size=4,
).map(" ".join)


@given(st.sampled_from(CASES), ANSWERS)
def test_any_answer_is_scored_and_never_read_by_the_gold_answer(case, text):
    """No text raises, and what is extracted is the same whatever the reference is."""
    benchmark, items = ITEMS[case]
    golds = {item.gold for item in items} | {"0", "E", "unknown"}
    for item in items[:3]:
        scores = [benchmark.score_item(replace(item, gold=gold), text) for gold in golds]
        assert len({score.parsed for score in scores}) == 1
        assert all(score.value in (0.0, 1.0) for score in scores)
        if scores[0].parsed.value is None:
            assert not any(score.value for score in scores)
