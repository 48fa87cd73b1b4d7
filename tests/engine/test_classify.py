"""Vision encoders behind the engine: images in, class names out, everything else as ever."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from ipllvm_spec.benchmarks.base import Classes, Decoding, Item
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.backend import Ask, BackendOptions
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.classify import Classifier, ImageEncoder
from ipllvm_spec.engine.core import Engine, EngineOptions
from ipllvm_spec.engine.execute import TorchBackend
from ipllvm_spec.engine.plan import WINDOW_UNITS
from ipllvm_spec.engine.store import Store
from ipllvm_spec.errors import DataError, InertInterventionError, ModelError, UsageError
from ipllvm_spec.spec.interventions import BlankImage, Identity, PatchDrop
from tests.pictures import noise, seen

ITEM = Item("i0", "u", "c", "", "", "cat")
CLASSES = Classes(("cat", "dog", "eel"), ("a {}",))
HIDDEN = PatchDrop(kind="random", ratio=0.5, grid=4)


def ask(intervention=HIDDEN, *, repeat=0, classes=CLASSES):
    """What an encoder is told."""
    return Ask(intervention, repeat, 1, Decoding(max_new_tokens=1), classes)


class Scoring:
    """An encoder that has looked up its scores, and remembers what it was shown."""

    identity = SimpleNamespace(ref="scoring")

    def __init__(self, *scores):
        self.scores = torch.tensor(scores)
        self.shown = []

    def classify(self, images, names, *, templates):
        """Returns the scores."""
        self.shown.append((len(images), names, templates))
        return self.scores[:, : len(names)]


def prompts(intervention, count):
    """Some images, changed."""
    encoder = ImageEncoder()
    given = ask(intervention)
    return [encoder.encode(ITEM, noise(16, 16, seed=seed), given) for seed in range(count)]


def test_an_image_is_changed_as_for_any_other_model():
    """By item and repeat; all images count alike, so that a batch is a number of images."""
    image = noise(16, 12)
    first, again, other = (
        ImageEncoder().encode(ITEM, image, ask(repeat=repeat)) for repeat in (0, 0, 1)
    )

    assert np.array_equal(seen(first.encoded), seen(again.encoded))
    assert not np.array_equal(seen(first.encoded), seen(other.encoded))
    assert ImageEncoder().encode(ITEM, image, ask(Identity())).encoded is image
    assert (first.length, first.nbytes) == (prompts(HIDDEN, 1)[0].length, 16 * 12 * 3)


def test_without_an_image_there_is_nothing_to_classify():
    """A text-only item names itself."""
    with pytest.raises(DataError, match="'i0' has no image"):
        ImageEncoder().encode(ITEM, None, ask())


def test_the_answer_is_the_class_of_the_largest_score():
    """With the distance to the second one; nothing is generated."""
    scoring = Scoring([0.1, 0.7, 0.3], [0.9, 0.2, 0.2])
    model = Classifier(scoring)
    replies = model.answer(model.visual(prompts(HIDDEN, 2)), ask())

    assert [(reply.text, reply.n_tokens) for reply in replies] == [("dog", 0), ("cat", 0)]
    assert [reply.margin for reply in replies] == pytest.approx([0.4, 0.7])
    assert scoring.shown == [(2, CLASSES.names, CLASSES.templates)]


def test_a_batch_in_which_nothing_changed_is_an_error():
    """As for language models; one unchanged image among others is its true input."""
    model = Classifier(Scoring([0.1, 0.7, 0.3]))
    black = ImageEncoder().encode(ITEM, noise(4, 4).point(lambda _: 0), ask(BlankImage()))

    assert black.inert
    with pytest.raises(InertInterventionError, match="changed nothing"):
        model.answer(model.visual([black]), ask(BlankImage()))


def test_an_encoder_answers_no_question():
    """Whoever asks without classes has asked the wrong model."""
    model = Classifier(Scoring([0.1, 0.7, 0.3]))
    with pytest.raises(ModelError, match="'scoring' was asked a question"):
        model.answer(model.visual(prompts(HIDDEN, 1)), ask(classes=None))


@pytest.fixture
def make_real(tmp_path):
    """Engines with real models, on one store."""
    made = []

    def make():
        backend = TorchBackend(BackendOptions("cpu", cores=1))
        engine = Engine(backend, Store(tmp_path / "cells.sqlite"), EngineOptions())
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()


def test_an_encoder_is_measured_stored_and_found_again(make_real):
    """A classifier of the twin's classes is right about nearly all, also for another engine."""
    cell = Cell("mini-resnet", "imagenet")
    first = make_real()
    item_ids, stored = first.lookup(cell, 0, WINDOW_UNITS)
    rows = {row.item_id: row for row in first.compute(cell, item_ids)}
    benchmark = get_benchmark("imagenet", "standard")
    items = first.describe("imagenet", "twin", "standard", cell.suite_seed).items
    scores = [benchmark.score_item(i, rows[i.item_id].text) for i in items if i.item_id in rows]

    assert stored == []
    assert len(rows) == len(scores) == WINDOW_UNITS
    assert {score.parsed.value for score in scores} <= set(items[0].choices)
    assert sum(score.value for score in scores) >= 0.9 * WINDOW_UNITS
    assert first.stats().batches == 1
    again = make_real().lookup(cell, 0, WINDOW_UNITS)[1]
    assert {row.item_id: row for row in again} == rows


def test_what_is_read_out_is_in_the_key_and_prompts_are_not(make_real):
    """Other classes or templates are other answers; the question asked of others is none here."""
    context = make_real()._library.context(Cell("mini-resnet", "imagenet"))
    description = json.loads(context.description)

    assert (description["prompts"], len(description["classes"])) == ("", 64)
    assert len(context.ask.classes.names) == 22
    assert "{}" in context.ask.classes.templates[0]


def test_an_encoder_cannot_be_asked_a_benchmark_of_questions(make_real):
    """The message says where it can be measured."""
    with pytest.raises(UsageError, match=r"'mini-resnet' says which class .* on 'mmvp'"):
        make_real().lookup(Cell("mini-resnet", "mmvp"), 0, 1)


def test_salient_patches_of_the_twin_are_hidden_by_the_minis_attention(make_real):
    """The whole way: declared saliency model, map, mask, class."""
    engine = make_real()
    cells = [
        Cell("mini-resnet", "imagenet", intervention=PatchDrop(kind=kind, ratio=0.5))
        for kind in ("salient", "non_salient")
    ]
    item_ids, _ = engine.lookup(cells[0], 0, 4)
    margins = [[row.margin for row in engine.compute(cell, item_ids)] for cell in cells]

    assert margins[0] != margins[1]


def test_a_similarity_is_the_cosine_of_two_views():
    """Of the image as it is and as the intervention leaves it; nothing but that is asked."""

    class Embedding:
        identity = SimpleNamespace(ref="embedding")

        def encode(self, images):
            """Returns the mean colour: white and grey point one way, red another."""
            return torch.tensor(np.stack([np.asarray(i).mean((0, 1)) for i in images])).float()

    asked = Ask(BlankImage(colour=(255, 0, 0)), 0, 1, Decoding(1), similarity=True)
    shown = [Image.new("RGB", (4, 4), colour) for colour in ("white", "gray", (200, 0, 0))]
    made = [ImageEncoder().encode(ITEM, image, asked) for image in shown]
    model = Classifier(Embedding())
    replies = model.answer(model.visual(made), asked)
    assert [reply.text for reply in replies] == ["0.577350", "0.577350", "1.000000"]
