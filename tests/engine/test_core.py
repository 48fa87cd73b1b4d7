"""What one engine does with requests, without processes and sockets."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.core import Engine
from ipllvm_spec.errors import (
    EngineError,
    InertInterventionError,
    ModelError,
    SpecError,
    UnknownNameError,
)
from ipllvm_spec.spec.interventions import BlankImage, Identity, KeepGroup, PermuteTokens

INTACT = Cell("present", "pairs")
SHUFFLED = Cell("present", "pairs", intervention=PermuteTokens())
BLANK = Cell("present", "pairs", intervention=BlankImage())
GROUP = Cell("present", "pairs", intervention=KeepGroup(m=4, group=(1, 2)))


def ask(engine: Engine, cell: Cell, start: int, stop: int):
    """Asks as a client does: the store first, then the owners of what is missing."""
    items, rows = engine.lookup(cell, start, stop)
    found = {row.item_id: row for row in rows}
    missing = [item for item in items if item not in found]
    if missing:
        found |= {row.item_id: row for row in engine.compute(cell, missing)}
    return [found[item] for item in items if item in found]


def test_rows_come_in_unit_order_and_are_hits_the_second_time(make_engine):
    """The second request computes nothing and returns the same rows."""
    engine = make_engine()
    first = ask(engine, INTACT, 0, 20)
    order = engine.describe("pairs", "twin", "standard", INTACT.suite_seed).order
    assert [row.item_id[1:] for row in first][::2] == [f"{2 * int(u[1:]):03d}" for u in order[:20]]
    calls = engine.stats().model_calls
    assert ask(engine, INTACT, 0, 20) == first
    stats = engine.stats()
    assert (stats.hits, stats.misses, stats.model_calls) == (40, 40, calls)


def test_the_pieces_asked_for_do_not_change_the_rows(make_engine):
    """One by one, in blocks or all at once: the same batches, the same rows."""
    whole = ask(make_engine(store="a"), SHUFFLED, 0, 100)
    engine = make_engine(store="b")
    pieces = [row for n in reversed(range(0, 100, 7)) for row in ask(engine, SHUFFLED, n, n + 7)]
    assert sorted(pieces, key=lambda r: r.item_id) == sorted(whole, key=lambda r: r.item_id)


def test_interventions_share_the_plan_and_reuse_the_projector_outputs(make_engine):
    """Every intervention meets the same batches; those after the projector run it once in all."""
    engine = make_engine()
    ask(engine, INTACT, 0, 100)
    plan, encoded = list(make_engine.backend.batches), len(make_engine.backend.encoded)
    calls = make_engine.backend.visual_calls
    ask(engine, SHUFFLED, 0, 100)
    assert make_engine.backend.batches[len(plan) :] == plan
    assert make_engine.backend.visual_calls == calls
    assert len(make_engine.backend.encoded) == encoded
    assert engine.stats().reused == len(plan)
    ask(engine, BLANK, 0, 100)
    assert make_engine.backend.batches[2 * len(plan) :] == plan
    assert make_engine.backend.visual_calls == 2 * calls


def test_reuse_does_not_change_rows(make_engine):
    """A shuffled cell after the intact one has the rows it has alone."""
    alone = ask(make_engine(store="a"), SHUFFLED, 0, 100)
    engine = make_engine(store="b")
    ask(engine, INTACT, 0, 100)
    assert ask(engine, SHUFFLED, 0, 100) == alone
    assert engine.stats().reused > 0


def test_repeats_seeds_and_interventions_are_different_cells(make_engine):
    """Whatever is drawn anew is stored anew; intact answers do not depend on repeats."""
    engine = make_engine()
    shuffled = ask(engine, SHUFFLED, 0, 10)
    other_repeat = Cell("present", "pairs", intervention=PermuteTokens(), repeat=1)
    other_seed = Cell("present", "pairs", intervention=PermuteTokens(), suite_seed=7)
    assert ask(engine, other_repeat, 0, 10) != shuffled
    assert ask(engine, other_seed, 0, 10) != shuffled
    misses = engine.stats().misses
    ask(engine, INTACT, 0, 10)
    ask(engine, Cell("present", "pairs", intervention=Identity(), repeat=3), 0, 10)
    assert engine.stats().misses == misses + 20


def test_new_weights_under_the_same_name_never_get_old_answers(make_engine, tmp_path):
    """A checkpoint retrained in place is asked again; the old one's answers stay valid for it."""
    weights = tmp_path / "weights"
    cell = Cell(str(weights), "pairs")
    weights.write_text("old")
    old = ask(make_engine(), cell, 0, 10)
    weights.write_text("new")
    engine = make_engine()
    assert ask(engine, cell, 0, 10) != old
    assert engine.stats().hits == 0
    weights.write_text("old")
    engine = make_engine()
    assert ask(engine, cell, 0, 10) == old
    assert engine.stats().misses == 0


def test_a_batch_that_misses_a_row_is_run_again_whole(make_engine):
    """One lost row brings its whole batch back, as first formed, and no other batch."""
    engine = make_engine()
    rows = ask(engine, INTACT, 0, 100)
    plan = list(make_engine.backend.batches)
    victim = plan[3][1]
    engine._store.fetch("DELETE FROM results WHERE item_id = ?", (victim,))
    again = ask(engine, INTACT, 0, 100)
    assert make_engine.backend.batches[len(plan) :] == [plan[3]]
    assert again == rows


def test_an_undecodable_image_is_an_error_row_and_the_rest_is_measured(make_engine):
    """Bad rows say why, are recorded, are no hits, and cost the others nothing."""
    engine = make_engine()
    cell = Cell("present", "pairs", source="corrupt")
    rows = ask(engine, cell, 0, 100)
    bad = [row for row in rows if row.status == "error"]
    assert sorted(row.item_id for row in bad) == [f"i{n:03d}" for n in range(200) if n % 10 == 3]
    assert all("no readable image" in row.text for row in bad)
    assert len(rows) == 200
    assert engine._store.fetch("SELECT COUNT(*) FROM results WHERE status = 'error'") == [(20,)]
    calls = engine.stats().model_calls
    assert ask(engine, cell, 0, 100) == rows
    assert engine.stats().model_calls == calls


def test_out_of_memory_halves_the_batch_and_is_remembered(make_engine):
    """A batch that does not fit is cut; the next engine starts with the size that fitted."""
    whole = {row.item_id for row in ask(make_engine(store="a"), INTACT, 0, 32)}
    engine = make_engine(store="b")
    make_engine.backend.room = 600
    rows = ask(engine, INTACT, 0, 32)
    assert {row.item_id for row in rows} == whole
    assert engine.stats().oom_splits > 0
    largest = max(len(batch) for batch in make_engine.backend.batches)
    engine._store.fetch("DELETE FROM results")
    later = make_engine(store="b")
    make_engine.backend.room = 600
    assert ask(later, INTACT, 0, 32) == rows
    assert later.stats().oom_splits == 0
    assert max(len(batch) for batch in make_engine.backend.batches) == largest


def test_a_prompt_that_never_fits_is_a_clear_error(make_engine):
    """When one prompt alone is too large there is nothing left to halve."""
    engine = make_engine()
    make_engine.backend.room = 5
    with pytest.raises(
        EngineError, match=r"(?s)one prompt of \d+ tokens does not fit.*more memory"
    ):
        ask(engine, INTACT, 0, 32)


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        (Cell("absent", "pairs"), UnknownNameError),
        (Cell("unloadable", "pairs"), ModelError),
        (Cell("present", "unknown"), UnknownNameError),
        (
            Cell("present", "pairs", intervention=PermuteTokens(order=(0, 1))),
            InertInterventionError,
        ),
    ],
)
def test_errors_keep_their_kind_and_the_engine_goes_on(make_engine, cell, error):
    """A request that cannot work does not harm the next one."""
    engine = make_engine()
    with pytest.raises(error):
        ask(engine, cell, 0, 10)
    assert len(ask(engine, INTACT, 0, 10)) == 20


def test_simultaneous_requests_for_one_batch_compute_it_once(make_engine):
    """Many clients that ask the same cell at once share the work; nobody counts twice."""
    engine = make_engine()
    barrier = threading.Barrier(6)

    def one() -> list:
        barrier.wait()
        return ask(engine, INTACT, 0, 64)

    with ThreadPoolExecutor(6) as threads:
        answers = [threads.submit(one) for _ in range(6)]
        first, *others = [answer.result() for answer in answers]
    assert all(other == first for other in others)
    stats = engine.stats()
    assert stats.prompts == 128
    assert (stats.misses, stats.hits) == (128, 5 * 128)


def test_large_models_are_dropped_small_ones_stay(make_engine):
    """Models beyond the memory budget push out the least recently used one."""
    engine = make_engine()
    for name in ("a", "b", "a", "c", "a", "b"):
        ask(engine, Cell(name, "pairs", repeat=0), 0, 1)
        engine._store.fetch("DELETE FROM results")
    # 40 MB each, 100 MB in all: two stay. c pushes out b, then b pushes out c.
    assert make_engine.backend.loaded == ["a", "b", "c", "b"]
    assert engine.stats().models == ("a", "b")


def test_plan_counts_without_loading_a_model(make_engine):
    """Prompts, hits, tokens and a time that is called a guess until a batch was timed."""
    engine = make_engine()
    (line,) = engine.plan([(INTACT, 50)])
    assert (line.units, line.prompts, line.hits) == (50, 100, 0)
    assert line.guess
    assert 1900 < line.tokens < 2900
    assert line.seconds > 0
    assert make_engine.backend.loaded == []
    ask(engine, INTACT, 0, 32)
    (again, other) = engine.plan([(INTACT, None), (SHUFFLED, 10)])
    assert (again.prompts, again.hits, again.guess) == (200, 64, False)
    assert (other.prompts, other.hits, other.guess) == (20, 0, False)


def test_two_engines_divide_the_batches_without_overlap(make_engine):
    """Each batch has one owner; together two engines give the rows that one gives alone."""
    alone = ask(make_engine(store="a"), SHUFFLED, 0, 100)
    parts = []
    for rank in range(2):
        engine = make_engine(store="b", rank=rank, world=2)
        items, _ = engine.lookup(SHUFFLED, 0, 100)
        parts.append({row.item_id: row for row in engine.compute(SHUFFLED, items)})
        assert engine.stats().batches > 0
    assert not parts[0].keys() & parts[1].keys()
    assert {**parts[0], **parts[1]} == {row.item_id: row for row in alone}


def test_a_group_reuses_projector_outputs_in_joined_batches(make_engine):
    """Whole intact batches are put together; nothing is encoded anew, and rows do not depend on it.

    Alone, the cell encodes images in the very same batches, so its rows are the same.
    """
    alone = ask(make_engine(store="a", token_budget=400), GROUP, 0, 100)
    engine = make_engine(store="b", token_budget=400)
    ask(engine, INTACT, 0, 100)
    plan, calls = list(make_engine.backend.batches), make_engine.backend.visual_calls
    assert ask(engine, GROUP, 0, 100) == alone
    joined = make_engine.backend.batches[len(plan) :]
    assert len(joined) <= 0.7 * len(plan)
    assert sum(joined, ()) == sum(plan, ())
    assert make_engine.backend.visual_calls == calls
    assert engine.stats().reused == len(plan)


def test_memory_that_runs_out_over_a_group_cuts_its_batch_too(make_engine):
    """Joined batches come apart by the length that was left, and a later engine forms them so."""
    engine = make_engine()
    make_engine.backend.room = 300
    rows = ask(engine, GROUP, 0, 32)
    assert len(rows) == 64
    assert engine.stats().oom_splits > 0
    engine._store.fetch("DELETE FROM results")
    later = make_engine()
    make_engine.backend.room = 300
    assert ask(later, GROUP, 0, 32) == rows
    assert later.stats().oom_splits == 0


def test_the_plan_reckons_with_removed_tokens(make_engine):
    """A group's prompts are short in estimates, before and after one was measured."""
    engine = make_engine()
    whole, group = engine.plan([(INTACT, 50), (GROUP, 50)])
    assert group.tokens == pytest.approx(whole.tokens - 100 * 15, abs=1)
    ask(engine, GROUP, 0, 32)
    other = Cell("present", "pairs", intervention=KeepGroup(m=4, group=(0, 0)))
    again, after = engine.plan([(INTACT, 50), (other, 50)])
    assert (again.tokens, again.guess) == (whole.tokens, True)
    assert after.tokens == pytest.approx(group.tokens, rel=0.2)
    assert not after.guess


def test_a_group_that_the_image_does_not_have_is_an_error(make_engine):
    """A grid of 4 x 4 patches has no 5 x 5 cells; nothing is computed."""
    engine = make_engine()
    with pytest.raises(SpecError, match="4 x 4 patches into more cells"):
        ask(engine, Cell("present", "pairs", intervention=KeepGroup(m=5, group=(0, 0))), 0, 10)
    assert make_engine.backend.batches == []
