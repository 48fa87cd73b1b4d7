"""What one group of visual tokens costs when the others are removed instead of masked in place.

Asks the MMStar twin, in the engine's own batches, four ways:

* full: tower, projector and the whole prompt;
* full, cached: the whole prompt, projector output at hand;
* masked: the same, all visual tokens but one group set to zero, so that the prompt stays long;
* group: the same group kept and the others removed (``KeepGroup``), batches planned to match.

Rounds alternate between the ways and the fastest round of each counts. Ratios are printed by the
clock and by the CPU time of the one thread that computes: where they differ, other work disturbed
the clock. Usage: ``python bench/pil.py [--model mini-llava] [--units 300]``
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.cells import SUITE_SEED
from ipllvm_spec.engine.plan import plan_window, unit_order, windows
from ipllvm_spec.interventions.base import VisualTokens
from ipllvm_spec.interventions.groups import keep_group
from ipllvm_spec.models.registry import load, resolve
from ipllvm_spec.spec.interventions import KeepGroup
from ipllvm_spec.spec.token_interventions import Layout, layout_after

BENCHMARK = "mmstar"
#: What the ratios should be: cost over share of tokens at most, saving against masking at least.
MOST_OVER_SHARE = 1.3
LEAST_SAVING = 2.5


@dataclass
class Bench:
    """Prompts of the first units, their projector outputs, and batches for both lengths."""

    adapter: Any
    decoding: Any
    step: KeepGroup
    prompts: dict[str, Any]
    visual: dict[str, VisualTokens]
    lengths: dict[str, int]
    left: dict[str, int]
    whole: list[tuple[str, ...]]
    short: list[tuple[str, ...]]

    def full(self) -> int:
        """Encodes and answers intact prompts; as all ways, returns the number of new tokens."""
        count = 0
        for batch in self.whole:
            prompts = [self.prompts[item_id] for item_id in batch]
            visual = self.adapter.visual_tokens(prompts)
            answers = self.adapter.generate(prompts, visual, self.decoding)
            count += sum(answer.n_tokens for answer in answers)
        return count

    def cached(self) -> int:
        """Answers intact prompts from kept projector outputs."""
        return self._answer(self.whole, lambda tokens: tokens)

    def masked(self) -> int:
        """Answers prompts of full length in which one group alone is not zero."""
        return self._answer(self.whole, self._mask)

    def group(self) -> int:
        """Answers prompts that hold one group alone."""
        return self._answer(self.short, lambda tokens: keep_group(self.step, tokens, seed=0))

    def _mask(self, tokens: VisualTokens) -> VisualTokens:
        kept = keep_group(self.step.model_copy(update={"positions": "retained"}), tokens, seed=0)
        zeroed = torch.zeros_like(tokens.tokens)
        zeroed[kept.positions] = kept.tokens
        return tokens.with_tokens(zeroed)

    def _answer(
        self,
        batches: Sequence[tuple[str, ...]],
        change: Callable[[VisualTokens], VisualTokens],
    ) -> int:
        count = 0
        for batch in batches:
            prompts = [self.prompts[item_id] for item_id in batch]
            tokens = [change(self.visual[item_id]) for item_id in batch]
            answers = self.adapter.generate(prompts, tokens, self.decoding)
            count += sum(answer.n_tokens for answer in answers)
        return count


@dataclass
class Took:
    """What one way took for one item."""

    clock: float
    cpu: float
    new_tokens: float


def prepare(model: str, *, units: int, step: KeepGroup) -> Bench:
    """Loads the model, encodes the first units of the seeded order, plans both kinds of batch."""
    adapter = load(resolve(model))
    benchmark = get_benchmark(BENCHMARK)
    loaded = load_items(benchmark, "twin")
    items = {item.item_id: item for item in loaded.items}
    order = unit_order(benchmark.units(loaded.items), suite_seed=SUITE_SEED, benchmark=BENCHMARK)
    planned = windows(order[:units])
    prompts = {
        item_id: adapter.encode_prompt(items[item_id].prompt, loaded.image(item_id))
        for window in planned
        for item_id in window.item_ids
    }
    lengths = {item_id: prompt.input_ids.numel() for item_id, prompt in prompts.items()}
    left = {
        item_id: lengths[item_id]
        - prompt.n_visual
        + layout_after(step, Layout(prompt.n_visual, prompt.grid)).tokens
        for item_id, prompt in prompts.items()
    }
    whole = [batch for window in planned for batch in plan_window(window, lengths)]
    short = [batch for window in planned for batch in plan_window(window, lengths, left=left)]
    visual: dict[str, VisualTokens] = {}
    for batch in whole:
        made = adapter.visual_tokens([prompts[item_id] for item_id in batch.item_ids])
        visual |= dict(zip(batch.item_ids, made, strict=True))
    return Bench(
        adapter=adapter,
        decoding=benchmark.decoding,
        step=step,
        prompts=prompts,
        visual=visual,
        lengths=lengths,
        left=left,
        whole=[batch.item_ids for batch in whole],
        short=[batch.item_ids for batch in short],
    )


def measure(bench: Bench, *, rounds: int) -> Mapping[str, Took]:
    """Returns the fastest round of each way, by the number of items."""
    ways = {
        "full": bench.full,
        "full, cached": bench.cached,
        "masked": bench.masked,
        "group": bench.group,
    }
    items = len(bench.prompts)
    best = {name: Took(float("inf"), float("inf"), 0.0) for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            clock, cpu = time.perf_counter(), time.thread_time()
            count = way()
            clock, cpu = time.perf_counter() - clock, time.thread_time() - cpu
            # The first round warms up.
            if number:
                fastest = best[name]
                best[name] = Took(
                    min(fastest.clock, clock / items), min(fastest.cpu, cpu / items), count / items
                )
    return best


def report(bench: Bench, took: Mapping[str, Took]) -> None:
    """Prints tokens, times and both ratios."""
    mean = sum(bench.lengths.values()) / len(bench.lengths)
    mean_left = sum(bench.left.values()) / len(bench.left)
    share = mean_left / mean
    print(f"prompt: {mean:.1f} tokens in full, {mean_left:.1f} with one group ({share:.0%})")
    print(f"batches: {len(bench.whole)} in full, {len(bench.short)} with one group")
    for name, way in took.items():
        print(
            f"{name:13} {1000 * way.clock:8.2f} ms by the clock, {1000 * way.cpu:8.2f} ms CPU, "
            f"{way.new_tokens:.1f} new tokens per item"
        )
    for unit, spent in (
        ("clock", {name: way.clock for name, way in took.items()}),
        ("CPU", {name: way.cpu for name, way in took.items()}),
    ):
        over = spent["group"] / spent["full"] / share
        cached = spent["group"] / spent["full, cached"] / share
        saving = spent["masked"] / spent["group"]
        held = "held" if over <= MOST_OVER_SHARE else "missed"
        print(
            f"{unit}: cost over share of tokens {over:.2f} (at most {MOST_OVER_SHARE}: {held}; "
            f"against the cached full prompt {cached:.2f})"
        )
        held = "held" if saving >= LEAST_SAVING else "missed"
        print(
            f"{unit}: {saving:.2f} times cheaper than masking in place "
            f"(at least {LEAST_SAVING}: {held}; tokens alone allow {1 / share:.2f})"
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="mini-llava")
    parser.add_argument("--units", type=int, default=300)
    parser.add_argument("--m", type=int, default=4, help="cells a side")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    step = KeepGroup(m=options.m, group=(options.m // 2, options.m // 2))
    bench = prepare(options.model, units=options.units, step=step)
    print(f"{options.model} on the {BENCHMARK} twin, {len(bench.prompts)} items, {step!r}")
    report(bench, measure(bench, rounds=options.rounds))


if __name__ == "__main__":
    main()
