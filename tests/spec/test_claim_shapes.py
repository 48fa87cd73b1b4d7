"""Maps, differences of drops, searches and scopes: what is declared, and what may not be."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.interventions import GridShuffle, KeepGroup
from ipllvm_spec.spec.loader import load_suite

CLAIMS = """
[claim.map]
statement = "Where a token lies matters."
sweep = { keep_group = { m = 3, group = "each" } }
mini_sweep = { keep_group = { m = 2, group = "each" } }
benchmarks = ["quiz"]
target = "population"
limit.spread = { at_least = 1.0, why = "a test" }

[claim.more_here]
statement = "It loses more here than there."
intervention = { grid_shuffle = { grid = 4 } }
than = "charts"
benchmarks = ["quiz"]
repeats = 2
limit.drop_difference = { at_least = 1.0, why = "a test" }

[claim.more_than]
statement = "It loses more than another."
intervention = { grid_shuffle = { grid = 4 } }
against = { "*" = ["small", "big"] }
benchmarks = ["quiz"]
limit.drop_difference = { at_least = 1.0, why = "a test" }

[claim.worst]
"""


@pytest.fixture
def specs(edit):
    """The valid specs with claims of these shapes."""
    return edit("order.toml", "\n[claim.worst]\n", CLAIMS)


def case(folder, claim, model, **options):
    """The one case of a claim for a model."""
    (found,) = load_suite(folder).cases(f"order.{claim}", models=[model], **options)
    return found


def test_a_map_has_every_cell_and_minis_a_smaller_one(specs):
    """Row by row: nine groups for a published model, four for a mini."""
    big, small = case(specs, "map", "big"), case(specs, "map", "small")
    assert [one.group for one in small.sweep] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {one.m for one in small.sweep} == {2}
    assert len(big.sweep) == 9
    assert all(isinstance(one, KeepGroup) and one.m == 3 for one in big.sweep)


def test_a_difference_of_benchmarks_measures_both(specs):
    """The other benchmark comes from the same kind of data and is no check of its own."""
    found = case(specs, "more_here", "big", profile="paper")
    assert found.key == "big:quiz"
    assert found.benchmarks == ("quiz", "charts")
    other = found.other_benchmark()
    assert (other.benchmark, other.source("charts")) == ("charts", "published")
    assert other.repeats == found.repeats == 2
    assert GridShuffle(grid=4) in found.interventions()
    folder = case(specs, "more_here", "big", benchmarks=["quiz", "charts=./mine"])
    assert folder.source("charts") == "./mine"


def test_a_difference_of_models_measures_both(specs):
    """The reference is the one on the same data; it cannot be compared with itself."""
    found = case(specs, "more_than", "./mine", data="published")
    assert found.reference().model == "big"
    assert case(specs, "more_than", "big").skip
    with pytest.raises(SpecError, match="'than'"):
        found.other_benchmark()


def test_a_scope_holds_for_the_models_of_the_profile_alone(specs, edit):
    """By property or by claim; whoever names a model gets every claim."""
    edit("profiles.toml", 'models = ["small", "big"]', """models = ["small", "big"]
scope = { big = ["order.map"] }""")  # fmt: skip
    suite = load_suite(specs)
    decided = {
        claim: {one.model for one in suite.cases(claim, profile="paper")} for claim in suite.claims
    }
    assert decided["order.map"] == {"small", "big"}
    assert decided["order.survives"] == {"small"}
    assert suite.cases("order.survives", models=["big"], profile="paper")


SEARCH = "spans = 8, "
TEMPLATE = """[claim.worst]
statement = "No order breaks it."
intervention = { permute_tokens = { scope = "patches" } }"""
WORST = "order.toml: claim.worst"


def template(text):
    """The claim of the search with another template."""
    return TEMPLATE.replace('{ permute_tokens = { scope = "patches" } }', text)


@pytest.mark.parametrize(
    "text",
    [
        "{ grid_shuffle = { grid = 2 } }",
        "{ keep_group = { m = 4, group = [0, 0] } }",
        '{ patch_drop = { kind = "random", ratio = 0.25 } }',
    ],
)
def test_a_search_takes_whatever_leaves_something_open(edit, text):
    """Orders of cells, groups and masks, besides orders of tokens; none of them has spans."""
    edit("order.toml", SEARCH, "")
    claim = load_suite(edit("order.toml", TEMPLATE, template(text))).claims["order.worst"]
    assert claim.search.spans is None


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([(SEARCH, "")], f"{WORST}.search: missing key 'spans'"),
        (
            [(TEMPLATE, template("{ grid_shuffle = { grid = 2 } }"))],
            f"{WORST}.search: key 'spans' belongs to permute_tokens; remove it",
        ),
        (
            [(SEARCH, ""), (TEMPLATE, template("{ blank_image = {} }"))],
            (
                f"{WORST}.intervention: a search needs permute_tokens or grid_shuffle without "
                "order, keep_group, or patch_drop with kind = 'random' and the largest ratio"
            ),
        ),
        (
            [('target = "population"\n', "")],
            (
                "order.toml: claim.map.limit: a spread is held against what chance makes of units "
                'like these; use target = "population"'
            ),
        ),
        (
            [('sweep = { keep_group = { m = 3, group = "each" } }\nmini', "mini")],
            "order.toml: claim.map: statistic 'spread' needs the key 'sweep'",
        ),
        (
            [('m = 3, group = "each"', 'm = [3, 4], group = "each"')],
            (
                'order.toml: claim.map.sweep: keep_group: group = "each" needs one m, '
                "got [3, 4]; write for example m = 6"
            ),
        ),
        (
            [('than = "charts"', 'than = "chart"')],
            "order.toml: claim.more_here.than: unknown benchmark 'chart'; did you mean 'charts'?",
        ),
        (
            [('than = "charts"', 'than = "quiz"')],
            "order.toml: claim.more_here.than: 'quiz' would be compared with itself",
        ),
        (
            [('than = "charts"\n', "")],
            (
                "order.toml: claim.more_here: statistic 'drop_difference' needs either 'than', "
                "another benchmark, or 'against', another model"
            ),
        ),
        (
            [("repeats = 5\nrequires", 'repeats = 5\nthan = "quiz"\nrequires')],
            "order.toml: claim.survives.than: 'quiz' would be compared with itself",
        ),
    ],
)
def test_shapes_that_cannot_be(specs, edit, edits, message):
    """Each with file, key path and what to do."""
    for old, new in edits:
        specs = edit("order.toml", old, new)
    with pytest.raises(SpecError) as caught:
        load_suite(specs)
    assert str(caught.value) == message


def test_a_scope_names_what_exists(edit):
    """A misspelt property would silently decide nothing."""
    folder = edit("profiles.toml", 'models = ["small", "big"]', """models = ["small", "big"]
scope = { big = ["ordre"] }""")  # fmt: skip
    with pytest.raises(SpecError, match=r"profile\.paper\.scope\.big: unknown property or claim"):
        load_suite(folder)
