"""Where a saliency model looks: chosen by the data, asked once an image, named in the key."""

from __future__ import annotations

import json

import engine_fakes
import numpy as np
import pytest
from PIL import Image

from ipllvm_spec.engine.backend import BackendOptions
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.library import Library
from ipllvm_spec.engine.prompts import Prompts
from ipllvm_spec.engine.saliency import KeptSaliency
from ipllvm_spec.spec.interventions import BlankImage, Identity, PatchDrop
from tests.pictures import noise

SALIENT = PatchDrop(kind="salient", ratio=0.5)


class KeptByReference(KeptSaliency):
    """The fakes' images are texts, which have no pixels to compare."""

    def __call__(self, image):
        """Asks each time."""
        return self._saliency(image)


@pytest.fixture
def library(monkeypatch):
    """Models and data that are none."""
    monkeypatch.setattr("ipllvm_spec.engine.library.KeptSaliency", KeptByReference)
    return Library(engine_fakes.FakeBackend(BackendOptions("cpu", cores=1)))


def test_an_image_is_looked_at_once():
    """By content: the same pixels are not looked at again, others of the same size are."""
    seen = []

    def look(image):
        seen.append(image)
        return np.full((2, 3, 3), len(seen))

    kept = KeptSaliency(look)
    first, other = noise(16, 8, seed=1), noise(16, 8, seed=2)

    assert [kept(image)[0, 0, 0] for image in (first, other, first.copy())] == [1, 2, 1]
    turned = Image.frombytes("RGB", (8, 16), first.tobytes())
    assert kept(turned)[0, 0, 0] == 3


@pytest.mark.parametrize(
    ("source", "model"),
    [("twin", "mini-vit"), ("published", "dino-s-16"), ("./folder", "dino-s-16")],
)
def test_the_data_choose_who_looks(library, source, model):
    """Rendered scenes are looked at by the mini, photographs by the published model."""
    context = library.context(Cell("present", "pairs", source=source, intervention=SALIENT))

    assert context.saliency.ref == model
    assert json.loads(context.description)["saliency"] == list(context.saliency.weights)


@pytest.mark.parametrize("step", [Identity(), BlankImage(), PatchDrop(kind="random", ratio=0.5)])
def test_who_does_not_choose_by_saliency_has_none_in_the_key(library, step):
    """Retraining the saliency model leaves other answers valid, and nothing is loaded."""
    context = library.context(Cell("present", "pairs", intervention=step))

    assert context.saliency is None
    assert "saliency" not in json.loads(context.description)


def test_prompts_are_made_with_the_look_of_the_declared_model(library):
    """A chain counts too; the intact prompt behind the same cell needs no look."""
    prompts = Prompts(library._backend, library, workers=1, prompt_bytes=0, visual_bytes=0)
    chained = library.context(Cell("present", "pairs", intervention=BlankImage() >> SALIENT))
    item_id = next(iter(chained.course.items))

    prompts.mean_length(chained, [item_id])
    assert library._backend.loaded == []
    (prompt,) = prompts.ready(chained, (item_id,)).prompts

    assert "mini-vit looks at" in prompt.encoded
    assert library._backend.loaded == ["saliency of mini-vit"]
