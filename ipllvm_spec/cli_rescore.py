"""``ipllvm rescore``: every score anew from the stored raw answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ipllvm_spec.cli_data import LockOption
from ipllvm_spec.cli_options import (
    DEFAULT_RUN_DIR,
    STORE,
    WIDE,
    RunDir,
    make_table,
    out,
    page,
    show_table,
)
from ipllvm_spec.errors import IpllvmError, SpecError, UsageError

if TYPE_CHECKING:
    from ipllvm_spec.verdicts.rescore_cells import CellScore, Scored
    from ipllvm_spec.verdicts.rescore_changes import Changes

#: Characters of an intervention in a table.
_NARROW, _WIDE = 24, 60
_HEADS = ("benchmark", "mode", "intervention", "repeat", "n", "metric", "unparsed", "by")
_NUMBERS = ("repeat", "n", "metric", "unparsed")


def rescore(
    run_dir: RunDir = DEFAULT_RUN_DIR,
    benchmarks: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER of data that are neither twins nor published."),
    ] = None,
    lock: LockOption = None,
    judge_model: Annotated[
        str | None, typer.Option("--judge-model", help="Whose stored replies count.")
    ] = None,
    *,
    judge_proxy: Annotated[
        bool, typer.Option("--judge-proxy", help="Use a rule in the place of the judge.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Parts, and every order of a search.")
    ] = False,
) -> None:
    """Score all stored answers again, without a model, and compare with the run's records."""
    from ipllvm_spec.spec.lock import LockFile
    from ipllvm_spec.verdicts import rescore as scoring
    from ipllvm_spec.verdicts.rescore_changes import compare, read_all_records
    from ipllvm_spec.verdicts.rescore_data import Finder
    from ipllvm_spec.verdicts.rescore_files import write_scores

    paths = _paths(benchmarks or [])
    try:
        records = read_all_records(run_dir)
    except IpllvmError as error:
        page.print(f"records are not compared: {error.problem}")
        records = ()
    known: dict[str, frozenset[str]] = {}
    for part in (part for record in records for part in record.measured):
        known[part.benchmark] = known.get(part.benchmark, frozenset()) | {part.source}
    scored = scoring.rescore(
        run_dir / STORE,
        Finder(paths, known=known, lock=LockFile.load(lock)),
        judge=judge_model,
        proxy=judge_proxy,
    )
    changes = compare(records, scored) if records else None
    _show(scored, verbose=verbose)
    for line in _changed(changes):
        page.print(line, soft_wrap=True)
    for file in write_scores(run_dir, scored, changes):
        out.print(f"-> {file}", markup=False, highlight=False)
    if not any(one.found for one in scored):
        raise typer.Exit(1)


def _paths(given: Sequence[str]) -> dict[str, str]:
    paths = {}
    for text in (part for option in given for part in option.split(",")):
        name, _, folder = text.partition("=")
        if not folder:
            raise UsageError(f"--benchmarks {text} names no folder", "write NAME=FOLDER")
        if not Path(folder).expanduser().exists():
            raise UsageError(f"--benchmarks {text}: '{folder}' does not exist", "check the path")
        paths[name.strip()] = folder
    return paths


def _show(scored: Sequence[Scored], *, verbose: bool) -> None:
    shown = [one.score for one in scored if one.found and (verbose or not one.score.searched)]
    # A table for each model: with its name in a column 80 characters would not do.
    for model in dict.fromkeys(score.model for score in shown):
        table = make_table(*_HEADS, fold=("intervention",), right=_NUMBERS, title=model)
        for score in shown:
            if score.model == model:
                table.add_row(*_cells(score))
        show_table(table)
    searched = sum(one.score.searched for one in scored if one.found)
    if searched and not verbose:
        page.print(f"{searched} orders tried by searches are left out; -v shows them")
    for score in shown if verbose else ():
        for name, value in score.parts.items():
            page.print(f"{_title(score)}: {name} {value:.2f}", soft_wrap=True)
    for note, titles in _notes(scored).items():
        more = f" and {len(titles) - 1} more cells" if len(titles) > 1 else ""
        page.print(f"{titles[0]}{more}: {note}", soft_wrap=True)


def _cells(score: CellScore) -> tuple[str, ...]:
    return (
        score.benchmark,
        score.mode,
        _intervention(score.intervention),
        str(score.repeat),
        f"{score.n} of {score.n_total}",
        "-" if score.metric is None else f"{score.metric:.2f}",
        str(score.unparsed),
        score.scored_by,
    )


def _title(score: CellScore) -> str:
    return (
        f"{score.model} | {score.benchmark} | {_intervention(score.intervention)} | {score.repeat}"
    )


def _notes(scored: Sequence[Scored]) -> dict[str, list[str]]:
    """Returns the cells that each remark is about."""
    notes: dict[str, list[str]] = {}
    for one in scored:
        score = one.score
        if score.note:
            text = score.note if one.found else f"not scored: {score.note}"
            notes.setdefault(text, []).append(_title(score))
        if score.unjudged:
            text = f"{score.unjudged} units were never shown to a judge (unscored)"
            notes.setdefault(text, []).append(_title(score))
        if score.excluded:
            text = f"{score.excluded} units left out: the judge's reply cannot be read"
            notes.setdefault(text, []).append(_title(score))
    return notes


def _intervention(text: str) -> str:
    from ipllvm_spec.spec.interventions import from_canonical

    try:
        told = repr(from_canonical(text))
    except SpecError:
        # An intervention of another version: its answers are still there.
        told = text
    most = _WIDE if page.width >= WIDE else _NARROW
    return told if len(told) <= most else told[: most - 3] + "..."


def _changed(changes: Changes | None) -> Iterator[str]:
    if changes is None:
        yield "no records to compare with"
        return
    for change in changes.changed:
        yield (
            f"changed: {change.claim}[{change.case}] {change.benchmark} {change.condition}: "
            f"{change.before:.2f} -> {change.after:.2f} of {change.scale:g}"
        )
    yield (
        f"records: {len(changes.changed)} numbers changed, {changes.same} are the same, "
        f"{changes.open} could not be compared"
    )
