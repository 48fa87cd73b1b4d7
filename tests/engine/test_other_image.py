"""Another item's image: which one, for whom."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import engine_fakes
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ipllvm_spec.benchmarks.base import Decoding, Item
from ipllvm_spec.engine.backend import Ask, BackendOptions, Dataset
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.execute import TorchEncoder
from ipllvm_spec.engine.keys import DataId
from ipllvm_spec.engine.library import Library
from ipllvm_spec.engine.prompts import Prompts
from ipllvm_spec.errors import DataError, EngineError
from ipllvm_spec.models.base import Encoded
from ipllvm_spec.spec.interventions import MismatchedImage
from tests.pictures import noise


def dataset(*digests):
    """A benchmark whose items show these images; "" is an item without one."""
    items = tuple(
        Item(f"i{number}", "u", "c", "", "Why?", "A", image_digest=digest)
        for number, digest in enumerate(digests)
    )
    shown = {item.item_id: item.image_digest for item in items}
    return Dataset(None, DataId("quiz", "standard", "x", "y"), items, shown.__getitem__)


@given(
    digests=st.lists(st.sampled_from(["", "a", "b", "c", "d"]), min_size=1),
    seed=st.integers(0, 2**63 - 1),
    data=st.data(),
)
def test_the_other_image_is_never_the_own_one(digests, seed, data):
    """Nor missing; an error where there is no other."""
    own = data.draw(st.sampled_from(range(len(digests))))
    others = set(digests) - {"", digests[own]}
    if others:
        assert dataset(*digests).other_image(f"i{own}", seed) in others
    else:
        with pytest.raises(DataError, match=f"'quiz' has no image but that of item 'i{own}'"):
            dataset(*digests).other_image(f"i{own}", seed)


def test_images_are_drawn_equally_often_however_many_items_show_them():
    """A picture with many questions is one picture."""
    data = dataset("a", "b", "b", "b", "c")
    drawn = Counter(data.other_image("i0", seed) for seed in range(100))
    assert drawn == {"b": 50, "c": 50}


def test_the_order_of_the_items_does_not_matter():
    """A table sorted otherwise gives the same pictures."""
    one, two = dataset("a", "b", "c", "d"), dataset("a", "d", "c", "b")
    assert [one.other_image("i0", s) for s in range(9)] == [
        two.other_image("i0", s) for s in range(9)
    ]


def test_a_prompt_shows_the_other_image():
    """The processor gets the other one, cut to the size of the item's own."""
    given_images = []
    prompts = SimpleNamespace(
        encode=lambda prompt, image, *, chat: (
            given_images.append(image),
            Encoded(torch.zeros(1, dtype=torch.long), {}, 0),
        )[1]
    )
    encoder = TorchEncoder(prompts)
    item = Item("i0", "u", "c", "", "Why?", "A", image_digest="a")
    ask = Ask(MismatchedImage(), 0, 1, Decoding(max_new_tokens=3))
    own, blue = noise(8, 6), Image.new("RGB", (20, 20), (0, 0, 255))

    shown = encoder.encode(item, own, ask, other=lambda item_id, seed: blue)
    same = encoder.encode(item, own, ask, other=lambda item_id, seed: own)

    assert given_images[0].size == (8, 6)
    assert given_images[0].getcolors() == [(48, (0, 0, 255))]
    assert shown.inert == ""
    assert "left every pixel" in same.inert
    with pytest.raises(EngineError, match="'i0' came alone"):
        encoder.encode(item, own, ask)


def test_prompts_are_made_with_the_images_of_their_benchmark():
    """The engine hands the benchmark's images on; the intact prompt keeps its own."""
    backend = engine_fakes.FakeBackend(BackendOptions("cpu", cores=1))
    library = Library(backend)
    prompts = Prompts(backend, library, workers=1, prompt_bytes=0, visual_bytes=0)
    other, intact = (
        library.context(Cell("present", "pairs", intervention=MismatchedImage())),
        library.context(Cell("present", "pairs")),
    )
    item_id = next(iter(other.course.items))
    own = other.course.items[item_id].image_digest

    (shown,) = prompts.ready(other, (item_id,)).prompts
    (kept,) = prompts.ready(intact, (item_id,)).prompts

    assert shown.encoded.startswith(other.course.data.other_image(item_id, 0))
    assert not shown.encoded.startswith(f"{own}[")
    assert kept.encoded.startswith(f"{own}[")
