"""What an engine knows about models, data and cells before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from ipllvm_spec.benchmarks.base import Classes, Classifying, Item
from ipllvm_spec.benchmarks.captions import CAPTION_DECODING, CAPTION_PROMPT
from ipllvm_spec.engine import keys
from ipllvm_spec.engine.answers import Description
from ipllvm_spec.engine.backend import Ask, Backend, Dataset, Encoder
from ipllvm_spec.engine.caches import Once
from ipllvm_spec.engine.cells import Cell, caption_cell, synthetic_step
from ipllvm_spec.engine.keys import ModelId
from ipllvm_spec.engine.plan import Window, unit_order, windows
from ipllvm_spec.engine.saliency import KeptSaliency
from ipllvm_spec.engine.store import Store, StoredRow
from ipllvm_spec.engine.synthesis import Synthesis, folder_images
from ipllvm_spec.errors import UsageError
from ipllvm_spec.spec.generators import default_generator
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.spec.loader import load_suite
from ipllvm_spec.spec.token_interventions import KeepGroup

if TYPE_CHECKING:
    from ipllvm_spec.interventions.aids import Saliency
    from ipllvm_spec.models.generators import ImageGenerator

#: Characters of an intervention in a title.
_TITLE = 64


@dataclass(frozen=True)
class Course:
    """A benchmark's data in the order in which one suite seed measures them.

    Attributes:
        data: The benchmark with its data.
        prompts: Digest over all prompts.
        contents: ``keys.content_digest`` by item id.
        items: Items by id.
        order: Unit ids in the seeded order.
        unit_items: Item ids of each unit, in that order.
        windows: What is planned together.
        window_of: Index of the window of each item id.
    """

    data: Dataset
    prompts: str
    contents: Mapping[str, str]
    items: Mapping[str, Item]
    order: tuple[str, ...]
    unit_items: tuple[tuple[str, ...], ...]
    windows: tuple[Window, ...]
    window_of: Mapping[str, int]

    def item_ids(self, start: int, stop: int | None) -> list[str]:
        """Returns the items of units ``order[start:stop]``, in unit order."""
        return [item_id for unit in self.unit_items[start:stop] for item_id in unit]


@dataclass(frozen=True)
class Context:
    """A cell with everything that follows from it.

    Attributes:
        cell: What was asked.
        model: Identity of the weights.
        course: The data in order.
        description: What decides the answers, as canonical JSON.
        key: ``keys.cell_key``.
        ask: What the backend is told.
        pixels: Whether the projector output differs from the intact one.
        saliency: The model whose attention chooses what is changed; None where none does.
        synthesis: How synthetic images are made; None where none are shown.
    """

    cell: Cell
    model: ModelId
    course: Course
    description: str
    key: str
    ask: Ask
    pixels: bool
    saliency: ModelId | None = None
    synthesis: Synthesis | None = None

    def item_key(self, item_id: str) -> str:
        """Returns the key of one answer. Not kept: hundreds of cells times thousands of items."""
        return keys.item_key(self.key, item_id, self.course.contents[item_id])

    @property
    def prompts_key(self) -> tuple[str, ...]:
        """What encoded intact prompts depend on."""
        data = self.course.data.identity
        model = self.model
        asked = () if self.cell.asked == "question" else (self.cell.asked,)
        found = (model.digest, model.processor_digest, data.name, data.mode, data.content_digest)
        return found + asked

    @property
    def length_key(self) -> str:
        """What tells a cell of shortened prompts from others in estimates; "" for whole prompts.

        All groups of one map share it, so that one of them tells what the others take.
        """
        steps = [step for step in self.ask.intervention.steps() if isinstance(step, KeepGroup)]
        asked = "" if self.cell.asked == "question" else f":{self.cell.asked}"
        return asked + "".join(f":{step.m}{step.how}" for step in steps)

    @property
    def title(self) -> str:
        """The cell in one short line, for people; an explicit order would fill two."""
        what = shorten(repr(self.cell.intervention), _TITLE, placeholder=" ...")
        if self.cell.asked != "question":
            what = f"{self.cell.asked}: {what}"
        return f"{self.cell.model} | {self.cell.benchmark} | {what}"

    def stored(
        self, item_id: str, *, status: str, text: str, margin: float = 0.0, n_tokens: int = 0
    ) -> StoredRow:
        """Builds a row of the store."""
        return StoredRow(
            item_key=self.item_key(item_id),
            cell_key=self.key,
            item_id=item_id,
            content=self.course.contents[item_id],
            status=status,
            text=text,
            margin=margin,
            n_tokens=n_tokens,
        )


class Library:
    """Resolves models, loads data and builds contexts, each once. Thread-safe."""

    def __init__(self, backend: Backend, *, store: Store | None = None) -> None:
        self._backend = backend
        self._store = store
        self._models: Once[str, ModelId] = Once()
        self._encoders: Once[tuple[str, ...], Encoder] = Once()
        self._datasets: Once[tuple[str, str, str], Dataset] = Once()
        self._courses: Once[tuple[str, str, str, int], Course] = Once()
        self._contexts: Once[Cell, Context] = Once()
        self._saliencies: Once[tuple[str, ...], Saliency] = Once()
        self._generators: Once[str, ImageGenerator] = Once()

    def model(self, ref: str) -> ModelId:
        """Returns the identity of a model."""
        return self._models.get(ref, lambda: self._backend.resolve(ref))

    def encoder(self, model: ModelId) -> Encoder:
        """Returns the preprocessing of a model."""
        return self._encoders.get(model.weights, lambda: self._backend.encoder(model))

    def saliency(self, model: ModelId | None) -> Saliency | None:
        """Returns where a model looks, loaded once; None for no model."""
        if model is None:
            return None
        return self._saliencies.get(
            model.weights,
            lambda: KeptSaliency(
                self._backend.saliency(model), weights=model.weights, store=self._store
            ),
        )

    def course(self, benchmark: str, source: str, mode: str, suite_seed: int) -> Course:
        """Returns a benchmark's data in the order of a suite seed."""
        key = (benchmark, source, mode)
        data = self._datasets.get(
            key, lambda: self._backend.dataset(benchmark, source=source, mode=mode)
        )
        return self._courses.get((*key, suite_seed), lambda: _course(data, suite_seed))

    def context(self, cell: Cell) -> Context:
        """Returns a cell with everything that follows from it."""
        return self._contexts.get(cell, lambda: self._context(cell))

    def describe(self, benchmark: str, source: str, mode: str, suite_seed: int) -> Description:
        """Returns what clients need to know about a benchmark."""
        course = self.course(benchmark, source, mode, suite_seed)
        return Description(
            benchmark=benchmark,
            source=source,
            mode=mode,
            items=course.data.items,
            order=course.order,
            content_digest=course.data.identity.content_digest,
            revision=course.data.identity.revision,
            undecodable=course.data.undecodable,
            excluded_units=course.data.excluded_units,
        )

    def _context(self, cell: Cell) -> Context:
        model = self.model(cell.model)
        course = self.course(cell.benchmark, cell.source, cell.mode, cell.suite_seed)
        decoding = course.data.benchmark.decoding
        if cell.asked == "caption":
            course, decoding = _captioned(course), CAPTION_DECODING
        classes = self._classes(cell, model, course.data)
        saliency = self._saliency_model(cell.intervention, cell.source)
        synthesis = self._synthesis(cell)
        worded = "answers" in self._backend.capabilities(model)
        description = keys.describe_cell(
            cell,
            model=model,
            data=course.data.identity,
            prompts=course.prompts if worded else "",
            decoding=decoding,
            engine=self._backend.name,
            classes=classes,
            saliency=saliency,
            synthetic=synthesis.description if synthesis else None,
        )
        similarity = cell.asked == "similarity"
        return Context(
            cell=cell,
            model=model,
            course=course,
            description=keys.canonical(description),
            key=keys.cell_key(description),
            ask=Ask(cell.intervention, cell.repeat, cell.suite_seed, decoding, classes, similarity),
            pixels=self._backend.changes_pixels(cell.intervention),
            saliency=saliency,
            synthesis=synthesis,
        )

    def _classes(self, cell: Cell, model: ModelId, data: Dataset) -> Classes | None:
        """Returns which classes an encoder reads out; None for what is asked otherwise."""
        able = self._backend.capabilities(model)
        if ("encode" if cell.asked == "similarity" else "answers") in able:
            return None
        if cell.asked != "question":
            raise UsageError(
                f"'{cell.model}' cannot be asked for a {cell.asked}",
                "captions need a model that answers in words, similarities an encoder of images",
            )
        if not isinstance(data.benchmark, Classifying):
            raise UsageError(
                f"'{cell.model}' says which class an image shows and answers no question, so it "
                f"cannot be measured on '{cell.benchmark}'",
                "measure it on a classification set, for example imagenet",
            )
        return data.benchmark.classes(data.items)

    def _saliency_model(self, intervention: Intervention, source: str) -> ModelId | None:
        """Returns the declared saliency model of the data where the intervention needs one."""
        ref = load_suite().saliency_model(source) if intervention.needs_saliency else None
        return None if ref is None else self.model(ref)

    def _synthesis(self, cell: Cell) -> Synthesis | None:
        """Returns how the synthetic images of a cell are made; None where it shows none."""
        step = synthetic_step(cell.intervention)
        if step is None:
            return None
        if step.folder is not None:
            return Synthesis(folder_images(step.folder, cell.benchmark), None)
        name = step.generator or default_generator(cell.source)
        generator = self._generators.get(name, lambda: self._backend.generator(name))
        captions = caption_cell(cell)
        assert captions is not None
        return Synthesis(generator, self.context(captions))


def _captioned(course: Course) -> Course:
    """Returns the same items in the same order, all asked for a caption."""
    items = {key: replace(item, prompt=CAPTION_PROMPT) for key, item in course.items.items()}
    return replace(
        course,
        items=items,
        prompts=keys.prompt_digest(items.values()),
        contents={key: keys.content_digest(item) for key, item in items.items()},
    )


def _course(data: Dataset, suite_seed: int) -> Course:
    units: Sequence[Any] = data.benchmark.units(data.items)
    order = unit_order(units, suite_seed=suite_seed, benchmark=data.identity.name)
    parts = windows(order)
    return Course(
        data=data,
        prompts=keys.prompt_digest(data.items),
        contents={item.item_id: keys.content_digest(item) for item in data.items},
        items={item.item_id: item for item in data.items},
        order=tuple(unit.unit_id for unit in order),
        unit_items=tuple(tuple(item.item_id for item in unit.items) for unit in order),
        windows=parts,
        window_of={item_id: part.index for part in parts for item_id in part.item_ids},
    )
