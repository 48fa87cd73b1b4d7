"""What a check tells Allure while it runs. The only module that imports allure, and lazily.

Everything here does nothing without ``--alluredir``, with ``-p no:allure_pytest``, and where
allure-pytest is not installed. What the controller adds after the run is ``allure_results``.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pytest

from ipllvm_spec.reporting.names import (
    compared_with,
    first_side,
    limit_text,
    mean_scores,
    metric_text,
    model_title,
    number,
    paper_exhibits,
    paper_section,
    part_name,
    scored_label,
    verdict_word,
)
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.verdicts.record import Record

#: Names under which the controller finds the attachments again.
VERDICT_NAME, ITEMS_NAME, FIGURE_NAME = "verdict.json", "items.csv", "intact against other"


@dataclass(frozen=True, kw_only=True)
class UnitRow:
    """One scored unit under both conditions, for the items table.

    Attributes:
        unit_id: The unit.
        intact: Score in [0, 1]; None where the judge's reply was unreadable.
        other: Score in [0, 1] under the intervention, mean over repeats; None likewise.
        intact_answers: Raw answers, one per item of the unit.
        other_answers: Raw answers under the intervention.
    """

    unit_id: str
    intact: float | None
    other: float | None
    intact_answers: tuple[str, ...]
    other_answers: tuple[str, ...]


def protect_results(config: pytest.Config) -> None:
    """Keeps a worker from wiping the results of the others; call it first in every process.

    allure-pytest obeys ``--clean-alluredir`` in every process, also in the one that replaces a
    crashed worker: measured, 28 of 39 results were lost. So only the controller may clean. Has to
    run in ``pytest_configure`` with ``tryfirst=True``, before allure's own.
    """
    if hasattr(config, "workerinput") and hasattr(config.option, "clean_alluredir"):
        config.option.clean_alluredir = False


def results_dir(config: pytest.Config) -> str | None:
    """Returns the folder of ``--alluredir``, None where no results are written."""
    if not config.pluginmanager.hasplugin("allure_pytest"):
        return None
    folder: str | None = config.getoption("allure_report_dir", default=None)
    return folder


def label_case(case: Case) -> None:
    """Labels the running test; call it before measuring, so that a crash is labelled too.

    The id parameter of the test is pytest's own (``mini-llava:mmvp``), one string: two separate
    parameters would collide in allure's history when their values are swapped.
    """
    allure = _allure()
    if allure is None:
        return
    claim, benchmark = case.claim, case.benchmark or "average"
    mini = case.entry.mini
    dynamic = allure.dynamic
    dynamic.title(
        f"{claim.name.replace('_', ' ')} · {model_title(case.model, mini=mini)} · {benchmark}"
    )
    dynamic.epic(paper_section(claim.source))
    dynamic.feature(claim.property_id)
    dynamic.story(benchmark)
    dynamic.label("model", case.model)
    dynamic.label("benchmark", benchmark)
    dynamic.label("claim", claim.id)
    dynamic.label("mini", str(mini).lower())
    for kind, exhibit in paper_exhibits(claim.source):
        dynamic.label(kind, exhibit)
    dynamic.severity(_severity(case))


def report_check(record: Record, units: Iterable[UnitRow] = ()) -> None:
    """Adds the decided record to the running test, before the test passes, fails or skips.

    Measured values become excluded parameters: an ordinary one would give the test a new history
    with every run. The picture is added later by the controller (``allure_results``).

    Args:
        record: What was decided.
        units: The scored units in the order in which they were measured; only read when
            results are written.
    """
    allure = _allure()
    if allure is None:
        return
    verdict, dynamic = record.verdict, allure.dynamic
    dynamic.label("verdict", verdict_word(record))
    part = mean_scores(record)
    values = {
        "estimate": verdict.estimate,
        "lower": verdict.lower,
        "upper": verdict.upper,
        "intact": part.intact,
        compared_with(record): part.other,
        "n": verdict.n,
    }
    for name, value in values.items():
        if value is not None:
            dynamic.parameter(name, round(value, 3), excluded=True)
    dynamic.description_html(description_html(record))
    for title in _steps(record):
        with allure.step(title):
            pass
    kinds = allure.attachment_type
    text = json.dumps(record.to_json(), indent=2, sort_keys=True, ensure_ascii=False)
    allure.attach(text, name=VERDICT_NAME, attachment_type=kinds.JSON)
    table = items_csv(units)
    if table:
        allure.attach(table, name=ITEMS_NAME, attachment_type=kinds.CSV)


def items_csv(units: Iterable[UnitRow]) -> str:
    """Returns a header and one line per unit, "" for none; answers are joined by `` | ``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for index, unit in enumerate(units):
        if index == 0:
            writer.writerow(["unit_id", "intact", "other", "intact_answers", "other_answers"])
        answers = (" | ".join(unit.intact_answers), " | ".join(unit.other_answers))
        scores = ["" if value is None else f"{value:g}" for value in (unit.intact, unit.other)]
        writer.writerow([unit.unit_id, *scores, *answers])
    return buffer.getvalue()


def description_html(record: Record) -> str:
    """Returns statement, table, decision and rerun command; every value is escaped."""
    verdict = record.verdict
    other = compared_with(record)
    head = ["benchmark", first_side(record), other, "drop", "chance", "units"]
    rows = []
    for part in record.measured:
        drop = None if part.intact is None or part.other is None else part.intact - part.other
        scores = [number(value, decimals=2) for value in (part.intact, part.other, drop)]
        cells = [*scores, number(part.chance, decimals=2), f"{part.n}/{part.n_total}"]
        rows.append([f"{part_name(part)} (of {part.scale:g})", *cells])
        if part.printed:
            intact, changed = part.printed.get("intact"), part.printed.get("other")
            drop = None if intact is None or changed is None else intact - changed
            scores = [number(value, decimals=2) for value in (intact, changed, drop)]
            rows.append(["printed in the paper", *scores, "", ""])
        rows += [
            [f"- {name}", number(value, decimals=2), number(part.parts_other[name], decimals=2)]
            for name, value in part.parts_intact.items()
            if name in part.parts_other
        ]
    decision = {
        "verdict": verdict_word(record),
        "estimate": f"{verdict.measured()} {verdict.unit}",
        "limit": f"{limit_text(verdict)} {verdict.unit}, for the {verdict.target}",
        "why this limit": verdict.why,
        "bounds": f"about {verdict.bounds}",
        "decided by": f"{verdict.method}: {verdict.reason}",
        "scope": f"{verdict.scope()}, {record.mode} mode, repeats {record.repeats}",
        "declared in": record.spec_file,
    }
    if label := scored_label(record):
        decision["scored"] = label
    if record.expected is not None:
        decision["announced"] = f"{record.expected.verdict}: {record.expected.reason}"
    notice = "<p><b>A mini model: this is no evidence about LLaVA.</b></p>" if record.mini else ""
    return (
        f"<p><b>{escape(record.statement)}</b></p>"
        f"<p>{escape(record.property_statement)} ({escape(record.paper)})</p>{notice}"
        f"{_table([head, *rows])}{_table(list(map(list, decision.items())), head=False)}"
        f"<p>Rerun:</p><pre><code>{escape(record.rerun)}</code></pre>"
    )


def _steps(record: Record) -> tuple[str, ...]:
    verdict = record.verdict
    sources = ", ".join(f"{part.benchmark} ({part.source})" for part in record.measured)
    measured = "; ".join(metric_text(record, part) for part in record.measured)
    statistic = f"{verdict.statistic.replace('_', ' ')} {verdict.measured()} {verdict.unit}"
    return (
        (
            f"plan: {verdict.n_total} units of {sources}, {first_side(record)} against "
            f"{compared_with(record)}, repeats {record.repeats}"
        ),
        f"run: {measured}",
        f"statistics: {statistic}, {verdict.method}",
        f"verdict: {verdict.sentence()}",
    )


def _severity(case: Case) -> str:
    """Guards first: without them no other claim means anything."""
    if case.claim.limit.statistic == "gap":
        return "blocker"
    return "critical" if case.expectation is None else "minor"


def _table(rows: Sequence[Sequence[str]], *, head: bool = True) -> str:
    lines = []
    for index, row in enumerate(rows):
        tag = "th" if head and index == 0 else "td"
        cells = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _allure() -> Any:
    """Returns the allure module if results are written in this process, else None."""
    # Its plugin imports it when it is on; otherwise a worker should not pay for the import.
    commons = sys.modules.get("allure_commons")
    if commons is None or not commons.plugin_manager.hook.attach_data.get_hookimpls():
        return None
    return importlib.import_module("allure")
