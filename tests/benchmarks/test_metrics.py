"""Weighted unit scores reproduce each published metric, and chance is what guessing gets."""

import itertools
import random
from collections import defaultdict

import pytest

from ipllvm_spec.benchmarks.base import ItemScore, Parsed
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.mme import COGNITION, PERCEPTION
from ipllvm_spec.benchmarks.parsing import relaxed_match, trol
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.spec.loader import load_suite
from tests.benchmarks.published import letters, records

NAMES = sorted(letters.ROWS)
MODES = ("standard", "paper")
SEEDS = range(5)


def items_of(name, count, mode="standard"):
    """Items of rows as published."""
    return get_benchmark(name, mode).items(records(letters.ROWS[name](count)))


def scored(benchmark, items, texts):
    """Units and the scores of their items."""
    units = benchmark.units(items)
    return units, [[benchmark.score_item(i, texts[i.item_id]) for i in u.items] for u in units]


def metric(benchmark, items, texts):
    """What the suite computes: scale times the weighted sum of unit scores."""
    units, scores = scored(benchmark, items, texts)
    total = sum(
        unit.weight * benchmark.score_unit(unit, found)
        for unit, found in zip(units, scores, strict=True)
    )
    return benchmark.scale * total


def parts(benchmark, items, texts):
    """The published aggregates beside the metric."""
    return benchmark.parts(*scored(benchmark, items, texts))


def mmvp_published(rows, texts):
    """Rows 2i-1 and 2i, both right, over the number of pairs; and the share of right questions."""
    by_index = {
        row["Index"]: row["Correct Answer"] == f"({texts[str(row['Index'])]})" for row in rows
    }
    pairs = range(1, len(rows) // 2 + 1)
    both = sum(by_index[2 * i - 1] and by_index[2 * i] for i in pairs)
    return 100 * both / len(pairs), 100 * sum(by_index.values()) / len(rows)


def mme_published(rows, texts):
    """By subtask, percent of right questions plus percent of images with both right."""
    asked = defaultdict(list)
    for row in rows:
        number = len(asked[row["category"], row["question_id"]]) + 1
        text = texts[f"{row['question_id']}:{number}"]
        asked[row["category"], row["question_id"]].append(text == row["answer"])
    found = {}
    for subtask in {category for category, _ in asked}:
        images = [right for (category, _), right in asked.items() if category == subtask]
        answers = [answer for right in images for answer in right]
        found[subtask] = 100 * sum(answers) / len(answers)
        found[subtask] += 100 * sum(all(right) for right in images) / len(images)
    return found


def mme_rows():
    """All 14 subtasks with different numbers of images."""
    return [
        {
            "question_id": f"{subtask}/{image}.png",
            "question": "Is it? Please answer yes or no.",
            "answer": answer,
            "category": subtask,
        }
        for number, subtask in enumerate(PERCEPTION + COGNITION)
        for image in range(1 + number % 5)
        for answer in ("Yes", "No")
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_mmvp_pair_accuracy(seed):
    """Pair accuracy of 40 random pairs equals the published definition."""
    benchmark, rows = get_benchmark("mmvp"), letters.mmvp(80)
    items, draw = benchmark.items(rows), random.Random(seed)
    texts = {str(row["Index"]): draw.choice("ab") for row in rows}
    pairs, questions = mmvp_published(rows, texts)
    assert metric(benchmark, items, texts) == pytest.approx(pairs, abs=1e-9)
    assert parts(benchmark, items, texts) == {"per question": pytest.approx(questions)}


@pytest.mark.parametrize("mode", MODES)
def test_mmvp_with_the_other_labels(mode):
    """The relabelled pairs count for one set of labels only; the part has the other one."""
    rows = letters.mmvp(4)
    for number, row in zip((279, 280), rows[:2], strict=True):
        row.update(Index=number, Question="Is the elderly person standing or sitting?")
        row["Options"] = "(a) Standing (b) Sitting"
    benchmark = get_benchmark("mmvp", mode)
    items = benchmark.items(rows)
    right = {item.item_id: item.gold for item in items}
    other = {"standard": "pairs, original labels", "paper": "pairs, corrected labels"}[mode]
    assert metric(benchmark, items, right) == 100
    assert parts(benchmark, items, right) == {"per question": 100, other: 50}
    # the labels of the other mode, where the pairs differ
    swapped = right | {"279": right["280"], "280": right["279"]}
    assert metric(benchmark, items, swapped) == 50
    assert parts(benchmark, items, swapped) == {"per question": 50, other: 100}


@pytest.mark.parametrize("seed", SEEDS)
def test_mme_total(seed):
    """The weighted sum is the sum over 14 subtasks of accuracy and accuracy+, out of 2800."""
    benchmark, rows = get_benchmark("mme"), mme_rows()
    items = benchmark.items(rows)
    draw = random.Random(seed)
    texts = {item.item_id: draw.choice(["Yes", "No", "other"]) for item in items}
    published = mme_published(rows, texts)
    found = parts(benchmark, items, texts)
    assert metric(benchmark, items, texts) == pytest.approx(sum(published.values()), abs=1e-9)
    assert {name: found[name] for name in published} == pytest.approx(published)
    assert found["perception"] == pytest.approx(sum(published[name] for name in PERCEPTION))
    assert found["cognition"] == pytest.approx(sum(published[name] for name in COGNITION))
    assert len(found) == 16


def test_mme_constant_answers():
    """A constant yes gets 700, an unreadable answer 0, the right answers 2800."""
    benchmark, rows = get_benchmark("mme"), mme_rows()
    items = benchmark.items(rows)
    for text, total in (("Yes", 700), ("other", 0)):
        assert metric(benchmark, items, {i.item_id: text for i in items}) == pytest.approx(total)
    assert metric(benchmark, items, {i.item_id: i.gold for i in items}) == pytest.approx(2800)


def test_mme_with_fewer_subtasks_stays_on_the_scale():
    """A total over some subtasks only is scaled up to 2800, not cut, and so is perception."""
    benchmark = get_benchmark("mme")
    items = benchmark.items([row for row in mme_rows() if row["category"] in ("OCR", "count")])
    gold = {item.item_id: item.gold for item in items}
    assert metric(benchmark, items, gold) == pytest.approx(2800)
    assert parts(benchmark, items, gold) == pytest.approx(
        {"count": 200, "OCR": 200, "perception": 2000}
    )
    assert benchmark.chance(benchmark.units(items)) == pytest.approx(1050)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["qbench", "mmstar", "sqa", "ai2d"])
def test_mean_over_questions(name, seed):
    """Multiple choice is the plain mean over questions, and so is each of its parts."""
    benchmark, items = get_benchmark(name), items_of(name, 30)
    draw = random.Random(seed)
    texts = {item.item_id: draw.choice(items).gold for item in items}
    right = {item: texts[item.item_id] == item.gold for item in items}
    members = defaultdict(list)
    for item in items:
        for part in {item.stratum, *item.groups} - {""}:
            members[part].append(right[item])
    expected = {part: 100 * sum(found) / len(found) for part, found in members.items()}
    found = parts(benchmark, items, texts)
    if name == "mmstar":
        axes = [value for part, value in expected.items() if part.startswith("axis: ")]
        assert found.pop("mean of 3 axes") == pytest.approx(sum(axes) / 3)
    assert metric(benchmark, items, texts) == pytest.approx(
        100 * sum(right.values()) / 30, abs=1e-9
    )
    assert found == pytest.approx(expected)


def test_the_mean_of_axes_is_not_the_mean_of_questions():
    """Axes of different sizes weigh the same in it."""
    benchmark, rows = get_benchmark("mmstar"), letters.mmstar(8)
    for row, axis in zip(rows, "aaaaaabb", strict=True):
        row["l2_category"] = axis
    items = benchmark.items(records(rows))
    texts = {item.item_id: item.gold if place < 6 else "" for place, item in enumerate(items)}
    assert metric(benchmark, items, texts) == pytest.approx(75)
    assert parts(benchmark, items, texts)["mean of 2 axes"] == pytest.approx(50)


@pytest.mark.parametrize("seed", SEEDS)
def test_chartqa_halves_and_overall(seed):
    """Overall is the mean over all questions: of equal halves, the mean of the two."""
    benchmark, items = get_benchmark("chartqa"), items_of("chartqa", 40)
    draw = random.Random(seed)
    texts = {item.item_id: draw.choice(items).gold for item in items}
    right = {item.item_id: relaxed_match(texts[item.item_id], item.gold) for item in items}
    found = parts(benchmark, items, texts)
    assert list(found) == ["human", "augmented"]
    assert metric(benchmark, items, texts) == pytest.approx(100 * sum(right.values()) / 40)
    assert metric(benchmark, items, texts) == pytest.approx(sum(found.values()) / 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_chartqa_in_paper_mode(seed):
    """The mean over the first augmented question about each chart, by the exchanged rule."""
    benchmark, items = get_benchmark("chartqa", "paper"), items_of("chartqa", 40, "paper")
    draw = random.Random(seed)
    texts = {item.item_id: f"{draw.choice(items).gold} or so" for item in items}
    right = [trol.relaxed_match(texts[item.item_id].partition(" ")[0], item.gold) for item in items]
    assert len(items) == 20
    assert metric(benchmark, items, texts) == pytest.approx(100 * sum(right) / 20)
    assert list(parts(benchmark, items, texts)) == ["augmented"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_weights_sum_to_one_and_gold_scores_full(name, mode):
    """On the twin, weights sum to 1, the reference answers get the whole scale, nothing gets 0."""
    benchmark, size = get_benchmark(name, mode), load_suite().benchmarks[name].size(mode)
    items = load_items(benchmark, "twin").items
    units = benchmark.units(items)
    assert (len(units), len(items)) == (size.twin_units, size.twin_items)
    assert sum(unit.weight for unit in units) == pytest.approx(1, abs=1e-12)
    assert [item for unit in units for item in unit.items] == list(items)
    gold = metric(benchmark, items, {item.item_id: item.gold for item in items})
    assert gold == pytest.approx(benchmark.scale)
    assert metric(benchmark, items, {item.item_id: "" for item in items}) == 0


@pytest.mark.parametrize("name", ["mmvp", "qbench", "mmstar", "mme", "sqa", "ai2d"])
def test_chance_is_the_mean_over_all_guesses(name):
    """Chance equals the metric averaged over every way to guess among the options on offer."""
    benchmark, items = get_benchmark(name), items_of(name, 4)
    options = [("yes", "no") if name == "mme" else "ABCDE"[: len(i.choices)] for i in items]
    ids = [item.item_id for item in items]
    totals = [
        metric(benchmark, items, dict(zip(ids, guess, strict=True)))
        for guess in itertools.product(*options)
    ]
    chance = benchmark.chance(benchmark.units(items))
    assert chance == pytest.approx(sum(totals) / len(totals))


@pytest.mark.parametrize("mode", MODES)
def test_chance_of_chartqa_is_the_best_constant(mode):
    """For free answers, chance is what the best constant answer gets."""
    benchmark = get_benchmark("chartqa", mode)
    golds = ["5", "5", "Yes", "100", "103", "104", "0", "blue", "2 or 3"]
    rows = [
        {"type": "augmented_test", "question": "Q?", "answer": gold, "image": letters.cell(i)}
        for i, gold in enumerate(golds)
    ]
    items = benchmark.items(records(rows))
    best = max(
        metric(benchmark, items, dict.fromkeys((i.item_id for i in items), gold)) for gold in golds
    )
    assert benchmark.chance(benchmark.units(items)) == pytest.approx(best)
    assert best == pytest.approx(100 * 3 / 9)  # 103 is within 5 % of 100, 103 and 104


def test_chance_of_a_full_chartqa_is_quick():
    """2500 questions with 2000 different references take no noticeable time."""
    benchmark = get_benchmark("chartqa")
    row = letters.chartqa(2)[0]
    items = benchmark.items([row | {"answer": f"{i % 2000 + 0.5}"} for i in range(2500)])
    units = benchmark.units(items)
    assert 0 < benchmark.chance(units) < 20


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_demands_one_score_for_each_item(name):
    """A missing score is an error, never a wrong answer."""
    benchmark = get_benchmark(name)
    unit = benchmark.units(items_of(name, 4))[0]
    right = ItemScore(1.0, Parsed("A", "letter_alone"))
    assert benchmark.score_unit(unit, [right] * len(unit.items)) == 1.0
    for count in (len(unit.items) - 1, len(unit.items) + 1):
        with pytest.raises(ValueError, match="zip"):
            benchmark.score_unit(unit, [right] * count)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_measured_has_no_parts(name):
    """A cell that is not there yet is not a zero."""
    assert get_benchmark(name).parts((), ()) == {}
