"""Real models and data behind the engine, on a tiny random checkpoint."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from ipllvm_spec.benchmarks.base import Decoding, Item
from ipllvm_spec.engine.backend import Ask, BackendOptions, OutOfDeviceMemoryError, make_backend
from ipllvm_spec.engine.cells import Cell
from ipllvm_spec.engine.exchange import export_store
from ipllvm_spec.engine.execute import TorchBackend, TorchModel
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.errors import EngineError, InertInterventionError, UsageError
from ipllvm_spec.spec.interventions import BlankImage, Identity, PermuteTokens

DECODING = Decoding(max_new_tokens=3)
#: One damaged image in a hundred and one is still a benchmark; two windows of them are asked.
ROWS = 101
BROKEN = 7
ASKED = 64


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A random LLaVA in the published file layout; the models' own tests know how to make one."""
    source = Path(__file__).parent.parent / "models" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny_checkpoints", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = tmp_path_factory.mktemp("tiny")
    return SimpleNamespace(
        folder=module.write(root / "llava", "llava"),
        write=lambda name: module.write(root / name, name),
        picture=module.picture,
    )


@pytest.fixture(scope="session")
def rows_folder(tmp_path_factory, tiny):
    """MMStar's columns with random images, one of them damaged, and prompts of unequal length."""
    import datasets

    def encoded(number: int) -> bytes:
        stream = io.BytesIO()
        tiny.picture(24 + number, 30, seed=number).save(stream, "PNG")
        return stream.getvalue() if number != BROKEN else stream.getvalue()[:60]

    rows = [
        {
            "index": number,
            "question": f"{'Which ' * (number % 7 + 1)}? Options: A: a, B: b, C: c, D: d",
            "image": {"bytes": encoded(number), "path": None},
            "answer": "ABCD"[number % 4],
            "category": "coarse perception",
            "l2_category": "image style & quality",
            "meta_info": {"source": "x", "split": "val", "image_path": f"{number}.png"},
        }
        for number in range(ROWS)
    ]
    folder = tmp_path_factory.mktemp("rows")
    table = datasets.Dataset.from_list(rows)
    table.cast_column("image", datasets.Image()).to_parquet(str(folder / "val.parquet"))
    return folder


@pytest.fixture(scope="session")
def backend():
    """A backend in this process."""
    return TorchBackend(BackendOptions("cpu", cores=1))


@pytest.fixture(scope="session")
def model(backend, tiny):
    """The tiny checkpoint: identity, encoder and loaded model."""
    identity = backend.resolve(str(tiny.folder))
    return SimpleNamespace(
        id=identity, encoder=backend.encoder(identity), loaded=backend.load(identity)
    )


def ask(intervention=None, *, repeat=0):
    """Asks for three tokens."""
    return Ask(intervention or Identity(), repeat, 1, DECODING)


def prompts(model, images, intervention=None):
    """Encodes one question of growing length per image."""
    items = [Item(f"i{n}", "u", "c", "", "Why? " * (n + 1), "A") for n in range(len(images))]
    return [
        model.encoder.encode(item, image, ask(intervention))
        for item, image in zip(items, images, strict=True)
    ]


def pictures(tiny, count=4):
    """Noisy images of unequal size."""
    return [tiny.picture(30, 20 + number, seed=number) for number in range(count)]


def test_reused_projector_outputs_give_bit_equal_answers(model, tiny):
    """Answers from outputs made for another intervention equal those from outputs made anew."""
    made = prompts(model, pictures(tiny))
    shared = model.loaded.visual(made)
    before = [visual.tokens.clone() for visual in shared.tokens]
    asked = [ask(), ask(PermuteTokens()), ask(PermuteTokens(positions="travel"), repeat=1), ask()]
    reused = [model.loaded.answer(shared, each) for each in asked]
    fresh = [model.loaded.answer(model.loaded.visual(made), each) for each in asked]
    assert reused == fresh
    assert reused[0] == reused[3]
    assert reused[0] != reused[1]
    assert all(torch.equal(a, b.tokens) for a, b in zip(before, shared.tokens, strict=True))


@pytest.mark.parametrize("family", ["llava_next-llama", "llava_onevision"])
def test_any_resolution_families_need_no_pixels_for_reuse(backend, tiny, family):
    """Images of several tiles: answers from kept outputs, without pixels, equal fresh ones."""
    identity = backend.resolve(str(tiny.write(family)))
    each = SimpleNamespace(encoder=backend.encoder(identity), loaded=backend.load(identity))
    made = prompts(each, [tiny.picture(60, 40, seed=1), tiny.picture(25, 70, seed=2)])
    shared = each.loaded.visual(made)
    each.loaded.answer(shared, ask())
    fresh = each.loaded.answer(each.loaded.visual(made), ask(PermuteTokens()))
    assert each.loaded.answer(shared, ask(PermuteTokens())) == fresh


def test_pixels_are_not_kept_with_projector_outputs(model, tiny):
    """What is kept for reuse is small: token ids and visual tokens."""
    made = prompts(model, pictures(tiny))
    kept = model.loaded.visual(made)
    assert all(prompt.encoded.pixels == {} for prompt in kept.prompts)
    assert all(prompt.encoded.pixels for prompt in made)
    assert kept.nbytes == sum(visual.tokens.nbytes for visual in kept.tokens)


def test_every_item_and_repeat_has_its_own_draw(model, tiny):
    """The permutation of an item does not depend on its batch; items and repeats differ."""
    from ipllvm_spec.engine.execute import _change

    picture = tiny.picture(30, 20)
    visual = model.loaded.visual(prompts(model, [picture] * 3))
    first = _change(visual, ask(PermuteTokens()))
    again = _change(visual, ask(PermuteTokens()))
    later = _change(visual, ask(PermuteTokens(), repeat=1))
    part = model.loaded.visual(prompts(model, [picture] * 3)[1:])
    alone = _change(part, ask(PermuteTokens()))

    def order(changed, original) -> list[int]:
        return [int((original.tokens == token).all(dim=1).nonzero()[0]) for token in changed.tokens]

    orders = [order(c, v) for c, v in zip(first, visual.tokens, strict=True)]
    assert orders[0] != orders[1] != orders[2]
    assert orders == [order(c, v) for c, v in zip(again, visual.tokens, strict=True)]
    assert orders[1:] == [order(c, v) for c, v in zip(alone, part.tokens, strict=True)]
    assert orders != [order(c, v) for c, v in zip(later, visual.tokens, strict=True)]


def test_an_intervention_that_changes_nothing_is_an_error(model, tiny):
    """A whole batch unchanged is an error; a single black image made black is its true answer."""
    black = Image.new("RGB", (30, 20))
    inert = PermuteTokens(order=tuple(range(16)))
    visual = model.loaded.visual(prompts(model, pictures(tiny)))
    with pytest.raises(
        InertInterventionError, match=r"(?s)PermuteTokens.*changed nothing.*whole|every"
    ):
        model.loaded.answer(visual, ask(inert))
    one = model.loaded.visual(prompts(model, [black, tiny.picture(30, 20)], BlankImage()))
    assert len(model.loaded.answer(one, ask(BlankImage()))) == 2
    both = model.loaded.visual(prompts(model, [black, black], BlankImage()))
    with pytest.raises(InertInterventionError, match="BlankImage"):
        model.loaded.answer(both, ask(BlankImage()))


def test_prompts_without_an_image_are_answered_as_they_are(model, tiny):
    """A mixed batch is measured; a batch without any image cannot be intervened on."""
    mixed = model.loaded.visual(prompts(model, [None, tiny.picture(30, 20)]))
    assert mixed.tokens[0] is None
    intact = model.loaded.answer(mixed, ask())
    shuffled = model.loaded.answer(mixed, ask(PermuteTokens()))
    assert shuffled[0].text == intact[0].text
    blind = model.loaded.visual(prompts(model, [None]))
    with pytest.raises(InertInterventionError, match="no item has an image"):
        model.loaded.answer(blind, ask(PermuteTokens()))


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), OutOfDeviceMemoryError),
        (MemoryError(), OutOfDeviceMemoryError),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
         OutOfDeviceMemoryError),
        (RuntimeError("CUDA error: out of memory"), OutOfDeviceMemoryError),
        (RuntimeError("shapes do not match"), RuntimeError),
    ],
)  # fmt: skip
def test_out_of_memory_is_told_from_other_errors(model, tiny, error, seen):
    """Only what a smaller batch can cure is tried again."""

    def fail(*_):
        raise error

    broken = TorchModel(SimpleNamespace(visual_tokens=fail, generate=fail))
    made = prompts(model, pictures(tiny))
    with pytest.raises(seen) as caught:
        broken.visual(made)
    assert caught.type is seen
    with pytest.raises(seen):
        broken.answer(model.loaded.visual(made), ask())


@pytest.mark.parametrize("device", ["cuda:9", "cuda:x", "tpu", "cpu0"])
def test_an_absent_device_is_named(device):
    """The message lists what the machine has."""
    with pytest.raises(
        UsageError, match=rf"(?s)no device '{device}'.*devices of this machine: cpu"
    ):
        make_backend("ipllvm_spec.engine.execute:TorchBackend", BackendOptions(device, cores=1))


def test_an_unknown_backend_is_named():
    """A misspelt backend is an error of its own."""
    with pytest.raises(EngineError, match="no engine backend"):
        make_backend("ipllvm_spec.engine.execute:Missing", BackendOptions("cpu", cores=1))


def test_engines_and_lanes_do_not_change_the_bytes(tiny, rows_folder, tmp_path, client_of):
    """Real floats: other processes, engines, lanes and orders; equal exports.

    Also the whole path with a damaged image: that row is left out and counted, no more.
    """
    cells = [
        Cell(str(tiny.folder), "mmstar", source=str(rows_folder), intervention=intervention)
        for intervention in (Identity(), PermuteTokens(), BlankImage())
    ]
    exports = []
    kinds = {"one": (("cpu",), 1), "two": (("cpu", "cpu"), 1), "lanes": (("cpu",), 3)}
    for name, (devices, cores) in kinds.items():
        # A small budget, so that each of the two windows has several batches.
        group = EngineGroup.start(
            store=tmp_path / name,
            run_dir=tmp_path,
            devices=devices,
            cores=cores,
            token_budget=600,
        )
        with group:
            client = client_of(group)
            for cell in cells if name == "one" else cells[::-1]:
                rows = client.measure(cell, 0, ASKED)
                assert {row.status for row in rows} == {"ok"}
                assert len(rows) == ASKED
            found = client.describe("mmstar", str(rows_folder), "standard")
            stats = client.stats()
        assert (found.undecodable, found.excluded_units, len(found.order)) == (1, 1, ROWS - 1)
        assert str(BROKEN) not in found.order
        assert stats.prompts == len(cells) * ASKED
        assert all(engine.reused > 0 for engine in stats.engines)
        export_store(tmp_path / name, tmp_path / f"{name}.parquet")
        exports.append((tmp_path / f"{name}.parquet").read_bytes())
    assert exports[0] == exports[1] == exports[2]
