"""Each claim about synthetic images has a model that passes and one that fails, under one limit."""

from __future__ import annotations

import json

import pytest

from ipllvm_spec.reporting.table2 import as_csv, as_markdown, table2
from ipllvm_spec.verdicts.rescore import rescore
from ipllvm_spec.verdicts.rescore_changes import compare, read_all_records
from ipllvm_spec.verdicts.rescore_data import Finder

LOOKS_UP, REFUSES = "mini-llava~recalls_questions", "mini-llava~refuses_unknown"


@pytest.fixture
def outcomes(run, tmp_path):
    """Runs checks and returns their records by claim and model."""

    def of(models, *options):
        run("-n", "1", "--models", ",".join(models), *options)
        lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
        return {
            (record["claim"].partition(".")[2], record["model"], record["benchmark"]): record
            for record in map(json.loads, lines)
        }

    return of


def test_who_knows_the_questions_needs_no_details(outcomes):
    """A model that looks up the question loses nothing; one that refuses what it has not seen all.

    Both answer the original images, so the guard lets both be decided.
    """
    found = outcomes(
        [LOOKS_UP, REFUSES], "-k", "details_are_dispensable or details_matter or images_tell"
    )
    verdicts = {key: record["verdict"]["outcome"] for key, record in found.items()}
    assert verdicts == {
        (claim, model, benchmark): "PASS" if model == LOOKS_UP else "FAIL"
        for model in (LOOKS_UP, REFUSES)
        for claim, benchmark in (
            ("details_are_dispensable", "mathvista"),
            ("details_matter_less_than_perception", "mathvista"),
            ("synthetic_images_tell", "mmvp"),
            ("synthetic_images_tell", "mathvista"),
        )
    }
    record = found["details_are_dispensable", REFUSES, "mathvista"]
    assert record["extra"]["synthetic"] == {"captioner": "mini-llava", "generator": "renderer"}
    assert record["measured"][0]["other"] == 0.0


def test_a_model_that_always_says_one_is_found_out(outcomes):
    """What is right is subtracted: mini-llava says "1" about as often as it should."""
    found = outcomes(["mini-llava", "mini-llava~forced_1"], "-k", "no_flight_to_one")
    one, other = (
        found["no_flight_to_one", model, "mathvista"]["verdict"]
        for model in ("mini-llava", "mini-llava~forced_1")
    )
    assert (one["outcome"], other["outcome"]) == ("PASS", "FAIL")
    told = other["details"]
    # the twenty questions for a list cannot be answered by one number
    assert told["frequency"] == pytest.approx(100.0 * 120 / 140)
    assert other["estimate"] == pytest.approx(told["frequency"] - told["gold"])
    assert one["details"]["gold"] == other["details"]["gold"] > 0.0


def test_an_encoder_that_sees_nothing_finds_nothing_lost(outcomes):
    """mini-clip sees what captions leave out; with one embedding for all there is no difference."""
    found = outcomes(["mini-clip", "mini-clip~same_embedding"], "-k", "details_are_lost")
    seeing, blind = (
        found["details_are_lost", model, "mathvista"]
        for model in ("mini-clip", "mini-clip~same_embedding")
    )
    assert seeing["verdict"]["outcome"] == "PASS"
    assert blind["verdict"]["outcome"] == "FAIL"
    assert [part["other"] for part in blind["measured"]] == [100.0, 100.0]


def test_table_2_is_a_view_of_the_store(outcomes, tmp_path):
    """Its numbers are those of the records, found again without a model; captions are no scores."""
    found = outcomes(
        ["mini-llava", "mini-clip"], "--units", "64", "-k", "images_tell or dispensable or are_lost"
    )
    store, finder = tmp_path / "run" / "cells.sqlite", Finder({})
    rows = {row.benchmark: row for row in table2(store, finder)}
    drop = found["details_are_dispensable", "mini-llava", "mathvista"]["measured"][0]
    row = rows["mathvista"]
    assert (row.original, row.synthetic) == pytest.approx((drop["intact"], drop["other"]))
    assert row.blind == pytest.approx(drop["blind"])
    similar = found["details_are_lost", "mini-clip", "mathvista"]["measured"]
    assert row.clip_i == pytest.approx(similar[0]["other"] / 100)
    assert (row.captioner, row.encoder, row.n, row.unread) == ("mini-llava", "mini-clip", 64, 0)
    assert 0 < row.free_form < 64
    assert "mmvp" not in rows  # nobody has measured its original images
    assert "| mini-llava (mini) | mathvista |" in as_markdown([row])
    assert as_csv([row]).count("\n") == 2

    changes = compare(read_all_records(tmp_path / "run"), rescore(store, finder))
    assert changes.changed == ()
    assert changes.same >= 6
