"""LLaVA-W: rating pairs of a judge, the published ratio beside the mean, and the proxy."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.judging import usable
from ipllvm_spec.benchmarks.llava_w import CATEGORIES, RATIO, LlavaW, key_words, overlap_rating
from ipllvm_spec.benchmarks.rubrics import read_pair
from ipllvm_spec.errors import DataError
from tests.benchmarks.open_scoring import (
    demand_blindness,
    everywhere,
    item_of,
    load,
    metric,
    scored,
    unparsed,
)

ROW = {
    "question_id": 3,
    "question": "May I cross?",
    "category": "complex",
    "caption": "A lamp above a road.",
    "gpt_answer": "Yes, because the lamp shows green light.",
}


@pytest.mark.parametrize(
    ("reply", "pair"),
    [
        ("8 7", (8, 7)),
        ("8 7\nThe first one is longer: 3 lines against 2.", (8, 7)),
        ("\n 8.5 10 \n", (8.5, 10)),
        ("8, 7", (8, 7)),
        ("8,7", (8, 7)),
        ("**8 7**", (8, 7)),
        ("8  7.", (8, 7)),
        ("8", None),
        ("8 7 6", None),
        ("8/10 7/10", None),
        ("Assistant 1: 8, Assistant 2: 7", None),
        ("0 7", None),
        ("8 11", None),
        ("-8 7", None),
        ("8 nan", None),
        ("Both are good.\n8 7", None),
        ("87", None),
        ("", None),
    ],
)
def test_pairs(reply, pair):
    """The first line holds two ratings and nothing else, or the reply is asked for again."""
    assert read_pair(reply) == pair
    assert usable(LlavaW.reads, reply) is (pair is not None)


@pytest.mark.parametrize(
    ("answer", "rating"),
    [
        ("Yes, because the lamp shows green light.", 10),
        ("green LIGHT", 1 + 9 * 2 / 6),
        ("the", 1),
        ("", 1),
        ("greenish", 1),
    ],
)
def test_proxy(answer, rating):
    """1 to 10 by the share of the reference's key words; stop words count for nothing."""
    assert key_words(ROW["gpt_answer"]) == {"yes", "because", "lamp", "shows", "green", "light"}
    assert overlap_rating(ROW["gpt_answer"], answer) == pytest.approx(rating)


def test_proxy_of_empty_and_wordless_references():
    """A reference of stop words alone is compared by them; one without words gives the lowest."""
    assert overlap_rating("It is.", "it is") == 10
    assert overlap_rating("?!", "?!") == 1


def test_what_the_judge_is_asked():
    """Context, question, reference and answer in this order, then the rule."""
    benchmark, item = item_of("llava_w", ROW)
    call = benchmark.judge_call(item, " No. ")
    (system, _), (user, message) = call.messages
    assert (system, user) == ("system", "user")
    places = [
        message.index(part)
        for part in (
            "[Context]\nA lamp above a road.\n",
            "[Question]\nMay I cross?\n",
            "[Assistant 1]\nYes, because the lamp shows green light.\n",
            "[Assistant 2]\nNo.\n",
            "[System]\n",
        )
    ]
    assert places == sorted(places)
    assert (call.answer, call.max_tokens, call.rubric) == ("No.", 1024, "llava_w-1")


def test_the_key_holds_all_but_the_answer():
    """Another context, question or reference is another key; another answer is not."""
    benchmark, item = item_of("llava_w", ROW)
    key = benchmark.judge_call(item, "No.").question
    assert key == benchmark.judge_call(item, "").question
    changed = [
        replace(item, gold="No."),
        replace(item, prompt="Where?"),
        replace(item, item_id="4"),
        replace(item, details=(("context", "Nothing."),)),
    ]
    assert key not in {benchmark.judge_call(other, "No.").question for other in changed}


def test_score_of_a_reply():
    """The unit's score is the model's rating over 10; the reference's rating is a detail."""
    benchmark, item = item_of("llava_w", ROW)
    score = benchmark.score_reply(item, "No.", "8 4")
    assert (score.value, score.source, score.excluded) == (0.4, "judge", False)
    assert score.details == (("reference", 0.8), ("model", 0.4))
    assert benchmark.score_reply(item, "No.", "eight four").excluded
    assert benchmark.score_reply(item, " ", "8 1").parsed.value is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "talk"}, "column 'category' holds 'talk', not one of conv, detail, complex"),
        ({"question_id": None}, "column 'question_id' holds None"),
        ({"question_id": True}, "column 'question_id' holds True"),
        ({"caption": 7}, "column 'caption' holds 7, not a list of text"),
        ({"gpt_answer": None}, "column 'gpt_answer' holds None, not a text"),
    ],
)
def test_bad_rows(change, message):
    """A row that contradicts the published schema is named with what it holds."""
    with pytest.raises(DataError) as caught:
        item_of("llava_w", ROW | change)
    assert f"llava_w, row 0: {message}" in str(caught.value)


def test_both_layouts_of_id_and_context():
    """Numbers and texts as ids, a text or a list of them as context."""
    _, item = item_of("llava_w", ROW | {"question_id": "3", "caption": ["A lamp.", "A road."]})
    assert item.item_id == item_of("llava_w", ROW)[1].item_id == "3"
    assert item.detail("context") == "A lamp.\nA road."


@pytest.mark.parametrize("mode", LlavaW.modes)
def test_from_folder_to_metric(make_rows, write_parquet, mode):
    """By the proxy, gold gets 100; ratings start at 1, so nothing gets less than 10."""
    benchmark, items = load("llava_w", write_parquet("llava_w", make_rows("llava_w", 6)), mode=mode)
    assert items[0].cluster_id == items[2].cluster_id != items[3].cluster_id
    floor = benchmark.chance(benchmark.units(items))
    assert floor == pytest.approx(10)
    assert metric(benchmark, items, {i.item_id: i.gold for i in items}) == pytest.approx(100)
    for text in ("qwxz !!", "", "the"):
        assert metric(benchmark, items, everywhere(items, text)) == pytest.approx(floor)
    assert unparsed(benchmark, items, "") == 6
    # "lamp" is one of two key words, none of six, and one of six.
    assert metric(benchmark, items, everywhere(items, "lamp")) == pytest.approx(
        100 * (0.1 + 0.9 * (1 / 2 + 0 + 1 / 6) / 3)
    )
    assert {benchmark.score_item(i, "lamp").source for i in items} == {"proxy"}


@pytest.mark.parametrize("seed", range(3))
def test_ratio_of_means(make_rows, seed):
    """The metric is the mean rating; the published ratio of means is among the parts."""
    draw = random.Random(seed)
    benchmark, rows = LlavaW(), make_rows("llava_w", 30)
    items = benchmark.items(rows)
    pairs = [(draw.randrange(5, 11), draw.randrange(1, 11)) for _ in rows]
    replies = {
        str(row["question_id"]): f"{reference} {model}"
        for row, (reference, model) in zip(rows, pairs, strict=True)
    }
    texts = everywhere(items, "something")
    models = [model for _, model in pairs]
    assert metric(benchmark, items, texts, replies=replies) == pytest.approx(
        100 * sum(models) / 10 / len(rows)
    )
    expected = {RATIO: 100 * sum(models) / sum(reference for reference, _ in pairs)}
    for category in CATEGORIES:
        inside = [
            pair for row, pair in zip(rows, pairs, strict=True) if row["category"] == category
        ]
        expected[f"{RATIO}: {category}"] = (
            100 * sum(m for _, m in inside) / sum(r for r, _ in inside)
        )
    assert benchmark.parts(*scored(benchmark, items, texts, replies=replies)) == pytest.approx(
        expected
    )


def test_the_ratio_leaves_out_what_could_not_be_read(make_rows):
    """An unreadable reply changes neither mean; the ratio may exceed 100; nothing gives nothing."""
    benchmark = LlavaW()
    items = benchmark.items(make_rows("llava_w", 2))
    replies = {"0": "5 10", "1": "no idea"}
    units, scores = scored(benchmark, items, everywhere(items, "x"), replies=replies)
    assert benchmark.parts(units, scores) == pytest.approx({RATIO: 200, f"{RATIO}: conv": 200})
    assert benchmark.parts([], []) == {}


@given(st.text(), st.text(), st.text())
def test_nothing_raises_and_nothing_is_read_off_the_gold(text, reply, gold):
    """Any answer and any reply is scored in [0, 1]; what is read depends on them alone."""
    benchmark, item = item_of("llava_w", ROW)
    demand_blindness(benchmark, item, text=text, reply=reply, gold=gold)
