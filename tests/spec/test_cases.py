"""Which checks follow from claims and options."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import UnknownNameError, UsageError
from ipllvm_spec.spec.cases import Condition, ModelRef, split_ref
from ipllvm_spec.spec.interventions import BlankImage, Identity, PermuteTokens
from ipllvm_spec.spec.loader import load_suite


@pytest.fixture
def suite(spec_folder):
    """The small suite of conftest.py."""
    return load_suite(spec_folder)


def test_cases_are_sorted_by_key_and_unique(suite):
    """Whatever order the user writes and however often, so workers collect the same ids."""
    cases = suite.cases("order.survives", models=["small", "big", "small"])
    turned = suite.cases("order.survives", models=["big", "small"], benchmarks=["quiz", "charts"])

    assert [case.key for case in cases] == ["big:charts", "big:quiz", "small:charts", "small:quiz"]
    assert cases == turned
    assert len(set(cases)) == 4


def test_a_case_holds_what_measuring_needs(suite):
    """Sources by the model's data, repeats by the claim, guards by its requires."""
    case = suite.cases("order.survives", models=["big"], profile="paper")[0]

    assert (case.benchmark, case.benchmarks) == ("charts", ("charts",))
    assert case.source("charts") == "published"
    assert (case.repeats, case.units, case.mode, case.label) == (5, None, "standard", "")
    assert [guard.id for guard in case.guards] == ["order.seen"]
    assert case.needs() == {"answers", "visual_tokens", "pixels"}
    assert case.expectation is not None
    assert str(case) == "order.survives[big:charts]"


def test_profiles_give_models_units_and_caps(suite):
    """The default profile caps repeats, the smoke profile also cuts units."""
    default, smoke = (
        suite.cases("order.survives", profile=name, benchmarks=["charts"])[0]
        for name in ("default", "smoke")
    )

    assert (default.model, default.repeats, default.units) == ("small", 1, None)
    assert (smoke.repeats, smoke.units, smoke.label) == (1, 60, "first 60 units")


def test_units_given_by_the_user_win(suite):
    """Over the profile's cut, in both directions, and the verdict will say so."""
    (case,) = suite.cases("order.worst", profile="smoke", units=200)

    assert (case.units, case.label) == (200, "first 200 units")


def test_an_aggregate_is_one_case_with_a_part_per_benchmark(suite):
    """Key and expectation say average; the parts are what is measured."""
    (case,) = suite.cases("order.average")

    assert (case.key, case.benchmark, case.benchmarks) == (
        "small:average",
        None,
        ("quiz", "charts"),
    )
    assert case.expectation is not None
    assert [part.key for part in case.parts()] == ["small:quiz", "small:charts"]
    assert [part.source(part.benchmark) for part in case.parts()] == ["twin", "twin"]
    assert {part.claim.id for part in case.parts()} == {"order.average"}


def test_an_aggregate_over_fewer_benchmarks_says_that_it_is_not_decided(suite):
    """A mean over other benchmarks is another claim; the check stays visible with its reason."""
    (cut,) = suite.cases("order.average", benchmarks=["quiz"])
    (smoke,) = suite.cases("order.average", profile="smoke")

    assert cut.skip == (
        "an average over 2 benchmarks is not decided on 1: the options or profile 'default' "
        "leave out charts"
    )
    assert smoke.skip.endswith("profile 'smoke' leave out quiz")


def test_smoke_measures_each_claim_on_one_benchmark(suite):
    """On the declared favourite, else on the claim's first."""
    survives = suite.cases("order.survives", profile="smoke")
    worst = suite.cases("order.worst", profile="smoke")
    chosen = suite.cases("order.survives", profile="smoke", benchmarks=["quiz"])

    assert [case.key for case in survives] == ["small:charts"]
    assert [case.key for case in worst] == ["small:quiz"]
    assert [case.key for case in chosen] == ["small:quiz"]


@pytest.mark.parametrize("left_out", ["order.average", "order"])
def test_a_profile_leaves_claims_and_whole_properties_out(edit, left_out):
    """There is no case, also for models that the user names."""
    folder = edit("profiles.toml", "leaves_out = []", f'leaves_out = ["{left_out}"]')
    suite = load_suite(folder)

    assert suite.cases("order.average", profile="smoke") == ()
    assert suite.cases("order.average", profile="smoke", models=["small"]) == ()
    assert suite.cases("order.average", profile="default") != ()


def test_benchmarks_that_the_claim_does_not_declare_give_no_case(suite):
    """They are known, so this is no error."""
    assert suite.cases("order.worst", benchmarks=["charts"]) == ()
    assert suite.cases("order.worst", benchmarks=["charts", "quiz"])[0].key == "small:quiz"


def test_a_benchmark_may_be_read_from_a_folder(suite):
    """Only that benchmark; the others keep the model's data."""
    charts, quiz = suite.cases("order.survives", benchmarks=["charts=./mine", "quiz"])

    assert (charts.source("charts"), quiz.source("quiz")) == ("./mine", "twin")
    assert charts.key == "small:charts"


@pytest.mark.parametrize("data", ["twin", "published"])
def test_a_local_path_is_a_model(suite, tmp_path, monkeypatch, data):
    """By a separator or because the folder is there; its data are what the user says."""
    (tmp_path / "step-9").mkdir()
    monkeypatch.chdir(tmp_path)
    cases = suite.cases("order.worst", models=["./runs/step-1/", "step-9"], data=data)

    assert [case.key for case in cases] == ["./runs/step-1/:quiz", "step-9:quiz"]
    assert [case.entry.title for case in cases] == ["step-1", "step-9"]
    assert {case.source("quiz") for case in cases} == {data}
    assert {(case.entry.mini, case.entry.family, case.entry.dtype) for case in cases} == {
        (False, None, "auto")
    }


def test_variants_keep_the_entry_but_not_the_expectations(suite):
    """A broken variant is measured as its base is, but nothing was predicted about it."""
    (case,) = suite.cases("order.survives", models=["big~zero_tower"], benchmarks=["charts"])

    assert case.key == "big~zero_tower:charts"
    assert case.entry == suite.models["big"]
    assert case.expectation is None


def test_an_expectation_may_name_a_variant(edit):
    """The pattern is matched against the full reference."""
    folder = edit("order.toml", '"big:charts"', '"big~forced_a:*"')
    suite = load_suite(folder)
    base, variant = suite.cases(
        "order.survives", models=["big", "big~forced_a"], benchmarks=["quiz"]
    )

    assert (base.expectation, variant.expectation is not None) == (None, True)


def test_the_most_specific_expectation_counts(edit):
    """Fewer wildcards before longer patterns."""
    folder = edit(
        "order.toml",
        'expect."big:charts" =',
        'expect."*:*" = { verdict = "inconclusive", reason = "all" }\nexpect."big:charts" =',
    )
    suite = load_suite(folder)
    verdicts = {
        case.key: case.expectation.verdict
        for case in suite.cases("order.survives", models=["big", "small"])
    }

    assert verdicts == {
        "big:charts": "fail",
        "big:quiz": "inconclusive",
        "small:charts": "inconclusive",
        "small:quiz": "inconclusive",
    }


def test_only_the_star_is_a_wildcard(suite):
    """Brackets and dots in a path or a name are themselves."""
    (expected,) = suite.claims["order.survives"].expect
    odd = expected.model_copy(update={"pattern": "./a[1].b:*"})

    assert odd.matches("./a[1].b", "quiz")
    assert not odd.matches("./a1xb", "quiz")


def test_conditions_are_every_seeded_run_once(suite):
    """Intact and control once, the intervention once a repeat, guards included."""
    shuffle = PermuteTokens(scope="patches")
    case = suite.cases("order.survives", models=["big"], profile="paper")[0]

    assert case.interventions() == (Identity(), shuffle, BlankImage())
    assert case.conditions() == (
        Condition(Identity(), 0),
        *(Condition(shuffle, repeat) for repeat in range(5)),
        Condition(BlankImage(), 0),
    )


def test_a_search_is_counted_by_its_examples(suite):
    """Its orders are drawn later, so the template itself is never measured."""
    (case,) = suite.cases("order.worst")

    assert (case.examples, case.interventions()) == (10, (Identity(),))
    assert suite.cases("order.survives")[0].examples == 0


@pytest.mark.parametrize(
    ("claim", "options", "message"),
    [
        ("order.survive", {}, "unknown claim 'order.survive'\n  -> did you mean 'order.survives'?"),
        (
            "order.survives",
            {"models": ["smal"]},
            "unknown model 'smal'\n  -> did you mean 'small'?",
        ),
        (
            "order.survives",
            {"models": ["smal~forced_a"]},
            "unknown model 'smal'\n  -> did you mean 'small'?",
        ),
        (
            "order.survives",
            {"benchmarks": ["quizz"]},
            "unknown benchmark 'quizz'\n  -> did you mean 'quiz'?",
        ),
        (
            "order.survives",
            {"profile": "papers"},
            "unknown profile 'papers'\n  -> did you mean 'paper'?",
        ),
    ],
)
def test_unknown_names_get_the_nearest_right_one(suite, claim, options, message):
    """One sentence and one suggestion."""
    with pytest.raises(UnknownNameError) as caught:
        suite.cases(claim, **options)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "--units 0 measures nothing"),
        ({"benchmarks": ["quiz="]}, "--benchmarks quiz= names no folder"),
        ({"benchmarks": ["quiz", "quiz=./x"]}, "--benchmarks gives quiz two sources"),
    ],
)
def test_options_that_cannot_work_are_named(suite, options, message):
    """Before anything is measured."""
    with pytest.raises(UsageError, match=f"^{message}"):
        suite.cases("order.survives", **options)


@pytest.mark.parametrize(
    ("ref", "base", "variants"),
    [
        ("mini-llava", "mini-llava", ()),
        ("mini-llava~zero_tower~forced_a", "mini-llava", ("zero_tower", "forced_a")),
        ("./a~b/step-1~forced_a", "./a~b/step-1", ("forced_a",)),
        ("~/models/step-1", "~/models/step-1", ()),
    ],
)
def test_variants_are_split_off_the_last_part(ref, base, variants):
    """A tilde in a folder name further up belongs to the path."""
    assert split_ref(ref) == ModelRef(base, variants)
