"""Which items share a batch: decided by the cell's data alone, never by timing or workers.

The plan depends on (model, benchmark, source, mode, suite seed, token budget). It does not depend
on the intervention: every intervention meets the same batches, so that projector outputs can be
reused bit for bit and intact and changed answers differ by the intervention only. One that removes
tokens joins whole such batches, as many as its shorter prompts leave room for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ipllvm_spec.benchmarks.base import Unit
from ipllvm_spec.spec.seeds import derive_seed

#: Units that are planned together. Early stopping and resuming work in steps of whole windows.
WINDOW_UNITS = 32
#: Padded prompt tokens of a batch, where memory allows.
TOKEN_BUDGET = 8192


@dataclass(frozen=True)
class Window:
    """Consecutive units of the seeded order.

    Attributes:
        index: 0-based place in the order.
        item_ids: Items of its units, in order.
    """

    index: int
    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """Items that are computed together: the unit of recovery and of work sharing.

    Attributes:
        window: Index of its window.
        number: 0-based place within the window.
        item_ids: Items sorted by (intact prompt length, item id).
        padded_tokens: Items times the longest prompt that reaches the language model.
        sources: The items again, by the batches in which images are encoded.
    """

    window: int
    number: int
    item_ids: tuple[str, ...]
    padded_tokens: int
    sources: tuple[tuple[str, ...], ...]

    @property
    def index(self) -> int:
        """What ``owner`` takes. Windows start shifted, so that single batches spread evenly."""
        return self.window + self.number


def owner(index: int, *, world: int) -> int:
    """Returns the rank of the engine that computes a batch."""
    return index % world


def unit_order(units: Sequence[Unit], *, suite_seed: int, benchmark: str) -> tuple[Unit, ...]:
    """Orders units at random by the seed; units of one cluster stay together.

    Clusters are sorted by a hash of their name, so that a benchmark that gains a cluster keeps the
    relative order of all others.

    Args:
        units: Units in the benchmark's own order.
        suite_seed: Root of all seeds.
        benchmark: Benchmark name.
    """
    seed = derive_seed(suite_seed, "order", benchmark)
    members: dict[str, list[Unit]] = {}
    for unit in units:
        members.setdefault(unit.cluster_id, []).append(unit)
    clusters = sorted(members, key=lambda name: (derive_seed(seed, name), name))
    return tuple(unit for name in clusters for unit in members[name])


def windows(order: Sequence[Unit]) -> tuple[Window, ...]:
    """Cuts the order into windows of ``WINDOW_UNITS`` units; the last one may be shorter."""
    return tuple(
        Window(
            index=number,
            item_ids=tuple(
                item.item_id for unit in order[start : start + WINDOW_UNITS] for item in unit.items
            ),
        )
        for number, start in enumerate(range(0, len(order), WINDOW_UNITS))
    )


def plan_window(
    window: Window,
    lengths: Mapping[str, int],
    *,
    budget: int = TOKEN_BUDGET,
    left: Mapping[str, int] | None = None,
) -> tuple[Batch, ...]:
    """Cuts a window into batches.

    Args:
        window: The window.
        lengths: Intact prompt length in tokens by item id. Items without one (undecodable image)
            take part in no batch.
        budget: Most padded tokens of a batch; a single longer prompt forms its own.
        left: Prompt lengths after an intervention that removes tokens; None when none does.
    """
    known = [item_id for item_id in window.item_ids if item_id in lengths]
    by_length = sorted(known, key=lambda item_id: (lengths[item_id], item_id))
    after = lengths if left is None else left
    joined = join(cut(by_length, lengths, budget=budget), after, budget=budget)
    batches = []
    for number, sources in enumerate(joined):
        item_ids = tuple(item_id for source in sources for item_id in source)
        padded = padded_tokens(item_ids, after)
        batches.append(Batch(window.index, number, item_ids, padded, sources))
    return tuple(batches)


def cut(
    by_length: Sequence[str], lengths: Mapping[str, int], *, budget: int
) -> list[tuple[str, ...]]:
    """Cuts items, sorted by length, greedily into parts of at most ``budget`` padded tokens."""
    parts: list[list[str]] = []
    for item_id in by_length:
        # The newcomer is the longest, so it alone decides the padding of the part.
        if parts and (len(parts[-1]) + 1) * lengths[item_id] <= budget:
            parts[-1].append(item_id)
        else:
            parts.append([item_id])
    return [tuple(part) for part in parts]


def join(
    parts: Sequence[tuple[str, ...]], lengths: Mapping[str, int], *, budget: int
) -> list[tuple[tuple[str, ...], ...]]:
    """Puts neighbouring parts together greedily, at most ``budget`` padded tokens at a time.

    Parts that ``cut`` made by the same lengths and budget stay apart.
    """
    joined: list[tuple[tuple[str, ...], ...]] = []
    for part in parts:
        together = (*joined[-1], part) if joined else (part,)
        items = [item_id for each in together for item_id in each]
        if joined and padded_tokens(items, lengths) <= budget:
            joined[-1] = together
        else:
            joined.append((part,))
    return joined


def padded_tokens(item_ids: Sequence[str], lengths: Mapping[str, int]) -> int:
    """Returns the tokens of a batch, padding counted: items times the longest."""
    return len(item_ids) * max(lengths[item_id] for item_id in item_ids)
