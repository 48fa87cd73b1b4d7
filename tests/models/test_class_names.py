"""Class names against the labels of a head."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks.classification_lists import class_list
from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.class_names import head_columns

LABELS = (
    "tench, Tinca tinca",
    "goldfish, Carassius auratus",
    "crane",
    "crane",
    "Cardigan, Cardigan Welsh corgi",
    "cardigan",
)


@given(st.permutations([0, 1]), st.integers(1, 2))
def test_names_are_found_in_any_order(order, count):
    """Each name has the column of its label, whatever synonym is used."""
    spelt = (("Tinca tinca", "TENCH"), ("gold-fish".replace("-", ""), "carassius auratus"))
    names = [spelt[number][count - 1] for number in order]
    assert head_columns(LABELS, names, where="x") == tuple(order)


def test_a_whole_list_of_other_spellings_is_taken_by_place():
    """CLIP tells the two cranes apart, the labels do not; the order does."""
    names = ("tench", "goldfish", "crane (bird)", "construction crane", "Welsh corgi", "cardigan")
    with pytest.raises(ModelError, match="3 of 6 classes are none of its own"):
        head_columns(LABELS, ("tench", "x", "y", "z", "goldfish", "cardigan"), where="x")
    assert head_columns(LABELS, names, where="x") == (0, 1, 2, 3, 4, 5)


def test_a_list_in_another_order_is_never_taken_by_place():
    """Half of it in place is not enough where the other half stands elsewhere."""
    names = ("tench", "goldfish", "crane (bird)", "Cardigan Welsh corgi", "crane", "cardigan")
    with pytest.raises(ModelError):
        head_columns(LABELS, names, where="x")


@pytest.mark.parametrize("names", [["crane"], ["cardigan"], ["tench", "Tinca tinca"]])
def test_what_could_mean_several_is_an_error(names):
    """A word that two labels share, and two words for one label."""
    with pytest.raises(ModelError, match="share an output, or could mean several"):
        head_columns(LABELS, names, where="x")


def test_imagenets_names_fit_a_head_that_carries_them():
    """1,000 names, of which two stand for two classes each, in place."""
    names = class_list("imagenet").names
    labels = tuple(f"{name}, other {number}" for number, name in enumerate(names))
    assert len(set(names)) < len(names)
    assert head_columns(labels, names, where="x") == tuple(range(1000))
