"""What the commands of ``ipllvm`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

#: For sentences: never broken, so that commands in them can be copied.
out = Console(soft_wrap=True)
#: For tables: fits the terminal. Texts of data sets are not markup.
page = Console(markup=False, highlight=False, emoji=False)

RunDir = Annotated[Path, typer.Option("--run-dir", help="Where a run left its store.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DEFAULT_RUN_DIR = Path("reports")
STORE = "cells.sqlite"
#: Columns from which on a terminal counts as wide.
WIDE = 110


def make_table(
    *columns: str, fold: tuple[str, ...], right: tuple[str, ...] = (), title: str | None = None
) -> Table:
    """Returns an empty table that gives way in some columns only.

    Args:
        columns: Headings.
        fold: Headings of the columns whose cells are broken when the terminal is narrow.
        right: Headings of the columns of numbers.
        title: Above the table.
    """
    table = Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False
    )
    for column in columns:
        side: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, justify=side, no_wrap=column not in fold, overflow="fold")
    return table


def show_table(table: Table) -> None:
    """Prints a table in the width of the terminal."""
    page.print(table)
