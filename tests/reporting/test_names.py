"""The words shared by all tables and figures."""

from __future__ import annotations

import pytest

from ipllvm_spec.reporting import names
from ipllvm_spec.spec.interventions import BlankImage, Identity, PermuteTokens, SyntheticImage
from ipllvm_spec.verdicts.verdict import Outcome


@pytest.mark.parametrize(
    ("intervention", "word"),
    [
        (Identity(), "intact"),
        (PermuteTokens(), "shuffled"),
        (PermuteTokens(order=(1, 0)), "reordered"),
        (BlankImage(), "blank"),
        (BlankImage() >> PermuteTokens(), "blank + shuffled"),
    ],
)
def test_conditions_are_named_from_their_canonical_text(intervention, word):
    """A record holds the canonical text only; tables need one word."""
    assert names.condition(intervention.canonical()) == word


def test_a_control_stands_for_the_other_condition(make_record):
    """A claim without an intervention is compared with its control."""
    record = make_record(intervention=Identity().canonical(), control=BlankImage().canonical())

    assert names.compared_with(record) == "blank"


def test_a_control_may_be_compared_with_a_changed_image(make_record):
    """That synthetic images tell something: neither side is the intact one."""
    record = make_record(
        intervention=BlankImage().canonical(), control=SyntheticImage().canonical()
    )

    assert (names.first_side(record), names.compared_with(record)) == ("synthetic", "blank")


def test_a_claim_across_models_names_both(make_record):
    """Neither side is the intact one: both are curves of a model."""
    record = make_record(model="mini-vit", against="mini-resnet", verdict={"statistic": "contrast"})

    assert names.first_side(record) == "mini-vit"
    assert names.compared_with(record) == "mini-resnet"
    text = names.metric_text(record, record.measured[0])
    assert text.startswith("mmvp mini-vit 62.0 -> mini-resnet 21.3 ")


def test_the_blind_score_stands_beside_the_others(make_record):
    """Where a guard measured it; else nothing is said of it."""
    seen, unseen = make_record(measured={"blind": 24.0, "blind_n": 150}), make_record()

    assert ", blind 24.0, chance 25.0" in names.metric_text(seen, seen.measured[0])
    assert "blind" not in names.metric_text(unseen, unseen.measured[0])


@pytest.mark.parametrize(
    ("outcome", "expect", "word"),
    [
        (Outcome.PASS, None, "PASS"),
        (Outcome.FAIL, None, "FAIL"),
        (Outcome.INCONCLUSIVE, None, "INCONCLUSIVE"),
        (Outcome.FAIL, "x", "fail (expected)"),
        (Outcome.PASS, "x", "unexpected PASS"),
        (Outcome.INCONCLUSIVE, "x", "INCONCLUSIVE"),
    ],
)
def test_verdict_words(make_record, outcome, expect, word):
    """Announced is in lower case; red is exactly what was not announced and was decided."""
    record = make_record(verdict={"outcome": outcome}, expect=expect)

    assert names.verdict_word(record) == word
    assert names.is_unexpected(record) == (word in ("FAIL", "unexpected PASS"))


@pytest.mark.parametrize(
    ("paper", "section", "exhibits"),
    [
        ("section 3.3, Table 1", "Section 3.3", (("table", "Table 1"),)),
        (
            "Section 4, Figure 2 and Table 3",
            "Section 4",
            (("figure", "Figure 2"), ("table", "Table 3")),
        ),
        ("appendix B", "Appendix B", ()),
        ("footnote of the abstract", "Footnote of the abstract", ()),
    ],
)
def test_sources_are_taken_apart(paper, section, exhibits):
    """Allure groups by section and labels figures and tables."""
    assert names.paper_section(paper) == section
    assert names.paper_exhibits(paper) == exhibits


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (-0.04, "0.0"), (-0.06, "-0.1"), (3, "3.0")]
)
def test_numbers_have_no_negative_zero(value, text):
    """``-0.0`` in a table looks like a loss."""
    assert names.number(value) == text


def test_an_average_is_shown_on_one_scale(make_record):
    """MME's 2800 points would drown percentages."""
    base = make_record()
    mme = make_record(benchmark="mme", measured={"intact": 1400.0, "other": 700.0})
    record = make_record(benchmark=None, measured=(*base.measured, *mme.measured))

    part = names.mean_scores(record)

    assert (part.intact, part.other) == pytest.approx((56.0, 23.15))
    assert (part.n, part.n_total) == (300, 300)
