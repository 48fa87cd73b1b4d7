"""``ipllvm benchmarks``: what is scored, on which scale, against which chance level."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ipllvm_spec.cli_data import LockOption
from ipllvm_spec.cli_options import AsJson, make_table, page, show_table

if TYPE_CHECKING:
    from ipllvm_spec.benchmarks.catalogue import Facts

_SCORED = ("n", "metric", "scale", "chance", "modes", "judge")
_DATA = ("twin", "published", "gated", "licence")
#: Columns of a terminal from which all fits side by side.
_ONE_TABLE = 150
#: Most modes that a table names; more are counted there and named below.
_MODES = 2
_FOLD = ("metric", "modes", "licence")
_NUMBERS = ("n", "scale", "chance", "twin")


def benchmarks(
    name: Annotated[str | None, typer.Argument(help="One benchmark, in detail.")] = None,
    lock: LockOption = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show n, metric, scale, chance, modes, judge, licence, and what is on this machine."""
    from ipllvm_spec.benchmarks.catalogue import facts
    from ipllvm_spec.benchmarks.registry import BENCHMARKS
    from ipllvm_spec.spec.loader import load_suite
    from ipllvm_spec.spec.lock import LockFile

    commits = LockFile.load(lock)
    if name is None:
        found = [facts(known, lock=commits) for known in load_suite().benchmarks]
    else:
        first = facts(name, lock=commits)
        others = first.modes[1:] if name in BENCHMARKS else ()
        found = [first, *(facts(name, mode, lock=commits) for mode in others)]
    if as_json:
        typer.echo(json.dumps([asdict(fact) for fact in found], indent=2, ensure_ascii=False))
    elif name is None:
        _show_all(found)
    else:
        for line in _details(found):
            page.print(line)


def _show_all(found: list[Facts]) -> None:
    # Side by side the two halves need a wide terminal; below one another they fit 80 columns.
    for heads in [(*_SCORED, *_DATA)] if page.width >= _ONE_TABLE else [_SCORED, _DATA]:
        table = make_table("benchmark", *heads, fold=_FOLD, right=_NUMBERS)
        for fact in found:
            cells = _cells(fact)
            table.add_row(fact.published.name, *(cells[head] for head in heads))
        show_table(table)
    page.print(
        "n, chance and judge are those of the first mode; n counts units of the published data. "
        "Chance is that of guessing without the image, from the items of the cached published data "
        "or of the rendered twin; - where neither is here. * In another mode a judge scores."
    )
    for modes in dict.fromkeys(fact.modes for fact in found if len(fact.modes) > _MODES):
        names = ", ".join(fact.published.name for fact in found if fact.modes == modes)
        page.print(f"Modes of {names}: {', '.join(modes)}.")
    for fact in found:
        if fact.problem:
            page.print(f"{fact.published.name}: {fact.problem}")


def _cells(fact: Facts) -> dict[str, str]:
    more = len(fact.modes) - 1 if len(fact.modes) > _MODES else 0
    elsewhere = any(judge not in ("no", fact.judge) for judge in fact.judges.values())
    return {
        "n": str(fact.units),
        "metric": fact.metric or "none",
        "scale": f"{fact.scale:g}" if fact.scale else "-",
        "chance": "-" if fact.chance is None else f"{fact.chance:.2f}",
        "modes": f"{fact.modes[0]} +{more}" if more > 0 else ", ".join(fact.modes) or "-",
        "judge": fact.judge + ("*" if elsewhere else ""),
        "twin": str(fact.twin_units),
        "published": fact.published.state,
        "gated": "yes" if fact.published.gated else "no",
        "licence": fact.published.licence,
    }


def _details(found: list[Facts]) -> Iterator[str]:
    fact = found[0]
    data = fact.published
    config = f"{data.config}, " if data.config else ""
    yield f"{data.name}: {data.title}"
    yield f"metric         {fact.metric or 'none'}" + (f", 0-{fact.scale:g}" if fact.scale else "")
    yield f"hub            {', '.join(data.hub)}"
    yield f"split          {config}{data.split}, {data.rows} rows"
    commit = f"{data.hub_id} at {data.commit}" if data.commit else "no commit"
    yield f"locked         {commit}"
    yield f"here           {data.folder or 'no'}"
    yield f"licence        {data.licence}"
    yield f"gated          {'yes' if data.gated else 'no'}"
    yield "columns"
    for column, kind in fact.columns.items():
        yield f"  {column}: {kind}"
    for mode in found:
        chance = "-" if mode.chance is None else f"{mode.chance:.2f} (from the {mode.read_from})"
        yield f"mode {mode.mode}"
        yield f"  published    {mode.units} units, {mode.items} questions"
        yield f"  twin         {mode.twin_units} units, {mode.twin_items} questions"
        yield f"  judge        {mode.judge}"
        yield f"  chance       {chance}"
        yield f"  answer       at most {mode.max_new_tokens} tokens"
        if mode.problem:
            yield f"  problem      {mode.problem}"
        if mode.example:
            yield "  first prompt"
            yield from (f"    {line}" for line in mode.example.splitlines())
