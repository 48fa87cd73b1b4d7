"""What a run would measure, as a table, before anything is loaded."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ipllvm_spec.engine.answers import PlanReport
from ipllvm_spec.reporting.names import condition
from ipllvm_spec.reporting.summary import duration
from ipllvm_spec.spec.cases import Case


def plan_text(report: PlanReport, cases: Sequence[Case], *, width: int = 100) -> str:
    """Renders cells, prompts, tokens and estimated time.

    Args:
        report: From the engines' plan.
        cases: The checks that would be decided.
        width: Columns.
    """
    table = Table("model", "benchmark", "condition", box=None, pad_edge=False)
    for name in ("units", "prompts", "stored", "tokens", "estimate"):
        table.add_column(name, justify="right")
    for line in report.lines:
        cell = line.cell
        table.add_row(
            str(cell["model"]),
            str(cell["benchmark"]),
            f"{condition(cell['intervention'])} #{cell['repeat']}",
            str(line.units),
            str(line.prompts),
            str(line.hits),
            str(line.tokens),
            duration(line.seconds) + (" (guess)" if line.guess else ""),
        )
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    searched = sum(case.examples * case.claim.search.items for case in cases if case.claim.search)
    guess = ", a guess until this model has been measured here" if report.guess else ""
    lines = [line.rstrip() for line in capture.get().splitlines()]
    lines.append(
        f"{len(cases)} checks; {report.prompts} prompts, {report.hits} of them stored, "
        f"{report.tokens} prompt tokens to process: about {duration(report.seconds)}{guess}"
    )
    if searched:
        # Orders are drawn while it runs: twice the examples (uniform and searched), then shrunk.
        lines.append(f"searches ask about {2 * searched} prompts more, which are not in the table")
    return "\n".join(lines)
