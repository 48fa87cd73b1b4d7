"""How much faster the engine answers than a loop of single prompts, and why.

Asks the MMStar twin intact and under five permutations, per model:

* loop: ``generate`` on one prompt at a time, the image encoded each time, stopping at EOS;
* batch 1: the engine with batches of one prompt and without reuse;
* + reuse: with each image encoded once; + batching: with batches instead;
* engine: as it is, with both.

All with the same cores of the same machine in one run; absolute times mean little, the ratios
do. Usage: ``python bench/throughput.py [--model mini-llava]... [--units 300]``
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipllvm_spec.engine.cells import SUITE_SEED, Cell
from ipllvm_spec.engine.client import EngineClient
from ipllvm_spec.engine.plan import TOKEN_BUDGET
from ipllvm_spec.engine.process import EngineGroup
from ipllvm_spec.spec.interventions import Identity, Intervention, PermuteTokens

BENCHMARK = "mmstar"
REPEATS = 5
MINIS = ("mini-llava", "mini-llava-shuffled", "mini-llava-next", "mini-llava-onevision")


def conditions() -> list[tuple[Intervention, int]]:
    """Returns the intact condition and the five experiments of Table 1."""
    return [(Identity(), 0), *((PermuteTokens(), repeat) for repeat in range(REPEATS))]


def engine_seconds(model: str, *, units: int, cores: int, token_budget: int, reuse: bool) -> float:
    """Returns how long the engine takes for all conditions, its start and loading left out."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EngineGroup.start(
            store=Path(folder) / "cells.sqlite",
            run_dir=Path(folder),
            cores=cores,
            token_budget=token_budget,
            reuse=reuse,
        ) as group,
    ):
        client = EngineClient(group.address)
        # Loads the model and the data before the clock starts, on another benchmark's units.
        client.measure(Cell(model=model, benchmark="mmvp"), 0, 32)
        client.describe(BENCHMARK, "twin", "standard")
        begin = time.perf_counter()
        for intervention, repeat in conditions():
            cell = Cell(model=model, benchmark=BENCHMARK, intervention=intervention, repeat=repeat)
            client.measure(cell, 0, units)
        seconds = time.perf_counter() - begin
        client.close()
    return seconds


def loop_seconds(model: str, *, units: int, cores: int) -> float:
    """Returns how long a plain loop over single prompts takes for the same work."""
    import torch

    from ipllvm_spec.benchmarks.data import load_items
    from ipllvm_spec.benchmarks.registry import get_benchmark
    from ipllvm_spec.interventions.apply import Draw, apply_tokens, split
    from ipllvm_spec.models.registry import load, resolve

    torch.set_num_threads(cores)
    adapter = load(resolve(model))
    benchmark = get_benchmark(BENCHMARK)
    loaded = load_items(benchmark, "twin")

    def answer(item: Any, intervention: Intervention, repeat: int) -> str:
        prompt = adapter.encode_prompt(item.prompt, loaded.image(item.item_id))
        (visual,) = adapter.visual_tokens([prompt])
        steps = split(intervention).tokens
        if steps:
            draw = Draw(item_id=item.item_id, repeat=repeat, suite_seed=SUITE_SEED)
            visual = apply_tokens(steps, visual, draw=draw)
        embeds = adapter.model.get_input_embeddings()(prompt.input_ids[None])
        slots = (prompt.input_ids == adapter.prompts.image_token_id)[None, :, None]
        embeds = embeds.masked_scatter(slots, visual.tokens.to(embeds))
        ids = adapter.model.generate(
            inputs_embeds=embeds,
            attention_mask=torch.ones_like(prompt.input_ids)[None],
            max_new_tokens=benchmark.decoding.max_new_tokens,
            do_sample=False,
        )
        return str(adapter.prompts.tokenizer.decode(ids[0], skip_special_tokens=True))

    items = loaded.items[:units]
    with torch.inference_mode():
        for item in items[:8]:
            answer(item, Identity(), 0)
        begin = time.perf_counter()
        for intervention, repeat in conditions():
            for item in items:
                answer(item, intervention, repeat)
        return time.perf_counter() - begin


def compare(model: str, *, units: int, cores: int) -> float:
    """Prints one row for a model and returns the ratio of loop to engine."""
    prompts = units * (1 + REPEATS)
    # A budget below every prompt's length puts each prompt into a batch of its own.
    settings: dict[str, dict[str, Any]] = {
        "batch 1": {"token_budget": 1, "reuse": False},
        "+ reuse": {"token_budget": 1, "reuse": True},
        "+ batching": {"token_budget": TOKEN_BUDGET, "reuse": False},
        "engine": {"token_budget": TOKEN_BUDGET, "reuse": True},
    }
    seconds = {"loop": loop_seconds(model, units=units, cores=cores)}
    for name, chosen in settings.items():
        seconds[name] = engine_seconds(model, units=units, cores=cores, **chosen)
    loop = seconds["loop"]
    for name, value in seconds.items():
        print(f"{model:22} {name:11} {prompts / value:8.1f}   {loop / value:5.1f}x", flush=True)
    return loop / seconds["engine"]


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", action="append", help="default: every mini LLVM")
    parser.add_argument("--units", type=int, default=300)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args(argv)
    print(
        f"{BENCHMARK} twin, intact + {REPEATS} permutations, {options.cores} cores, "
        "prompts per second, ratio to the loop"
    )
    for model in options.model or MINIS:
        ratio = compare(model, units=options.units, cores=options.cores)
        print(f"{model}: engine against loop {ratio:.1f}x")


if __name__ == "__main__":
    main()
