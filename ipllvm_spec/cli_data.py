"""``ipllvm data``: published data are fetched in a step of their own and checked at will."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ipllvm_spec.cli_options import WIDE, AsJson, make_table, out, page, show_table
from ipllvm_spec.errors import IpllvmError, UsageError

if TYPE_CHECKING:
    from ipllvm_spec.benchmarks.catalogue import Published, Verified
    from ipllvm_spec.spec.lock import LockFile

data_app = typer.Typer(no_args_is_help=True, help="Fetch, list and check benchmark data.")

LockOption = Annotated[
    Path | None, typer.Option(help="Lock file; IPLLVM_LOCK or ./ipllvm.lock if absent.")
]
Names = Annotated[list[str], typer.Argument(help="Benchmarks or data sets.")]
#: Rows with undecodable images that are printed.
_SHOWN = 5


@data_app.command("fetch")
def data_fetch(
    names: Names,
    lock: LockOption = None,
    *,
    update: Annotated[bool, typer.Option(help="Move the lock to the newest commit.")] = False,
) -> None:
    """Download published data once and lock their commit; a run never downloads by itself."""
    fetch_data(names, lock=lock, update=update)


@data_app.command("list")
def data_list(lock: LockOption = None, *, as_json: AsJson = False) -> None:
    """List every data set: split, rows, locked commit, whether it is here, licence."""
    from ipllvm_spec.benchmarks.catalogue import published
    from ipllvm_spec.spec.loader import load_suite

    commits = _load(lock)
    found = [published(name, lock=commits) for name in load_suite().benchmarks]
    if as_json:
        typer.echo(json.dumps([asdict(data) for data in found], indent=2))
        return
    wide = page.width >= WIDE
    heads = ("data set", "split", "rows", "hub id", "commit", "here", "gated", "licence")
    shown = [head for head in heads if wide or head != "hub id"]
    table = make_table(*shown, fold=("hub id", "licence"), right=("rows",))
    for data in found:
        cells = dict(zip(heads, _cells(data), strict=True))
        table.add_row(*(cells[head] for head in shown))
    show_table(table)
    page.print(f"lock file: {commits.path}", soft_wrap=True)


@data_app.command("verify")
def data_verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Data sets, or NAME=FOLDER; all that are locked if absent."),
    ] = None,
    lock: LockOption = None,
    *,
    twin: Annotated[bool, typer.Option(help="Check the twins instead.")] = False,
) -> None:
    """Read data whole: commit, columns, rows, units, and that every image can be decoded."""
    from ipllvm_spec.benchmarks.catalogue import locked_names, verify

    commits = _load(lock)
    chosen = names or list(locked_names(commits))
    if not chosen:
        raise UsageError(
            f"nothing is locked in {commits.path}",
            "name data sets, or fetch some with `ipllvm data fetch NAME`",
        )
    failed = 0
    for chosen_name in chosen:
        name, _, folder = chosen_name.partition("=")
        try:
            found = verify(name, folder or ("twin" if twin else "published"), lock=commits)
        except IpllvmError as error:
            failed += 1
            out.print(f"FAILED {name}: {error}", markup=False, highlight=False)
            continue
        out.print(f"ok {name}: {_verified(found)}", markup=False, highlight=False)
    if failed:
        raise typer.Exit(1)


@data_app.command("path")
def data_path(
    name: Annotated[str, typer.Argument(help="A benchmark or data set.")],
    lock: LockOption = None,
    *,
    twin: Annotated[bool, typer.Option(help="The twin; it is rendered if absent.")] = False,
) -> None:
    """Print the folder of the locked snapshot or of the twin, and nothing else."""
    from ipllvm_spec.benchmarks.registry import get_data_set
    from ipllvm_spec.benchmarks.snapshots import cached_snapshot
    from ipllvm_spec.benchmarks.sources import twin_folder

    get_data_set(name)
    typer.echo(twin_folder(name) if twin else cached_snapshot(name, lock=_load(lock)).folder)


def fetch_data(names: Sequence[str], *, lock: Path | None, update: bool) -> None:
    """Fetches data sets one after the other; one that fails does not keep back the others.

    Args:
        names: Names of data sets.
        lock: Lock file; the one in use when None.
        update: Whether to move locked ids to the newest commit.

    Raises:
        IpllvmError: The only failure; of several, each is printed and the exit code is 2.
    """
    from ipllvm_spec.benchmarks.hub import fetch

    failed = 0
    for name in names:
        try:
            snapshot = fetch(name, _load(lock), update=update)
        except IpllvmError as error:
            if len(names) == 1:
                raise
            failed += 1
            out.print(f"FAILED {name}: {error}", markup=False, highlight=False)
            continue
        out.print(f"{name}: {snapshot}", markup=False, highlight=False)
    if failed:
        raise typer.Exit(2)


def _load(lock: Path | None) -> LockFile:
    from ipllvm_spec.spec.lock import LockFile

    return LockFile.load(lock)


def _cells(data: Published) -> tuple[str, ...]:
    return (
        data.name,
        f"{data.config}/{data.split}" if data.config else data.split,
        str(data.rows),
        data.hub_id or data.hub[0],
        (data.commit or "-")[:12],
        "yes" if data.folder else "no",
        "yes" if data.gated else "no",
        data.licence,
    )


def _verified(found: Verified) -> str:
    units = len({item.unit_id for item in found.loaded.items})
    text = (
        f"{found.where}: {found.rows} rows, {found.images} images, "
        f"{len(found.loaded.items)} items in {units} units"
    )
    if not found.undecodable:
        return text
    first = "; ".join(f"row {row}: {why}" for row, why in list(found.undecodable.items())[:_SHOWN])
    lost = len(found.loaded.excluded_units)
    return f"{text}; {len(found.undecodable)} undecodable, {lost} units left out: {first}"
