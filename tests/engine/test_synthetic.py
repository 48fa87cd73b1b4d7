"""Synthetic images reach the engine: captions first, one image of each, kept and keyed."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from ipllvm_spec.engine.artefacts import of_kind
from ipllvm_spec.engine.cells import Cell, caption_cell
from ipllvm_spec.engine.synthesis import KIND, folder_images
from ipllvm_spec.errors import DataError, EngineError, UsageError
from ipllvm_spec.spec.interventions import BlankImage, Identity, SyntheticImage

SHOWN = SyntheticImage(captioner="writer", generator="renderer")


def cell(intervention=SHOWN, **options):
    """The cell of the model that is tested."""
    return Cell(model="tested", benchmark="pairs", intervention=intervention, **options)


def measured(engine, asked, stop):
    """Computes the first units of a cell."""
    items, _ = engine.lookup(asked, 0, stop)
    return engine.compute(asked, items)


def test_captions_are_answers_to_another_question(make_engine):
    """They have a cell of their own; the cell of the benchmark's questions keeps its key."""
    library = make_engine()._library
    asked, plain = library.context(caption_cell(cell())), library.context(cell(Identity()))
    assert asked.cell.model == "writer"
    assert json.loads(asked.description)["asked"] == "caption"
    assert {item.prompt for item in asked.course.items.values()} == {
        "Please generate a caption of this image."
    }
    assert asked.course.order == plain.course.order
    assert set(json.loads(plain.description)) == {
        "schema", "model", "benchmark", "prompts", "intervention", "seed", "generation", "engine",
    }  # fmt: skip
    assert "asked" not in plain.cell.to_json()
    assert Cell.from_json(asked.cell.to_json()) == asked.cell


def test_an_image_is_made_once_and_kept(make_engine):
    """A second model, and a second engine on the store, look at the images of the first."""
    engine = make_engine()
    measured(engine, caption_cell(cell()), 32)
    rows = measured(engine, cell(), 4)
    made = len(make_engine.backend.made)
    kept = list(of_kind(engine._store, KIND))
    assert {row.status for row in rows} == {"ok"}
    assert made == len(kept) == 64
    again = make_engine()
    measured(again, Cell(model="other", benchmark="pairs", intervention=SHOWN), 4)
    assert make_engine.backend.made == []
    told = json.loads(kept[0].description)
    assert told["generator"] == {"name": "renderer", "version": 1}
    assert set(told) == {"caption", "captioner", "generator", "seed", "understood"}


def test_what_decides_the_image_decides_the_key(make_engine):
    """Captioner and generator count by their content; naming the declared ones changes nothing."""
    engine = make_engine()
    key = engine._library.context(cell()).key
    other = SyntheticImage(captioner="another", generator="renderer")
    assert engine._library.context(cell(other)).key != key
    newer = make_engine()
    newer._backend.generator_version = 2
    assert newer._library.context(cell()).key != key
    default = make_engine()._library.context(cell(SyntheticImage()))
    named = SyntheticImage(captioner="mini-llava", generator="renderer")
    assert make_engine()._library.context(cell(named)).key == default.key


def test_the_client_asks_for_whole_windows_of_captions(start_group, client_of):
    """Batches with an item outside the units wanted are computed whole, and need its caption."""
    client = client_of(start_group(devices=("cpu", "cpu")))
    asked = Cell(model="tested", benchmark="pairs", intervention=SyntheticImage())
    rows = client.measure(asked, 30, 34)
    assert len(rows) == 8
    assert {row.status for row in rows} == {"ok"}
    # two windows of captions, and the batches of both that hold the eight items
    assert client.stats().prompts >= 2 * 64 + 8
    before = client.stats().prompts
    assert client.measure(asked, 30, 34) == rows
    assert client.stats().prompts == before


def test_without_captions_nothing_is_shown(make_engine):
    """An engine that is asked for images of captions that nobody measured says so."""
    engine = make_engine()
    with pytest.raises(EngineError, match="has no caption by 'writer' yet"):
        measured(engine, cell(), 2)


def test_images_may_lie_ready_in_a_folder(tmp_path):
    """Files are named by item; their content is the key, and the folder's place is not."""
    for place, colour in (("one", "red"), ("two", "red"), ("three", "blue")):
        (tmp_path / place / "pairs").mkdir(parents=True)
        Image.new("RGB", (4, 4), colour).save(tmp_path / place / "pairs" / "a%2Fb.png")
    one, two, three = (folder_images(str(tmp_path / p), "pairs") for p in ("one", "two", "three"))
    assert one.identity == two.identity != three.identity
    assert one.image("a/b").getpixel((0, 0)) == (255, 0, 0)
    with pytest.raises(DataError, match=r"item 'c' cannot be read"):
        one.image("c")
    with pytest.raises(DataError, match="no image in"):
        folder_images(str(tmp_path / "one"), "mmvp")


def test_models_that_answer_are_asked_for_no_similarity(make_engine):
    """Only an encoder has embeddings of images to compare."""
    with pytest.raises(UsageError, match="cannot be asked for a similarity"):
        make_engine()._library.context(cell(BlankImage(), asked="similarity"))
