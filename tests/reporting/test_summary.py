"""The terminal summary: complete, readable at 80 columns, and honest about minis."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from ipllvm_spec.reporting.summary import RunStats, duration, render_summary, title, unexpected
from ipllvm_spec.verdicts.record import Record
from ipllvm_spec.verdicts.verdict import Outcome

STATS = RunStats(
    prompts=1500,
    hits=500,
    misses=1500,
    wall_s=412.0,
    store="reports/cells.sqlite",
    records="reports/records.jsonl",
    allure="reports/allure-results",
)


def flat(text):
    """Joins wrapped lines, so that a test does not depend on where one breaks."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_rows_fit_the_terminal(every_kind, width):
    """Every table line fits; only commands, which are for copying, may be longer."""
    text = render_summary(every_kind, STATS, width=width)

    tables = text.split("Rerun what turned")[0]
    assert max(len(line) for line in tables.splitlines() if "checks:" not in line) <= width
    assert "…" not in text


def test_narrower_than_80_is_taken_as_80(every_kind):
    """A split window wraps, but loses nothing to an ellipsis."""
    assert render_summary(every_kind, STATS, width=40) == render_summary(every_kind, STATS)


def test_a_row_shows_everything_that_was_decided(make_record):
    """Benchmark, scores, estimate with bounds, limit, units and verdict stand in one line."""
    text = render_summary([make_record(benchmark="mme")], STATS)

    row = next(line for line in text.splitlines() if line.lstrip().startswith("mme "))
    assert row.split() == [
        "mme",
        "1736",
        "->",
        "596",
        "40.7",
        "[34.1,",
        "47.2]",
        "<=",
        "2.0",
        "150/150",
        "FAIL",
    ]


def test_the_table_is_grouped_by_model_then_claim(every_kind):
    """Each model heads its claims, and a claim heads its benchmarks."""
    lines = render_summary(every_kind, STATS).splitlines()

    model = lines.index("mini-llava (mini)")
    claim = lines.index(" permutation.accuracy_survives", model)
    assert claim == model + 1
    assert lines[claim + 1].split()[0] == "chartqa"
    assert lines.index("llava-1.5-7b") < model


def test_what_was_announced_is_told_from_what_was_not(every_kind):
    """An announced failure is in lower case with its mechanism; others give their reason."""
    text = flat(render_summary(every_kind, STATS))

    assert "fail (expected)" in text
    assert "mmvp: order is learned as absolute slots" in text
    assert "mme, mmstar: the drop on all 150 units is 40.7 points" in text
    assert "chartqa: n too small: 60 units cannot decide a limit of 2.0, needs 425" in text
    assert "96/150*" in text
    assert "* decided early" in text


def test_a_cut_run_is_marked(make_record):
    """--units never looks like the whole benchmark."""
    record = make_record(verdict={"cut": True, "exact": False, "n": 60})

    text = render_summary([record], STATS)

    assert "60/150<" in text
    assert "--units" in text


def test_minis_are_named_as_such(every_kind, make_record):
    """Title, model and tables say "mini"; nothing does when none is shown."""
    with_minis = render_summary(every_kind, STATS)
    without = render_summary([make_record(model="llava-1.5-7b")], STATS)

    assert "Nothing about the minis is evidence about LLaVA." in with_minis
    assert "Table 1, shuffled visual patch tokens: mini-llava (mini)" in with_minis
    assert "mini" in title(every_kind)
    assert "mini" not in without


def test_table_1_has_delta_as_the_paper_and_printed_numbers_only_where_printed(every_kind):
    """Delta is other minus intact; the paper's rows stand only under its own model."""
    text = render_summary(every_kind, STATS)
    ours, minis = text.split("Table 1, shuffled")[1:]

    assert re.search(r"delta +24\.50", ours)
    assert re.search(r"paper intact +1850\.07", ours)
    assert re.search(r"paper delta +24\.53", ours)
    assert re.search(r"units +96/150", ours)
    assert "paper" not in minis
    assert re.search(r"delta +-40\.70 +-1139\.60 +-40\.70 +-31\.00", minis)


def test_table_1_gives_all_five_averages(make_record):
    """The aggregates are those of the measures; MME at 28 points a percent."""
    records = [
        make_record(measured={"intact": 50.0, "other": 40.0}),
        make_record(benchmark="mme", measured={"intact": 1400.0, "other": 840.0}),
    ]

    text = render_summary(records, STATS)

    header, values = (
        line.split() for line in text.splitlines() if line.startswith(("   mean of", "   average "))
    )
    assert header[3:] == ["mme_scaled_28", "raw", "without_mme", "relative", "median"]
    assert values[2:] == ["-15.00", "-285.00", "-10.00", "-30.00", "-15.00"]


def test_table_1_ignores_what_is_no_shuffle_of_the_benchmark(make_record):
    """Blank images and the worst order of a search are not columns of Table 1."""
    blank = make_record(
        claim="permutation.image_matters",
        intervention='[{"colour":[0,0,0],"name":"blank_image","version":1}]',
        verdict={"statistic": "gap"},
    )
    worst = make_record(verdict={"statistic": "worst_drop"})

    assert "Table 1, shuffled" not in render_summary([blank, worst], STATS)


def test_a_wide_table_1_continues_below(make_record):
    """Ten benchmarks do not fit into 80 columns; the rest follows in the same order."""
    names = ["ai2d", "chartqa", "llava_w", "mathvista", "mme", "mmstar", "mmvet", "mmvp", "qbench"]
    text = render_summary([make_record(benchmark=name) for name in names], STATS, width=80)

    table = text.split("Table 1, shuffled")[1]
    assert table.count("intact") == 2
    assert table.index("mmvp") < table.index("qbench") < table.index("mme ")


def test_costs_and_places_are_told(every_kind):
    """Hits, misses, prompts, time, early decisions and files are all there."""
    text = render_summary(every_kind, STATS)

    assert "store: 500 hits (25%), 1500 misses (reports/cells.sqlite)" in text
    assert "1500 prompts answered; the run took 6 min 52 s" in text
    assert "1 decided early" in text
    assert "reports/records.jsonl" in text
    assert "Allure results: reports/allure-results" in text


def test_rerun_commands_come_worst_first_and_unwrapped(make_record):
    """What turned the run red can be copied from a line of its own."""
    long_case = "mini-llava-onevision~permuted_projector"
    records = [
        make_record(benchmark="mmstar", verdict={"estimate": 5.0}),
        make_record(benchmark="mmvp", model=long_case, verdict={"estimate": 30.0}),
        make_record(benchmark="mme", expect="announced"),
        make_record(benchmark="chartqa", expect="x", verdict={"outcome": Outcome.PASS}),
    ]

    red = unexpected(records)
    commands = [
        line.strip()
        for line in render_summary(records, STATS).splitlines()
        if line.startswith("    pytest")
    ]

    assert [record.benchmark for record in red] == ["chartqa", "mmvp", "mmstar"]
    assert commands == [record.rerun for record in red]


def test_an_at_least_limit_is_missed_downward(make_record):
    """For a gap, the smallest value is the worst."""
    limit = {"direction": "at_least", "limit": 10.0, "statistic": "gap"}
    near = make_record(benchmark="mme", verdict={**limit, "estimate": 9.0})
    far = make_record(benchmark="mmvp", verdict={**limit, "estimate": 1.0})

    assert unexpected([near, far]) == [far, near]


def test_colour_only_on_request(every_kind):
    """A log gets plain text with the same words."""
    plain = render_summary(every_kind, STATS)
    coloured = render_summary(every_kind, STATS, colour=True)

    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    assert flat(re.sub(r"\x1b\[[0-9;]*m", "", coloured)) == flat(plain)


def test_brackets_in_ids_are_not_markup(make_record):
    """A model path with brackets is printed as it is."""
    record: Record = make_record(model="./run[red]/step")

    assert "./run[red]/step" in render_summary([record], STATS)


def test_no_record_is_said():
    """A run in which every check broke still tells what it cost."""
    assert render_summary([], STATS).startswith("No check was decided.")


def test_durations_read_well():
    """Seconds, minutes and hours change over without gaps."""
    seconds = [0.4, 59.4, 60, 200, 3599, 3600, 7500]

    texts = [duration(value) for value in seconds]

    assert texts == ["0 s", "59 s", "1 min", "3 min 20 s", "59 min 59 s", "1 h", "2 h 5 min"]
    assert all(before != after for before, after in pairwise(texts))


def test_what_was_lost_is_said_once_with_its_numbers(make_record):
    """Unparsed answers and units left out stand below the counts, and only where there are any."""
    part = replace(make_record().measured[0], unparsed_intact=3, unparsed_other=12, undecodable=1)
    lossy = make_record(measured=(part,))

    text = flat(render_summary([lossy, lossy], STATS))

    assert text.count("mmvp: unparsed answers: 3 intact, 12 shuffled") == 1
    assert "mmvp: 1 unit never asked, an image cannot be decoded" in text
    clean = replace(part, unparsed_intact=0, unparsed_other=0, undecodable=0)
    assert "unparsed" not in render_summary([make_record(measured=(clean,))], STATS)


def test_a_claim_across_models_says_with_which(make_record):
    """The reference stands beside the claim, since every row below it has the same."""
    record = make_record(against="mini-resnet", verdict={"statistic": "contrast"})

    assert " permutation.accuracy_survives against mini-resnet\n" in render_summary([record], STATS)
