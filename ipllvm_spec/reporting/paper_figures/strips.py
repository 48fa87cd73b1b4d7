"""Figures 3 and 5: what a model was shown. The draws are the measured ones, by the same seeds."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from PIL import Image

from ipllvm_spec.benchmarks.base import Item
from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.engine.saliency import Maps
from ipllvm_spec.interventions.aids import Aids
from ipllvm_spec.interventions.draws import Draw, Step
from ipllvm_spec.interventions.grids import grid_shuffle, rgb
from ipllvm_spec.interventions.occlusion import patch_drop
from ipllvm_spec.reporting.paper_figures.drawing import (
    MUTED,
    Drawing,
    blank_figure,
    caption,
    headline,
    kind_of,
    style,
)
from ipllvm_spec.reporting.paper_figures.plan import Sources, Wanted, by_benchmark, intact
from ipllvm_spec.spec.interventions import GridShuffle, Intervention, PatchDrop
from ipllvm_spec.verdicts.stored_scores import Answered

#: Characters of a line below an image, and lines of a question.
_WIDTH, _LINES = 26, 7
_RATIO = 0.5
_KINDS = {"random": "random", "salient": "salient", "non_salient": "non-salient"}
#: Said where a mask cannot be shown, for example of a store that was filled by an older version.
_NO_MAP = "mask not kept\nin this store"


def shuffled_images(sources: Sources) -> Drawing:
    """Draws Figure 3: an image of each benchmark, cut finer and finer, with what was answered."""
    wanted = sources.wanted("figure3")
    grids = {s.grid: s for w in wanted for s in w.repeats if isinstance(s, GridShuffle)}
    steps = {f"{g} x {g}": grids[g] for g in sorted(grids)}
    return _strips(
        sources,
        wanted,
        steps,
        title="Figure 3: shuffled images and the answers to them",
        note="Each image is the first of its benchmark in the order of measuring; the shuffle is "
        "that of repeat 0.",
    )


def occluded_images(sources: Sources) -> Drawing:
    """Draws Figure 5: an image of each benchmark with half of its patches hidden."""
    wanted = sources.wanted("figure5")
    drops = [what for one in wanted for what in one.repeats if isinstance(what, PatchDrop)]
    steps: dict[str, Intervention] = {
        f"{word}, {100 * _RATIO:.0f} % hidden": what
        for kind, word in _KINDS.items()
        for what in drops
        if what.kind == kind and what.ratio == _RATIO
    }
    return _strips(
        sources,
        wanted,
        steps,
        title="Figure 5: occluded images and the answers to them",
        note="Each image is the first of its benchmark in the order of measuring; the mask is that "
        "of repeat 0.",
    )


def changed(
    what: Intervention, image: Image.Image, item_id: str, maps: Maps | None = None
) -> Image.Image | None:
    """Returns the image as the model was shown it in repeat 0.

    Args:
        what: Intact, or one shuffle or occlusion.
        image: The item's image.
        item_id: The item, which decides the draw.
        maps: Saliency maps of the image, by which some patches are chosen.

    Returns:
        None where patches are chosen by maps that are not there.
    """
    seed = Step(0, what).seed(Draw(item_id, repeat=0, suite_seed=SUITE_SEED))
    if isinstance(what, GridShuffle):
        return grid_shuffle(what, image, seed=seed)
    if isinstance(what, PatchDrop):
        if what.needs_saliency and maps is None:
            return None
        look = None if maps is None else (lambda _: maps)
        return patch_drop(what, image, seed=seed, item_id=item_id, aids=Aids(saliency=look))
    return image


def _strips(
    sources: Sources,
    wanted: Sequence[Wanted],
    steps: Mapping[str, Intervention],
    *,
    title: str,
    note: str,
) -> Drawing:
    rows: list[Mapping[str, object]] = []
    shown = []
    for ones in by_benchmark(wanted).values():
        # The first model whose intact answers are stored; the others are in Figures 2 and 6.
        one = next((w for w in ones if sources.stored.found(w.subject, intact(w))), None)
        if one is not None:
            shown.append(one)
    models = dict.fromkeys(one.title for one in shown)
    with style():
        down = max(len(shown), 1)
        figure = blank_figure(1.75 * (len(steps) + 2), 2.55 * down + 0.9)
        grid = figure.subplots(down, len(steps) + 2, squeeze=False)
        for axes in grid.ravel():
            axes.set_axis_off()
        for line, one in zip(grid, shown, strict=False):
            rows += _strip(line, one, sources, steps)
        headline(figure, f"{title}{kind_of(wanted)}")
        caption(figure, f"Answers of {', '.join(models) or 'no model'}. {note}")
    return Drawing(figure, rows, sources.lacks(wanted))


def _strip(
    line: Sequence[Axes], one: Wanted, sources: Sources, steps: Mapping[str, Intervention]
) -> list[dict[str, object]]:
    found = sources.stored.found(one.subject, intact(one))
    assert found is not None
    item: Item = found.ordered(SUITE_SEED)[0].items[0]
    image = found.items.image(item.item_id)
    title = sources.suite.benchmarks[one.subject.benchmark].title
    asked = textwrap.wrap(_question(item.prompt), _WIDTH + 4)
    if len(asked) > 2 * _LINES:
        asked = [*asked[: 2 * _LINES], "..."]
    line[0].text(
        0,
        1,
        "\n".join([title, "", *asked, "", f"gold: {item.gold}"]),
        transform=line[0].transAxes,
        va="top",
        fontsize=7,
    )
    rows: list[dict[str, object]] = []
    for axes, (name, what) in zip(line[1:], {"intact": intact(one), **steps}.items(), strict=True):
        maps = sources.stored.looked(one.subject, what, image) if what.needs_saliency else None
        shown = changed(what, image, item.item_id, maps)
        if shown is None:
            axes.imshow(Image.new("RGB", image.size, "white"))
            axes.text(0.5, 0.5, _NO_MAP, transform=axes.transAxes, ha="center", color=MUTED)
        else:
            axes.imshow(rgb(shown))
        axes.set_title(name, fontsize=8)
        answer = sources.stored.answer(one.subject, what, 0, item.item_id)
        axes.text(
            0.5,
            -0.04,
            _answer(answer),
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=7,
            color=MUTED if answer is None else "black",
        )
        if answer is not None:
            rows.append(
                {
                    "model": one.subject.model,
                    "benchmark": one.subject.benchmark,
                    "source": one.subject.source,
                    "item": item.item_id,
                    "condition": name,
                    "repeat": 0,
                    "question": item.prompt,
                    "gold": item.gold,
                    "answer": answer.text,
                    "score": answer.score,
                }
            )
    return rows


def _question(prompt: str) -> str:
    return " / ".join(part.strip() for part in prompt.splitlines() if part.strip())


def _answer(answer: Answered | None) -> str:
    if answer is None:
        return "not measured"
    marks = {1.0: "right", 0.0: "wrong", None: "unscored"}
    text = textwrap.shorten(answer.text.strip() or "(empty)", 2 * _WIDTH, placeholder="...")
    mark = marks.get(answer.score) or f"score {answer.score:.2f}"
    return "\n".join([*textwrap.wrap(f'"{text}"', _WIDTH), mark])
