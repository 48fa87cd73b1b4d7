"""What a run would measure, as a table, before anything is loaded."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from ipllvm_spec.benchmarks.judging import Judging
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.engine.answers import PlanReport
from ipllvm_spec.reporting.names import condition
from ipllvm_spec.reporting.summary import duration
from ipllvm_spec.spec.cases import Case


def plan_text(
    report: PlanReport, cases: Sequence[Case], *, judging: Judging | None = None, width: int = 100
) -> str:
    """Renders cells, prompts, tokens, estimated time, and what a judge would be asked.

    Args:
        report: From the engines' plan.
        cases: The checks that would be decided.
        judging: How answers are scored that no rule scores as published; no judge when None.
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
    return "\n".join([*lines, *_judge_lines(report, cases, judging or Judging())])


def _judge_lines(report: PlanReport, cases: Sequence[Case], judging: Judging) -> Iterator[str]:
    """Says what is asked of the judge, and what stays unscored without one."""
    if judging.judge is not None:
        sums = {
            name: sum(getattr(line, f"judge_{name}") for line in report.lines)
            for name in ("calls", "hits", "prompt_tokens", "reply_tokens")
        }
        cost = ""
        if judging.price is not None:
            price = judging.price.of(sums["prompt_tokens"], sums["reply_tokens"])
            cost = f", at most {price:.2f} at the declared price"
        yield (
            f"judge {judging.judge.model}: at most {sums['calls']} replies, {sums['hits']} of them "
            f"stored; about {sums['prompt_tokens']} tokens to send and {sums['reply_tokens']} to "
            f"receive{cost}"
        )
    asked = {(name, case.mode, case.source(name)) for case in cases for name in case.benchmarks}
    found = [
        (get_benchmark(name, mode), judging.on(source)) for name, mode, source in sorted(asked)
    ]
    missing = dict.fromkeys(one.title for one, chosen in found if chosen.unscored(one))
    if missing:
        yield f"not in the table, because unscored without a judge: {', '.join(missing)}"
    proxies = dict.fromkeys(b.title for b, chosen in found if chosen.scored_by(b) == "proxy")
    if proxies:
        yield f"scored by proxy, not comparable with published scores: {', '.join(proxies)}"
