"""The ``ipllvm`` command. Every command that needs no model also imports none."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ipllvm_spec import __version__
from ipllvm_spec.cli_benchmarks import benchmarks
from ipllvm_spec.cli_data import LockOption, data_app, fetch_data
from ipllvm_spec.cli_figures import figures
from ipllvm_spec.cli_options import DEFAULT_RUN_DIR, STORE, RunDir, out
from ipllvm_spec.cli_probe import probe
from ipllvm_spec.cli_rescore import rescore
from ipllvm_spec.errors import IpllvmError, UsageError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Decide whether a vision-language model has the properties of the paper.",
)
spec_app = typer.Typer(no_args_is_help=True, help="Look at the declared properties.")
mini_app = typer.Typer(no_args_is_help=True, help="Render twins, train and verify the minis.")
store_app = typer.Typer(no_args_is_help=True, help="Look after stored answers.")
app.add_typer(spec_app, name="spec")
app.add_typer(mini_app, name="mini")
app.add_typer(store_app, name="store")
app.add_typer(data_app, name="data")
app.command()(benchmarks)
app.command()(rescore)
app.command()(figures)
app.command()(probe)


def suite_dir() -> Path:
    """Returns the folder that holds ``properties/``: the checkout, or the installed wheel's."""
    package = Path(str(files("ipllvm_spec")))
    for root in (package / "suite", package.parent):
        if (root / "properties").is_dir():
            return root
    raise UsageError(
        f"no properties/ folder beside or inside {package}",
        "reinstall ipllvm-spec from its wheel, or run from a full checkout",
    )


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context) -> None:
    """Run the properties from any folder; every option is pytest's or the suite's."""
    import pytest

    root = suite_dir()
    # The tests lie in site-packages, so pytest's own cache must not.
    arguments = [
        str(root / "properties"),
        f"--rootdir={root}",
        f"--config-file={files('ipllvm_spec') / 'suite.ini'}",
        "-o",
        # In the file it would be relative to the package, whose `statistics` hides Python's own.
        f"pythonpath={shlex.quote(str(root))}",
        "-o",
        f"cache_dir={Path.cwd() / '.pytest_cache'}",
        *context.args,
    ]
    raise typer.Exit(int(pytest.main(arguments)))


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A model, a benchmark or a data set.")],
    lock: LockOption = None,
) -> None:
    """Download a published checkpoint or benchmark once and lock its commit."""
    from ipllvm_spec.benchmarks.registry import DATA_SETS
    from ipllvm_spec.models.hub import fetch as fetch_model
    from ipllvm_spec.spec.paths import lock_path

    if name in DATA_SETS:
        fetch_data([name], lock=lock, update=False)
    else:
        out.print(f"{name}: {fetch_model(name, lock or lock_path())}")


@app.command()
def measure(
    model: Annotated[str, typer.Argument(help="A model as --models takes it.")],
    benchmark: Annotated[str, typer.Argument(help="A benchmark, or NAME=FOLDER.")],
    intervention: Annotated[
        str, typer.Option(help='As a spec writes it, in JSON: {"permute_tokens": {}}')
    ] = '{"identity": {}}',
    units: Annotated[int | None, typer.Option(help="First so many units only.")] = None,
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Measure one intervention against the intact model; what is stored is not asked again."""
    from ipllvm_spec.verdicts.replay import measure_once

    for line in measure_once(
        model, benchmark, intervention=intervention, units=units, run_dir=run_dir
    ):
        out.print(line)


@spec_app.command("check")
def spec_check(
    folder: Annotated[Path | None, typer.Argument(help="Folder of specs; ours if absent.")] = None,
) -> None:
    """Load every spec strictly and say how many claims there are."""
    from ipllvm_spec.spec.loader import load_suite

    suite = load_suite(folder) if folder else load_suite()
    out.print(
        f"ok: {len(suite.properties)} properties, {len(suite.claims)} claims, "
        f"{len(suite.models)} models, {len(suite.benchmarks)} benchmarks"
    )


@spec_app.command("list")
def spec_list() -> None:
    """List every claim with its limit."""
    from ipllvm_spec.spec.loader import load_suite

    table = Table("claim", "limit", "benchmarks", title="Declared claims")
    # An id is for copying: better on two lines than cut.
    table.columns[0].overflow = "fold"
    for claim in load_suite().claims.values():
        table.add_row(claim.id, claim.limit.sentence(), ", ".join(claim.benchmarks))
    out.print(table)


@spec_app.command("show")
def spec_show(
    name: Annotated[str, typer.Argument(help="A property or a claim, e.g. permutation.")],
) -> None:
    """Show a property or one claim, as it was understood."""
    from ipllvm_spec.errors import unknown_name
    from ipllvm_spec.spec.loader import load_suite

    suite = load_suite()
    found: Any = suite.claims.get(name) or suite.properties.get(name)
    if found is None:
        raise unknown_name("property or claim", name, [*suite.claims, *suite.properties])
    out.print_json(found.model_dump_json())


@mini_app.command("data")
def mini_data(
    names: Annotated[list[str] | None, typer.Argument(help="Twins; all if absent.")] = None,
) -> None:
    """Render the benchmark twins into the cache."""
    from ipllvm_spec.benchmarks.sources import twin_folder
    from ipllvm_spec.mini.twins import twin_names

    for name in names or twin_names():
        out.print(f"{name}: {twin_folder(name)}")


@mini_app.command("train")
def mini_train(
    stage: Annotated[str, typer.Argument(help="A stage of the recipe, or 'all'.")] = "all",
    target: Annotated[Path, typer.Option("--out", help="Folder for checkpoints.")] = Path("minis"),
    *,
    force: Annotated[bool, typer.Option(help="Train again although the result exists.")] = False,
) -> None:
    """Train the minis from nothing, stage by stage; a finished stage is skipped."""
    from ipllvm_spec.mini.recipe import train

    train(stage, out=target, force=force)


@mini_app.command("verify")
def mini_verify(
    models: Annotated[list[str] | None, typer.Argument(help="Minis; all if absent.")] = None,
    *,
    write: Annotated[bool, typer.Option(help="Write the measured numbers to the cards.")] = False,
) -> None:
    """Measure every mini afresh on the twins and compare with its model card."""
    from ipllvm_spec.verdicts.cards import verify_cards

    writer: Callable[[Path, dict[str, Any]], object] | None = None
    if write:
        from ipllvm_spec.mini.recipe.saving import write_card

        writer = write_card
    if not verify_cards(tuple(models or ()), write=writer, show=out.print):
        raise typer.Exit(1)


@store_app.command("info")
def store_info(run_dir: RunDir = DEFAULT_RUN_DIR) -> None:
    """Count the stored answers by model, benchmark, intervention and status."""
    from ipllvm_spec.engine.upkeep import info

    found = info(run_dir / STORE)
    table = Table("model", "benchmark", "intervention", "status", "answers", title=str(found.path))
    for kind, count in found.counts:
        table.add_row(kind.model, kind.benchmark, kind.intervention, kind.status, str(count))
    out.print(table)
    out.print(f"{found.rows} answers, {found.size_bytes / 1e6:.1f} MB")


@store_app.command("export")
def store_export(
    target: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Write all answers as one parquet file, with provenance and judges' replies beside it."""
    from ipllvm_spec.engine.exchange import export_store, provenance_path
    from ipllvm_spec.engine.judgement_files import judgements_path

    rows = export_store(run_dir / STORE, target)
    out.print(f"{rows} answers -> {target}, provenance -> {provenance_path(target)}")
    if judgements_path(target).exists():
        out.print(f"replies of judges -> {judgements_path(target)}")


@store_app.command("import")
def store_import(
    source: Annotated[Path, typer.Argument(help="Parquet file of an export.")],
    run_dir: RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Add the answers of an export; those that are there already stay."""
    from ipllvm_spec.engine.exchange import import_store

    done = import_store(run_dir / STORE, source)
    out.print(f"{done.added} added, {done.known} known, {done.conflicting} conflicting")
    if done.judgements:
        out.print(f"{done.judgements} replies of judges added")
    if done.conflicting:
        raise typer.Exit(1)


@store_app.command("prune")
def store_prune(
    model: Annotated[str | None, typer.Option(help="Remove the answers of this model.")] = None,
    days: Annotated[int | None, typer.Option(help="Remove what is older than so many.")] = None,
    run_dir: RunDir = DEFAULT_RUN_DIR,
    *,
    stale: Annotated[bool, typer.Option(help="Remove answers of weights that changed.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be removed.")] = False,
) -> None:
    """Remove stored answers that nobody will ask for again."""
    from datetime import timedelta

    from ipllvm_spec.engine.upkeep import prune

    removed = prune(
        run_dir / STORE,
        model=model,
        older_than=None if days is None else timedelta(days=days),
        current=_digest_now if stale else None,
        dry_run=dry_run,
    )
    out.print(f"{removed.rows} answers {'would be removed' if dry_run else 'removed'}")


def _digest_now(ref: str) -> str | None:
    """Returns the digest that a model reference has today, None when it leads nowhere."""
    from ipllvm_spec.models.registry import resolve

    try:
        return resolve(ref).identity.digest
    except IpllvmError:
        return None


def main() -> None:
    """Entry point: an error that is the user's to read is printed as such, with exit code 2."""
    try:
        app()
    except IpllvmError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False)
        sys.exit(2)
