"""GSM8K: prompts of the four modes, two readings of the answer, the published exact match."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.gsm8k import Gsm8k, exemplars, flexible_extract, strict_match
from ipllvm_spec.errors import DataError
from tests.benchmarks.open_scoring import everywhere, item_of, load, metric, scored, unparsed

ROW = {"question": " How many? ", "answer": "1 + 1 = 2\n#### 1,002"}


@pytest.mark.parametrize(
    ("text", "strict", "flexible"),
    [
        ("5 + 7 = 12. The answer is 12.", "12", "12"),
        ("The answer is 12", "12", "12"),
        ("The answer is 12\n", "12", "12"),
        ("The answer is 1,234.", "1234", "1234"),
        ("The answer is -3.", "-3", "-3"),
        ("The answer is $12.", None, "12"),
        ("The answer is 5.0.", "5.0", "5.0"),
        ("The answer is 5.50", "5.50", "5.50"),
        ("The answer is 5. No: The answer is 6.", "5", "6"),
        ("the answer is 12.", None, "12"),
        ("It costs $1,200.50!", None, "1200.50"),
        ("7% of 300 is 21", None, "21"),
        ("5 apples...", None, "5"),
        ("The answer is ... 8", None, "8"),
        ("I do not know.", None, None),
        ("..., $,", None, None),
        ("nan", None, None),
        ("", None, None),
    ],
)
def test_readings(text, strict, flexible):
    """The first "The answer is", and the last number, in the published spelling."""
    assert strict_match(text) == strict
    assert flexible_extract(text) == flexible


def test_what_follows_a_stop_text_is_ignored():
    """An invented next problem does not replace the answer, whoever generated it."""
    benchmark, item = item_of("gsm8k", ROW)
    text = "The answer is 1002.\n\nQ: There are 7 cars.\nA: The answer is 7."
    assert benchmark.score_item(item, text).value == 1
    assert benchmark.decoding.stop == ("Q:", "</s>", "<|im_end|>")


@pytest.mark.parametrize(
    ("mode", "shots", "chat"),
    [
        ("standard", 8, True),
        ("raw", 8, False),
        ("zero_shot", 0, True),
        ("paper", 8, False),
    ],
)
def test_modes(mode, shots, chat):
    """Exemplars and chat template as each mode declares them; the question is last."""
    benchmark, item = item_of("gsm8k", ROW, mode=mode)
    assert item.prompt.endswith("Q: How many?\nA:")
    assert item.prompt.count("Q: ") == shots + 1
    assert item.prompt.count("\nA: ") == item.prompt.count("The answer is ") == shots
    assert benchmark.decoding.chat is chat
    assert benchmark.decoding.max_new_tokens == 256
    assert item.gold == "1002"


def test_the_exemplars_solve_themselves():
    """Each of the eight ends with the answer that is known to be right."""
    parts = exemplars().split("Q: ")[1:]
    assert [strict_match(part) for part in parts] == ["6", "5", "39", "8", "9", "29", "33", "8"]


def test_the_metric_is_strict_in_paper_mode_only():
    """The readings differ for an answer without the phrase; both are reported."""
    for mode, value in (("standard", 1), ("raw", 1), ("zero_shot", 1), ("paper", 0)):
        benchmark, item = item_of("gsm8k", ROW, mode=mode)
        score = benchmark.score_item(item, "So there are 1,002.")
        assert score.value == value
        assert dict(score.details) == {"strict": 0, "flexible": 1}
        assert (score.parsed.value is None) is (mode == "paper")


@pytest.mark.parametrize("answer", ["1 + 1 = 2", "2 #### ", "####", "#### ."])
def test_a_row_without_a_final_answer(answer):
    """A solution that does not end with its number is an error that names the row."""
    with pytest.raises(DataError, match="gsm8k, row 0: column 'answer'"):
        item_of("gsm8k", ROW | {"answer": answer})


@pytest.mark.parametrize("mode", Gsm8k.modes)
def test_from_folder_to_metric(make_rows, write_parquet, mode):
    """Gold gets 100, a constant what it solves, garbage 0 and a count; no image is needed."""
    benchmark, items = load("gsm8k", write_parquet("gsm8k", make_rows("gsm8k", 8)), mode=mode)
    assert [item.image_digest for item in items] == [""] * 8
    right = {item.item_id: f"The answer is {item.gold}." for item in items}
    assert metric(benchmark, items, right) == pytest.approx(100)
    assert metric(benchmark, items, everywhere(items, "The answer is 1,204.")) == pytest.approx(
        100 / 8
    )
    assert metric(benchmark, items, everywhere(items, "I see a dog.")) == 0
    assert unparsed(benchmark, items, "I see a dog.") == 8
    assert benchmark.chance(benchmark.units(items)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_weighted_units_are_the_published_exact_match(make_rows, seed):
    """The metric of either mode, and both parts, equal right answers over questions."""
    draw = random.Random(seed)
    for mode, phrase in (("paper", "strict"), ("standard", "flexible")):
        benchmark = Gsm8k(mode)
        items = benchmark.items(make_rows("gsm8k", 30))
        says = {i.item_id: draw.choice(["The answer is ", "So "]) for i in items}
        gives = {i.item_id: draw.choice([i.gold, "3"]) for i in items}
        right = [gives[i.item_id] == i.gold for i in items]
        phrased = [ok and says[i.item_id] != "So " for ok, i in zip(right, items, strict=True)]
        published = {"strict": 100 * sum(phrased) / 30, "flexible": 100 * sum(right) / 30}
        texts = {i.item_id: says[i.item_id] + gives[i.item_id] + "." for i in items}
        assert metric(benchmark, items, texts) == pytest.approx(published[phrase])
        assert benchmark.parts(*scored(benchmark, items, texts)) == pytest.approx(published)


def test_no_parts_of_nothing():
    """Nothing measured, nothing reported."""
    assert Gsm8k().parts([], []) == {}


@given(st.text(), st.text(), st.sampled_from(Gsm8k.modes))
def test_extraction_never_raises_nor_looks_at_gold(text, gold, mode):
    """Any text is scored, and what is read is the same for another gold."""
    benchmark, item = item_of("gsm8k", ROW, mode=mode)
    score = benchmark.score_item(item, text)
    assert score.value in (0, 1)
    assert benchmark.score_item(replace(item, gold=gold), text).parsed == score.parsed
