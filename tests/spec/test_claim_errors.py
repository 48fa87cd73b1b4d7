"""A misspelt or missing part of a claim is one message with file, key path and nearest name."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.loader import load_suite

SURVIVES = "order.toml: claim.survives"
#: What is wrong: file, text, its replacement, the whole message.
MISTAKES = {
    "unknown key of a claim": (
        "order.toml",
        "repeats = 5",
        "repeat = 5",
        f"{SURVIVES}: unknown key 'repeat'; did you mean 'repeats'?",
    ),
    "unknown table": (
        "order.toml",
        "[property]",
        "[propertie]",
        "order.toml: unknown key 'propertie'; did you mean 'property'?",
    ),
    "unknown key of a property": (
        "order.toml",
        "needs = [",
        "need = [",
        "order.toml: property: unknown key 'need'; did you mean 'needs'?",
    ),
    "id written into a property": (
        "order.toml",
        "[property]",
        '[property]\nid = "other"',
        "order.toml: property: unknown key 'id'; known: needs, source, statement",
    ),
    "property without source": (
        "order.toml",
        'source = "section 1"\n',
        "",
        "order.toml: property: missing key 'source'",
    ),
    "unknown capability": (
        "order.toml",
        'needs = ["visual_tokens"]',
        'needs = ["visual_token"]',
        (
            "order.toml: property.needs: unknown capability 'visual_token'; "
            "did you mean 'visual_tokens'?"
        ),
    ),
    "claim that is no table": (
        "order.toml",
        "[claim.seen]",
        "[claim]\nwrong = 1\n[claim.seen]",
        "order.toml: claim.wrong: must be a table",
    ),
    "claim without statement": (
        "order.toml",
        'statement = "Shuffling costs little."\n',
        "",
        f"{SURVIVES}: missing key 'statement'",
    ),
    "number as text": (
        "order.toml",
        "repeats = 5",
        'repeats = "5"',
        f"{SURVIVES}.repeats: input should be a valid integer",
    ),
    "unknown benchmark": (
        "order.toml",
        'benchmarks = ["quiz", "charts"]\nrepeats',
        'benchmarks = ["quizz", "charts"]\nrepeats',
        f"{SURVIVES}.benchmarks: unknown benchmark 'quizz'; did you mean 'quiz'?",
    ),
    "benchmark named twice": (
        "order.toml",
        'benchmarks = ["quiz", "charts"]\nrepeats',
        'benchmarks = ["quiz", "quiz"]\nrepeats',
        f"{SURVIVES}.benchmarks: names a benchmark twice",
    ),
    "unknown intervention": (
        "order.toml",
        "permute_tokens",
        "permute_token",
        (
            f"{SURVIVES}.intervention: unknown intervention 'permute_token'; "
            "did you mean 'permute_tokens'?"
        ),
    ),
    "unknown parameter of an intervention": (
        "order.toml",
        'scope = "patches"',
        'scop = "patches"',
        f"{SURVIVES}.intervention: permute_tokens: unknown key 'scop'; did you mean 'scope'?",
    ),
    "impossible parameter of an intervention": (
        "order.toml",
        'scope = "patches"',
        'scope = "patch"',
        (
            f"{SURVIVES}.intervention: permute_tokens.scope: "
            "input should be 'patches', 'all' or 'base_grid'"
        ),
    ),
    "an intervention that is no table": (
        "order.toml",
        "{ blank_image = {} }",
        "{ blank_image = 3 }",
        (
            "order.toml: claim.seen.control: blank_image: "
            "input should be a valid dictionary or instance of BlankImage"
        ),
    ),
    "an intervention that changes nothing": (
        "order.toml",
        '{ permute_tokens = { scope = "patches" } }',
        "{ identity = {} }",
        f"{SURVIVES}.intervention: identity changes nothing, so there is nothing to see",
    ),
    "unknown statistic": (
        "order.toml",
        "limit.drop",
        "limit.dropp",
        f"{SURVIVES}.limit: unknown statistic 'dropp'; did you mean 'drop'?",
    ),
    "two statistics": (
        "order.toml",
        "limit.drop =",
        'limit.gap = { at_most = 1.0, why = "x" }\nlimit.drop =',
        (
            f"{SURVIVES}.limit: needs exactly one statistic; "
            "known: drop, gap, average_drop, worst_drop, contrast, every_drop, spread, "
            "drop_difference, "
            "answer_excess, similarity_difference"
        ),
    ),
    "no limit": (
        "order.toml",
        'limit.drop = { at_most = 2.0, why = "the band" }\n',
        "",
        f"{SURVIVES}: missing key 'limit'",
    ),
    "limit without why": (
        "order.toml",
        '{ at_most = 2.0, why = "the band" }',
        "{ at_most = 2.0 }",
        f"{SURVIVES}.limit.drop: missing key 'why'",
    ),
    "limit with a blank why": (
        "order.toml",
        'why = "the band"',
        'why = " "',
        f"{SURVIVES}.limit.drop.why: string should have at least 1 character",
    ),
    "limit on both sides": (
        "order.toml",
        "at_most = 2.0",
        "at_most = 2.0, at_least = 1.0",
        f"{SURVIVES}.limit.drop: needs exactly one of at_most and at_least",
    ),
    "misspelt side of a limit": (
        "order.toml",
        "at_most = 2.0",
        "atmost = 2.0",
        f"{SURVIVES}.limit.drop: unknown key 'atmost'; did you mean 'at_most'?",
    ),
    "unknown target": (
        "order.toml",
        "repeats = 5",
        'target = "people"',
        f"{SURVIVES}.limit.drop.target: input should be 'benchmark' or 'population'",
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


def test_the_folder_that_the_mistakes_are_made_in_is_valid(spec_folder):
    """Without a mistake it loads, so each message above is about its own mistake."""
    suite = load_suite(spec_folder)

    assert list(suite.claims) == ["order.seen", "order.survives", "order.average", "order.worst"]
