"""``ipllvm figures``: the paper's figures from the stored answers, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ipllvm_spec.cli_data import LockOption
from ipllvm_spec.cli_options import DEFAULT_RUN_DIR, STORE, RunDir, out
from ipllvm_spec.errors import UsageError
from ipllvm_spec.spec.entries import Data


def figures(
    names: Annotated[
        list[str] | None, typer.Argument(help="For example 1, figure2 or table2; all if absent.")
    ] = None,
    *,
    profile: Annotated[str, typer.Option(help="Which models and conditions.")] = "default",
    models: Annotated[
        list[str] | None, typer.Option(help="In the place of the profile's; NAME[,...].")
    ] = None,
    benchmarks: Annotated[
        list[str] | None, typer.Option(help="Only these; NAME=FOLDER for data of your own.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="Protocol mode, if not the profile's.")] = None,
    data: Annotated[
        Data, typer.Option(help="Benchmark data of models given by path: published or twin.")
    ] = "published",
    run_dir: RunDir = DEFAULT_RUN_DIR,
    target: Annotated[
        Path | None, typer.Option("--out", help="Folder to write; RUN_DIR/figures if absent.")
    ] = None,
    lock: LockOption = None,
    judge_model: Annotated[
        str | None, typer.Option("--judge-model", help="Whose stored replies count.")
    ] = None,
    judge_proxy: Annotated[
        bool, typer.Option("--judge-proxy", help="Use a rule in the place of the judge.")
    ] = False,
) -> None:
    """Draw the paper's figures and Table 2 from stored answers: PNG, SVG and numbers as CSV."""
    from functools import partial

    from ipllvm_spec.engine.store import Store
    from ipllvm_spec.reporting.paper_figures.drawing import write
    from ipllvm_spec.reporting.paper_figures.plan import Sources, missing_lines
    from ipllvm_spec.reporting.paper_figures.registry import DRAWERS, chosen
    from ipllvm_spec.reporting.table2 import table2
    from ipllvm_spec.spec.loader import load_suite
    from ipllvm_spec.spec.lock import LockFile
    from ipllvm_spec.verdicts.rescore_data import Finder
    from ipllvm_spec.verdicts.stored_scores import StoredScores

    wanted = chosen(names or [])
    only = _parts(benchmarks)
    store = Store(run_dir / STORE, create=False)
    drawn = 0
    try:
        folders = {name: folder for name, _, folder in (part.partition("=") for part in only)}
        finder = Finder({name: f for name, f in folders.items() if f}, lock=LockFile.load(lock))
        stored = StoredScores(store, finder, judge=judge_model, proxy=judge_proxy)
        rows = partial(table2, run_dir / STORE, finder, judge=judge_model)
        sources = Sources(
            load_suite(), stored, profile, _parts(models), only, mode, data, table2=rows
        )
        for name in wanted:
            drawing = DRAWERS[name](sources)
            lines = missing_lines(name, drawing.lacks, sources, run_dir=run_dir)
            for line in [*sources.remarks(name), *lines]:
                out.print(line, markup=False, highlight=False)
            # A figure without a number would be taken for a result.
            for file in write(drawing, name, target or run_dir / "figures") if drawing.rows else ():
                out.print(f"-> {file}", markup=False, highlight=False)
            drawn += bool(drawing.rows)
    finally:
        store.close()
    if not drawn:
        raise UsageError(
            f"the store in '{run_dir}' has no answer that {', '.join(wanted)} would show",
            f"measure first: pytest properties/ --profile {profile} --run-dir {run_dir}; "
            "or choose the profile or the models of the run",
        )


def _parts(options: list[str] | None) -> tuple[str, ...]:
    """Splits repeated and comma-separated values of an option, in order and each once."""
    parts = [part.strip() for option in options or [] for part in option.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))
