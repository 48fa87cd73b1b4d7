"""The classification sets: loader, prompt, reading of answers, scores, index lists."""

import json

import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.benchmarks.classification import LISTED_AT_MOST, class_prompt
from ipllvm_spec.benchmarks.classification_lists import ASKED, class_list, drawn_rows
from ipllvm_spec.benchmarks.classification_modes import PROTOCOLS
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.errors import DataError

CLASSES = {
    "caltech101": 102,
    "cifar100": 100,
    "food101": 101,
    "pets": 37,
    "country211": 211,
    "eurosat": 10,
    "aircraft": 100,
    "imagenet": 1000,
}
SETS = tuple(CLASSES)


def loaded(write_parquet, make_rows, name, mode="standard", count=24, **options):
    """A benchmark and its items from a folder in the published layout."""
    folder = write_parquet(name, make_rows(name, count), **options)
    benchmark = get_benchmark(name, mode)
    return benchmark, load_items(benchmark, str(folder)).items


def metric(benchmark, items, answer):
    """The published metric when every item gets ``answer(item)``."""
    units = benchmark.units(items)
    scores = [[benchmark.score_item(unit.items[0], answer(unit.items[0]))] for unit in units]
    value = sum(u.weight * benchmark.score_unit(u, s) for u, s in zip(units, scores, strict=True))
    return benchmark.scale * value, [score for (score,) in scores]


@pytest.mark.parametrize("name", SETS)
def test_from_the_published_layout_to_the_metric(name, write_parquet, make_rows):
    """Gold answers reach 100, a constant one its class's share, unreadable ones 0 and a count."""
    benchmark, items = loaded(write_parquet, make_rows, name)
    names = class_list(name).names
    assert [item.gold for item in items] == [names[i % len(names)] for i in range(24)]
    assert [item.row for item in items] == list(range(24))
    assert {len(item.image_digest) for item in items} == {64}
    assert metric(benchmark, items, lambda item: item.gold)[0] == pytest.approx(100.0)
    share = 100.0 * sum(item.gold == items[0].gold for item in items) / 24
    constant, _ = metric(benchmark, items, lambda _: f"It shows {items[0].gold}.")
    assert constant == pytest.approx(share)
    nothing, scores = metric(benchmark, items, lambda _: "I cannot tell ???")
    assert nothing == 0.0
    assert sum(score.parsed.value is None for score in scores) == 24
    assert benchmark.chance(benchmark.units(items)) == pytest.approx(100.0 / CLASSES[name])


@pytest.mark.parametrize("name", SETS)
def test_prompts(name, write_parquet, make_rows):
    """The list is in the prompt where it fits; every mode asks the same thing of all images."""
    noun = get_benchmark(name).noun
    names = class_list(name).names
    for mode, protocol in PROTOCOLS.items():
        _, items = loaded(write_parquet, make_rows, name, mode, count=2)
        listed = protocol.listed and len(names) <= LISTED_AT_MOST
        question = f"What is the {noun} in the image?"
        asked = f" Please only answer a single {noun} in {', '.join(names)}."
        assert {item.prompt for item in items} == {question + asked * listed}
        assert all(item.choices == () for item in items)


def test_the_prompt_of_a_list():
    """The question as it is asked of a language model."""
    assert class_prompt("object", ("cat", "dog")) == (
        "What is the object in the image? Please only answer a single object in cat, dog."
    )
    assert class_prompt("pet") == "What is the pet in the image?"


def test_likelihood_offers_the_classes(write_parquet, make_rows):
    """In this mode the options are the classes of the data, and an option is its own answer."""
    benchmark, items = loaded(write_parquet, make_rows, "pets", "likelihood")
    assert benchmark.decoding.options == class_list("pets").names
    assert benchmark.score_item(items[3], items[3].gold).value == 1.0
    assert get_benchmark("pets", "likelihood").decoding.options == ()
    assert get_benchmark("pets").decoding.options == ()
    imagenet, _ = loaded(write_parquet, make_rows, "imagenet", "likelihood", count=2)
    assert len(imagenet.decoding.options) == len(set(imagenet.decoding.options)) == 998


def test_unpublished_labels_are_the_classes(write_parquet, make_rows):
    """Data with other classes are asked about, and scored by, their own names as words."""
    features = {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["sea_or_lake", "WildForest"]),
    }
    rows = [row | {"label": i % 2} for i, row in enumerate(make_rows("eurosat", 4))]
    folder = write_parquet("eurosat", rows, features=features)
    benchmark = get_benchmark("eurosat", "likelihood")
    items = load_items(benchmark, str(folder)).items
    assert [item.gold for item in items] == ["sea or lake", "Wild Forest"] * 2
    assert {item.choices for item in items} == {("sea or lake", "Wild Forest")}
    assert benchmark.decoding.options == ("sea or lake", "Wild Forest")
    assert benchmark.chance(benchmark.units(items)) == pytest.approx(50.0)
    assert benchmark.score_item(items[1], "a wild forest").value == 1.0
    # The published class is no class of these data.
    assert benchmark.score_item(items[0], "lake or sea").parsed.value is None


def test_labels_without_names_are_the_published_ones(write_parquet, make_rows):
    """Plain integers take the published order; those beyond it are errors."""
    features = {"image": datasets.Image(), "label": datasets.Value("int64")}
    rows = [row | {"label": 2} for row in make_rows("eurosat", 2)]
    folder = write_parquet("eurosat", rows, features=features)
    items = load_items(get_benchmark("eurosat"), str(folder)).items
    assert {item.gold for item in items} == {"brushland or shrubland"}
    rows[1] |= {"label": 10}
    folder = write_parquet("eurosat", rows, features=features, folder="beyond")
    with pytest.raises(DataError, match=r"eurosat, row \d: label \d+ names no class"):
        load_items(get_benchmark("eurosat"), str(folder))


@pytest.mark.parametrize(
    ("texts", "published"),
    [
        (["x", "goldfish", "white shark, great white shark", "tiger shark, z"], True),
        (["tench, Tinca tinca", "y", "z", "u"], False),
    ],
)
def test_synonyms_are_published_labels(texts, published, write_parquet, make_rows):
    """ImageNet's labels list synonyms, most of them CLIP's name; labels of other data do not."""
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=texts)}
    folder = write_parquet("imagenet", make_rows("imagenet", 4), features=features)
    items = load_items(get_benchmark("imagenet"), str(folder)).items
    assert items[0].gold == ("tench" if published else "tench, Tinca tinca")
    assert items[0].choices == (() if published else tuple(texts))


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["a dog", "Dog"], "labels 0 and 1 are both 'Dog'"),
        (["?", "dog"], "label 0 names no class"),
    ],
)
def test_labels_that_cannot_be_told_apart(labels, problem, write_parquet, make_rows):
    """Names that read the same, or say nothing, would score at random."""
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=labels)}
    folder = write_parquet("food101", make_rows("food101", 2), features=features)
    with pytest.raises(DataError, match=problem):
        load_items(get_benchmark("food101"), str(folder))


def test_only_rows_of_the_list_become_items():
    """Of larger data 1,000 rows are asked about, of which only those are decoded; all in "all"."""

    class Row(dict):
        decoded = 0

        def get(self, key, default=None):
            Row.decoded += key == "image_digest"
            return super().get(key, default)

    rows = [Row(label=i % 10) for i in range(1200)]
    items = get_benchmark("eurosat").items(rows)
    assert [item.row for item in items] == list(drawn_rows("eurosat", 1200))
    assert Row.decoded == ASKED
    assert [item.row for item in get_benchmark("eurosat", "all").items(rows)] == list(range(1200))


ANSWERS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["cat", "dog", "the", "answer is", "-", "wild", "A", ".", "\n", "É"]),
        max_size=12,
    ).map(" ".join),
)


@given(ANSWERS, st.sampled_from(sorted(PROTOCOLS)))
def test_scorers_never_raise_nor_look_at_the_gold_answer(text, mode):
    """What is read depends on the answer and the classes alone; the score says if it is right."""
    benchmark = get_benchmark("food101", mode)
    names = ("cat", "dog", "wild cat", "A-12")
    found = set()
    for gold in names:
        item = Item("i", "i", "i", "", "p", gold, choices=names)
        score = benchmark.score_item(item, text)
        assert score.value == float(score.parsed.value == gold)
        assert score.source == ("proxy" if benchmark.judge == "required" else "rule")
        found.add(score.parsed)
    assert len(found) == 1


@pytest.mark.parametrize("mode", [mode for mode in PROTOCOLS if mode not in ("paper", "verify")])
def test_rules_ask_no_judge(mode):
    """Only two modes need a judge."""
    benchmark = get_benchmark("pets", mode)
    item = Item("i", "i", "i", "", "p", "Persian")
    assert benchmark.judge == "no"
    assert benchmark.judge_call(item, "x") is None


@pytest.mark.parametrize("mode", ["paper", "verify"])
def test_the_judge_is_asked_about_label_and_prediction(mode):
    """The call holds both; what identifies it for the cache leaves the prediction out."""
    benchmark = get_benchmark("pets", mode)
    assert benchmark.judge == "required"
    item = Item("i", "i", "i", "", "p", "Persian")
    call = benchmark.judge_call(item, "  \uff21 kitten ")
    assert call.answer == "A kitten"
    assert call.reads == "yes_no"
    text = call.messages[-1][1]
    assert text.startswith(call.question)
    assert "Persian" in call.question
    assert "kitten" not in call.question
    assert text.endswith("A kitten")
    other = Item("j", "j", "j", "", "p", "Siamese")
    assert benchmark.judge_call(other, "x").question != call.question


@pytest.mark.parametrize(
    ("reply", "value", "excluded"),
    [
        ("yes", 1.0, False),
        ("Yes.", 1.0, False),
        ("No", 0.0, False),
        (" no, it is another breed", 0.0, False),
        ("perhaps", 0.0, True),
        ("", 0.0, True),
    ],
)
def test_replies_of_the_judge(reply, value, excluded):
    """Yes is right, no is wrong, anything else is neither."""
    item = Item("i", "i", "i", "", "p", "Persian")
    score = get_benchmark("pets", "verify").score_reply(item, "a Persian", reply)
    assert (score.value, score.excluded, score.source) == (value, excluded, "judge")


def test_mean_per_class():
    """Unequal classes: the metric weighs images, the part weighs classes."""
    benchmark = get_benchmark("pets")
    golds = ["pug"] * 3 + ["boxer"]
    items = [Item(str(i), str(i), str(i), "", "p", gold) for i, gold in enumerate(golds)]
    units = benchmark.units(items)
    scores = [[benchmark.score_item(item, "a pug")] for item in items]
    values = [benchmark.score_unit(u, s) for u, s in zip(units, scores, strict=True)]
    assert 100 * np.average(values, weights=[u.weight for u in units]) == pytest.approx(75.0)
    assert benchmark.parts(units, scores) == {"mean per class": pytest.approx(50.0)}
    assert benchmark.parts([], []) == {}


def test_items_survive_json(write_parquet, make_rows):
    """What a worker gets over the wire scores as in the engine."""
    benchmark, items = loaded(write_parquet, make_rows, "aircraft")
    again = [Item.from_json(json.loads(json.dumps(item.to_json()))) for item in items]
    assert tuple(again) == items
    assert benchmark.score_item(again[8], "Boeing 737-800").value == 1.0


@pytest.mark.parametrize("name", SETS)
def test_every_class_name_is_read_as_itself(name):
    """An encoder answers with the name alone, whatever other names are part of it."""
    benchmark = get_benchmark(name)
    items = [Item("i", "i", "i", "", "p", gold) for gold in class_list(name).names]
    classes = benchmark.classes(items)

    assert classes.names == class_list(name).names
    assert all(benchmark.score_item(item, item.gold).value == 1.0 for item in items)
