"""A backend without models, free of torch, whose answers depend on everything that may matter.

Each margin is a hash of item, weights, intervention, seeds and of *which items shared the batch*,
as with real models the last bits of a float are. Whoever forms another batch gets other rows.
"""

# ruff: noqa: D101, D102 (the protocols in ipllvm_spec.engine.backend document these)

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from PIL import Image

from ipllvm_spec.benchmarks.base import Decoding, Item, ItemScore, Parsed, Unit
from ipllvm_spec.engine.backend import (
    Ask,
    BackendOptions,
    Dataset,
    OutOfDeviceMemoryError,
    Prompt,
    Reply,
    Visual,
)
from ipllvm_spec.engine.keys import DataId, ModelId
from ipllvm_spec.errors import (
    DataError,
    InertInterventionError,
    ModelError,
    UsageError,
    unknown_name,
)
from ipllvm_spec.models.generators import Synthetic
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.spec.token_interventions import Layout, layout_after


class FakeBenchmark:
    """Pairs: every unit has two items; every third unit shares its cluster with the next one."""

    scale = 100.0
    title = "Fake"
    mode = "standard"
    judge = "no"
    decoding = Decoding(max_new_tokens=4)

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.count = count

    def make_items(self, *, corrupt: bool) -> tuple[Item, ...]:
        made = []
        for number in range(self.count):
            unit = number // 2
            words = "word " * (3 + (number * 7) % 11)
            digest = f"broken-{number}" if corrupt and number % 10 == 3 else f"image-{number}"
            made.append(
                Item(
                    f"i{number:03d}",
                    f"u{unit:03d}",
                    f"c{unit - unit % 3 // 2:03d}",
                    "",
                    f"{words}{number}",
                    "A",
                    image_digest=digest,
                )
            )
        return tuple(made)

    def units(self, items):
        grouped: dict[str, list[Item]] = {}
        for item in items:
            grouped.setdefault(item.unit_id, []).append(item)
        return tuple(
            Unit(name, members[0].cluster_id, tuple(members), "", 1 / len(grouped))
            for name, members in grouped.items()
        )

    def score_item(self, item, text):
        return ItemScore(float(text == item.gold), Parsed(text, "letter"))


class FakeBackend:
    """Models are names or files; their digest is the digest of the file's content."""

    name = "fake-1.0"
    memory = 100_000_000

    def __init__(self, options: BackendOptions) -> None:
        if options.device.startswith("cuda"):
            raise UsageError(f"there is no device '{options.device}'", "devices: cpu")
        self.device_name = options.device
        self.lanes = options.cores
        self.loaded: list[str] = []
        self.batches: list[tuple[str, ...]] = []
        self.encoded: list[str] = []
        self.made: list[str] = []
        self.generator_version = 1
        self.visual_calls = 0
        #: Largest batch, in padded tokens, that "fits".
        self.room = int(os.environ.get("FAKE_ROOM", "1000000"))

    def resolve(self, ref: str) -> ModelId:
        if ref == "absent":
            raise unknown_name("model", ref, ["present"])
        path = Path(ref)
        content = path.read_bytes() if path.is_file() else ref.encode()
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        return ModelId(ref, digest, "processor", "float32", weight_bytes=40_000_000)

    def capabilities(self, model: ModelId) -> frozenset[str]:
        return frozenset({"answers", "pixels", "visual_tokens"})

    def dataset(self, benchmark: str, *, source: str, mode: str) -> Dataset:
        if benchmark != "pairs":
            raise unknown_name("benchmark", benchmark, ["pairs"])
        asked = FakeBenchmark("pairs", count=200)
        items = asked.make_items(corrupt=source == "corrupt")
        digests = {item.item_id: item.image_digest for item in items}

        def image(item_id: str) -> str:
            if digests[item_id].startswith("broken"):
                raise DataError(f"row of item '{item_id}' has no readable image", "restore it")
            return digests[item_id]

        return Dataset(asked, DataId(benchmark, mode, f"digest of {source}", source), items, image)

    def changes_pixels(self, intervention: Intervention) -> bool:
        return any(step.site == "pixels" for step in intervention.steps())

    def encoder(self, model: ModelId) -> FakeEncoder:
        return FakeEncoder(self)

    def saliency(self, model: ModelId) -> Any:
        self.loaded.append(f"saliency of {model.ref}")
        return lambda image: f"{model.ref} looks at {image}"

    def generator(self, name: str) -> Any:
        return FakeGenerator(self, name)

    def load(self, model: ModelId) -> FakeModel:
        if "unloadable" in model.ref:
            raise ModelError(f"'{model.ref}' is damaged", "copy it again")
        self.loaded.append(model.ref)
        return FakeModel(self, model)

    def release(self) -> None:
        pass


class FakeGenerator:
    seeded = True

    def __init__(self, backend: FakeBackend, name: str) -> None:
        self.backend = backend
        self.identity = {"name": name, "version": self.backend.generator_version}

    def make(self, caption: str, *, seed: int) -> Synthetic:
        self.backend.made.append(caption)
        colour = hashlib.sha256(f"{caption}{seed}".encode()).digest()
        return Synthetic(Image.new("RGB", (2, 2), tuple(colour[:3])), bool(caption))


class FakeEncoder:
    def __init__(self, backend: FakeBackend) -> None:
        self.backend = backend

    def encode(
        self,
        item: Item,
        image: object,
        ask: Ask,
        *,
        other: Any = None,
        saliency: Any = None,
        synthetic: Any = None,
    ) -> Prompt:
        self.backend.encoded.append(item.item_id)
        pixels = [step for step in ask.intervention.steps() if step.site == "pixels"]
        if other is not None and "mismatched_image" in [step.name for step in pixels]:
            image = other(item.item_id, ask.repeat)
        if synthetic is not None:
            image = synthetic(item.item_id).tobytes()
        looked = "" if saliency is None else saliency(image)
        seen = f"{image}{pixels}{looked}"
        length = 16 + len(item.prompt.split())
        return Prompt(item.item_id, seen, length, nbytes=1000, layout=Layout(16, (4, 4)))


class FakeModel:
    def __init__(self, backend: FakeBackend, model: ModelId) -> None:
        self.backend = backend
        self.model = model

    def visual(self, prompts: list[Prompt]) -> Visual:
        self.backend.visual_calls += 1
        self._fit(prompts)
        company = [prompt.item_id for prompt in prompts]
        tokens = tuple(_hash(prompt.encoded, company) for prompt in prompts)
        return Visual(tuple(prompts), tokens, nbytes=100 * len(prompts))

    def answer(self, visual: Visual, ask: Ask) -> list[Reply]:
        _maybe_die()
        self._fit(visual.prompts, ask.intervention)
        company = [prompt.item_id for prompt in visual.prompts]
        self.backend.batches.append(tuple(company))
        replies = []
        for tokens in visual.tokens:
            steps = ask.intervention.steps()
            if any(getattr(step, "order", None) == (0, 1) for step in steps):
                raise InertInterventionError(f"{steps} changed nothing", "choose another order")
            drawn = (ask.suite_seed, ask.repeat, ask.intervention.canonical()) if steps else ()
            value = _hash(tokens, company, drawn, self.model.digest, self.model.variant)
            margin = int(value[:12], 16) / 7.0
            replies.append(Reply("ABCD"[int(value[-1], 16) % 4], 2, margin))
        return replies

    def _fit(self, prompts, intervention: Intervention | None = None) -> None:
        lengths = [prompt.length for prompt in prompts]
        if intervention is not None:
            left = layout_after(intervention, prompts[0].layout).tokens
            lengths = [length - 16 + left for length in lengths]
        if len(prompts) * max(lengths) > self.backend.room:
            raise OutOfDeviceMemoryError("out of memory")


def _maybe_die() -> None:
    """Sleeps and dies in mid-batch as the test has arranged."""
    time.sleep(float(os.environ.get("FAKE_SLEEP", "0")))
    folder = os.environ.get("FAKE_DEATHS")
    for order in sorted(Path(folder).glob("die-*")) if folder else []:
        if order.name != "die-later":
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
