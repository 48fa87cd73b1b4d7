"""Class lists, index lists, and reading which class an answer names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.classification_lists import (
    ASKED,
    asked_rows,
    class_list,
    drawn_rows,
)
from ipllvm_spec.benchmarks.classification_parsing import (
    normalized,
    parse_class,
    parse_class_after_phrase,
)

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
TEMPLATES = {
    "caltech101": 34,
    "cifar100": 18,
    "food101": 1,
    "pets": 1,
    "country211": 5,
    "eurosat": 3,
    "aircraft": 2,
    "imagenet": 80,
}
ROWS = {
    "caltech101": 6084,
    "cifar100": 10000,
    "food101": 25250,
    "pets": 3669,
    "country211": 21100,
    "eurosat": 5400,
    "aircraft": 3333,
    "imagenet": 50000,
}
SETS = tuple(CLASSES)


ANSWERS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["cat", "dog", "the", "answer is", "-", "wild", "A", ".", "\n", "É"]),
        max_size=12,
    ).map(" ".join),
)


@pytest.mark.parametrize("name", SETS)
def test_class_lists(name):
    """Published sizes; every template has one place; no spelling stands for two classes."""
    known = class_list(name)
    assert len(known.names) == CLASSES[name]
    assert len(known.templates) == TEMPLATES[name]
    assert all(template.count("{}") == 1 for template in known.templates)
    assert set(known.aliases) <= set(known.names)
    if known.labels:
        assert len(known.labels) == len(known.names)
    spelt = {}
    for text in known.names:
        assert spelt.setdefault(normalized(text), text) == text
        assert parse_class(text, known.names, known.aliases).value == text
    for text, others in known.aliases.items():
        for alias in others:
            assert spelt.setdefault(normalized(alias), text) == text
            assert parse_class(alias, known.names, known.aliases).value == text


@pytest.mark.parametrize("name", SETS)
def test_index_lists(name):
    """The list is what the rule gives for the published split: 1,000 rows in ascending order."""
    rows = asked_rows(name, ROWS[name])
    assert rows == drawn_rows(name, ROWS[name])
    assert len(rows) == len(set(rows)) == ASKED
    assert list(rows) == sorted(rows)
    assert 0 <= rows[0] <= rows[-1] < ROWS[name]


@given(st.sampled_from(SETS), st.integers(0, 3000), st.integers(0, 50))
def test_the_rule_of_the_index_lists(name, rows, most):
    """Small data are taken whole, and growing data only replace rows by new ones."""
    drawn = drawn_rows(name, rows, most=most)
    assert len(drawn) == min(rows, most)
    assert set(drawn_rows(name, rows + 1, most=most)) <= {*drawn, rows}


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("Leopard", "leopard", "exact"),
        (" the leopard. ", "leopard", "exact"),
        ("It is a leopard in a tree", "leopard", "contained"),
        ("a leopard, surely a LEOPARD", "leopard", "contained"),
        ("leopards", None, "unparsed"),
        ("head of a  crocodile", "head of a crocodile", "exact"),
        ("the head of the crocodile", "head of a crocodile", "exact"),
        ("This is the head of a crocodile!", "head of a crocodile", "contained"),
        ("a crocodile and the head of a crocodile", None, "ambiguous"),
        ("leopard or panda", None, "ambiguous"),
        ("a sofa", "couch", "alias"),
        ("There is a sofa here", "couch", "alias"),
        ("a panda on a sofa", "panda", "contained"),
        ("sea-horse", "sea horse", "exact"),
        ("sea_horse", "sea horse", "exact"),
        ("Crème brûlée", "creme brulee", "exact"),
        ("a Boeing 737-800 of KLM", "737-800", "contained"),
        ("737800", "737-800", "exact"),
        ("An-12", "An-12", "exact"),
        ("12", None, "unparsed"),
        ("F/A-18 Hornet", "F/A-18", "contained"),
        ("FA18", "F/A-18", "exact"),
        ("", None, "unparsed"),
        ("...", None, "unparsed"),
        ("I'm sorry, I can't help with that.", None, "unparsed"),
        ("豹", None, "unparsed"),
    ],
)
def test_reading_a_class(text, expected, rule):
    """Exact name, one name contained, alias; several or none are wrong, each under its own name."""
    names = (
        *("leopard", "panda", "crocodile", "head of a crocodile", "couch", "sea horse"),
        *("creme brulee", "737-800", "737-700", "An-12", "F/A-18"),
    )
    parsed = parse_class(text, names, {"couch": ["sofa"], "absent": ["leopards"]})
    assert (parsed.value, parsed.rule) == (expected, rule)


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("Not a cat. The answer is dog.", "dog", "phrase"),
        ("cat or dog?\nFinal answer: the dog", "dog", "phrase"),
        ("Answer is cat\nno, the answer is dog", "dog", "phrase"),
        ("The answer is neither\ncat", "cat", "contained"),
        ("The answer is cat or dog", None, "ambiguous"),
        ("cat", "cat", "exact"),
        ("", None, "unparsed"),
    ],
)
def test_reading_a_class_after_a_phrase(text, expected, rule):
    """The last line that announces an answer goes before the rest of it."""
    parsed = parse_class_after_phrase(text, ("cat", "dog"))
    assert (parsed.value, parsed.rule) == (expected, rule)


@pytest.mark.parametrize("name", ["eurosat", "country211"])
def test_aliases(name):
    """What people say for a class counts as it."""
    known = class_list(name)
    said = {
        "eurosat": {"a highway": "highway or road", "The sea": "lake or sea"},
        "country211": {
            "U.S.A.": "United States",
            "the USA": "United States",
            "Northern Ireland": "United Kingdom",
            "Papua New Guinea": "Papua New Guinea",
            "Türkiye": "Turkey",
            "Côte d'Ivoire": "Cote d'Ivoire",
            "It was taken in South Sudan": "South Sudan",
        },
    }[name]
    for text, expected in said.items():
        assert parse_class(text, known.names, known.aliases).value == expected, text


@given(ANSWERS, st.permutations(("cat", "dog", "wild cat", "A-12")))
def test_the_order_of_classes_does_not_matter(text, names):
    """An answer names the same class in whatever order the classes are listed."""
    assert parse_class(text, tuple(names)) == parse_class(text, ("cat", "dog", "wild cat", "A-12"))


@given(st.text())
def test_every_class_name_reads_as_itself(text):
    """A name is an answer that names it, unless nothing is left of it."""
    once = normalized(text)
    assert once == " ".join(once.split())
    assert parse_class(text, (text,)).value == (text if once else None)
