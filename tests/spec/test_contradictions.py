"""What cannot hold together, or names what no file declares, is an error before any run."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.loader import load_suite

SURVIVES = "order.toml: claim.survives"
#: What is wrong: file, text, its replacement, the whole message.
MISTAKES = {
    "statistic without its key": (
        "order.toml",
        "limit.drop",
        "limit.gap",
        f"{SURVIVES}: statistic 'gap' needs the key 'control'",
    ),
    "two saliency models": (
        "models.toml",
        'printed = "Big"',
        'saliency = "twin"\n[model.eye]\ntitle = "e"\npath = "e"\nfamily = "x"\nsaliency = "twin"',
        (
            "models.toml: model.eye.saliency: 'big' is the saliency model of twin data already; "
            "declare one of them"
        ),
    ),
    "key of another statistic": (
        "order.toml",
        "repeats = 5",
        'aggregate = "raw"',
        f"{SURVIVES}: key 'aggregate' belongs to statistic 'average_drop'",
    ),
    "reported without aggregate": (
        "order.toml",
        "repeats = 5",
        'reported = ["raw"]',
        f"{SURVIVES}: key 'reported' belongs to statistic 'average_drop'",
    ),
    "unknown aggregate": (
        "order.toml",
        "mme_scaled_28",
        "mme_scaled",
        "order.toml: claim.average: unknown aggregate 'mme_scaled'; did you mean 'mme_scaled_28'?",
    ),
    "aggregate over one benchmark": (
        "order.toml",
        'benchmarks = ["quiz", "charts"]\nrepeats = 5\naggregate',
        'benchmarks = ["quiz"]\nrepeats = 5\naggregate',
        "order.toml: claim.average.benchmarks: an aggregate needs at least two",
    ),
    "search for a limit from below": (
        "order.toml",
        "worst_drop = { at_most",
        "worst_drop = { at_least",
        "order.toml: claim.worst.limit: a search can only break a limit 'at_most'",
    ),
    "unknown profile of a search": (
        "order.toml",
        "paper = 100",
        "papers = 100",
        "order.toml: claim.worst.search.examples: missing key 'paper'",
    ),
    "unknown key of a search": (
        "order.toml",
        "paper = 100",
        "paper = 100, papers = 1",
        "order.toml: claim.worst.search.examples: unknown key 'papers'; did you mean 'paper'?",
    ),
    "unknown guard": (
        "order.toml",
        'requires = ["order.seen"]',
        'requires = ["order.sees"]',
        f"{SURVIVES}.requires: unknown claim 'order.sees'; did you mean 'order.seen'?",
    ),
    "guard that needs a guard": (
        "order.toml",
        "aggregate =",
        'requires = ["order.survives"]\naggregate =',
        (
            "order.toml: claim.average.requires: 'order.survives' cannot guard: "
            "it requires others or aggregates"
        ),
    ),
    "guard on other benchmarks": (
        "order.toml",
        'benchmarks = ["quiz", "charts"]\nearly_stop',
        'benchmarks = ["quiz"]\nearly_stop',
        f"{SURVIVES}.requires: guard 'order.seen' is not declared on 'charts'",
    ),
    "unknown figure": (
        "order.toml",
        '"table1", ',
        '"tabel1", ',
        f"{SURVIVES}.feeds: unknown claim, table or figure 'tabel1'; did you mean 'table1'?",
    ),
    "early stop of what feeds a figure": (
        "order.toml",
        "repeats = 5",
        "early_stop = true",
        (
            f"{SURVIVES}: early_stop would bias what it feeds (table1, order.average); "
            "remove early_stop or feeds"
        ),
    ),
    "early stop of a population claim": (
        "order.toml",
        "early_stop = true",
        'early_stop = true\ntarget = "population"',
        (
            "order.toml: claim.seen: early_stop is only valid for target = 'benchmark'; "
            "remove one of them"
        ),
    ),
    "limit that no outcome can show": (
        "order.toml",
        "repeats = 5",
        'target = "population"',
        (
            f"{SURVIVES}.limit: at most 2 points cannot be shown for the population on 'charts': "
            "identical outputs on all 100 units leave 2.63; raise the limit, drop the benchmark or "
            "use target = 'benchmark'"
        ),
    ),
    "expectation without reason": (
        "order.toml",
        'verdict = "fail", reason = "printed"',
        'verdict = "fail"',
        f"{SURVIVES}.expect.\"big:charts\": missing key 'reason'",
    ),
    "expected pass": (
        "order.toml",
        'verdict = "fail"',
        'verdict = "pass"',
        f"{SURVIVES}.expect.\"big:charts\".verdict: input should be 'fail' or 'inconclusive'",
    ),
    "expectation with a second pattern": (
        "order.toml",
        'verdict = "fail"',
        'pattern = "x:y", verdict = "fail"',
        f"{SURVIVES}.expect.\"big:charts\": unknown key 'pattern'; known: reason, unless, verdict",
    ),
    "expectation without colon": (
        "order.toml",
        '"big:charts"',
        '"big"',
        f"{SURVIVES}.expect.\"big\": must be 'model:benchmark', each with * as wildcard",
    ),
    "expectation of an unknown model": (
        "order.toml",
        '"big:charts"',
        '"bigg:charts"',
        f"{SURVIVES}.expect.\"bigg:charts\": unknown model 'bigg'; did you mean 'big'?",
    ),
    "expectation on an unknown benchmark": (
        "order.toml",
        '"big:charts"',
        '"big:chart"',
        (
            f"{SURVIVES}.expect.\"big:chart\": unknown benchmark of the claim 'chart'; "
            "did you mean 'charts'?"
        ),
    ),
    "expectation that matches nothing": (
        "order.toml",
        '"big:charts"',
        '"huge-*:*"',
        f'{SURVIVES}.expect."huge-*:*": matches no model and benchmark of the claim; correct it',
    ),
    "exception that is no benchmark of the claim": (
        "order.toml",
        '"big:charts" = { verdict = "fail",',
        '"big:*" = { verdict = "fail", unless = ["chart"],',
        (
            f"{SURVIVES}.expect.\"big:*\".unless: unknown benchmark of the claim 'chart'; "
            "did you mean 'charts'?"
        ),
    ),
    "exception that is not matched anyway": (
        "order.toml",
        'verdict = "fail", reason',
        'verdict = "fail", unless = ["quiz"], reason',
        f"{SURVIVES}.expect.\"big:charts\".unless: 'quiz' is not matched anyway; remove it",
    ),
    "two expectations of one case": (
        "order.toml",
        'expect."big:charts" =',
        'expect."b*:charts" = { verdict = "fail", reason = "x" }\nexpect."*g:charts" =',
        (
            f'{SURVIVES}.expect: "b*:charts" and "*g:charts" both match big:charts; '
            "make one more specific"
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_key_path_and_nearest_name(mistake, edit):
    """One mistake in an otherwise valid folder gives exactly one, exactly this, message."""
    file, old, new, message = MISTAKES[mistake]
    folder = edit(file, old, new)

    with pytest.raises(SpecError) as caught:
        load_suite(folder)

    assert str(caught.value) == message
