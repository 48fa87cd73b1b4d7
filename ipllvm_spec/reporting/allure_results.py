"""What the controller adds to Allure's result files once all tests have run.

Results are JSON files in one folder; nothing here imports allure. Every function is harmless when
repeated, and a file that cannot be read is left alone: it is a view, the records are the truth.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ipllvm_spec.errors import UsageError
from ipllvm_spec.reporting.allure import FIGURE_NAME, VERDICT_NAME
from ipllvm_spec.verdicts.record import Record

_TELEMETRY = re.compile(
    r"<script[^>]*googletagmanager[^>]*>\s*</script>\s*<script>.*?</script>", re.DOTALL
)


def finish_results(
    folder: Path, *, environment: Mapping[str, str], models: Iterable[str] = ()
) -> int:
    """Adds pictures, environment and a report configuration; the last thing a run does.

    Only the controller may call it, at the end of the session: a worker that is replaced, or
    ``--clean-alluredir``, would lose what was written earlier.

    Args:
        folder: The folder of ``--alluredir``.
        environment: What the report shows about the run: versions, device, sources.
        models: Models of the run; each becomes an environment of the report.

    Returns:
        The number of pictures added.
    """
    if not folder.is_dir():
        return 0
    write_environment(folder, environment)
    write_config(folder.parent / "allurerc.mjs", results=folder.name, models=models)
    return attach_figures(folder)


def attach_figures(folder: Path) -> int:
    """Draws the picture of every result that has a record but no picture yet.

    Drawn here and not in the workers, because matplotlib would cost each of them 55 MiB.

    Returns:
        The number of pictures added.
    """
    pending = []
    for path in sorted(folder.glob("*-result.json")):
        result = _read(path)
        sources = {part["name"]: part["source"] for part in result.get("attachments", ())}
        if VERDICT_NAME in sources and FIGURE_NAME not in sources:
            pending.append((path, result, folder / sources[VERDICT_NAME]))
    if not pending:
        return 0
    # Only now: a run without new results must not pay for matplotlib.
    from ipllvm_spec.reporting.figures import intact_vs_other

    added = 0
    for path, result, verdict in pending:
        try:
            record = Record.from_json(json.loads(verdict.read_text("utf-8")))
        except (OSError, ValueError, UsageError):
            # Left by another version, or cut: the records themselves are elsewhere.
            continue
        source = f"{uuid.uuid4()}-attachment.png"
        (folder / source).write_bytes(intact_vs_other(record))
        added += 1
        figure = {"name": FIGURE_NAME, "source": source, "type": "image/png"}
        # First, because the report shows attachments in this order.
        _write(path, {**result, "attachments": [figure, *result["attachments"]]})
    return added


def crash_message(report: pytest.TestReport) -> str | None:
    """Returns why a test has no result of its own: it took its worker down with it.

    Args:
        report: Any report; xdist gives those that stand for a crash the phase ``???``.
    """
    return str(report.longrepr) if str(report.when) == "???" else None


def write_broken_result(folder: Path, *, nodeid: str, message: str, epic: str = "") -> Path:
    """Writes the result of a test that took its worker down, which allure would leave out.

    It has the history of the test itself, so that the report shows a test that broke and not a
    test that vanished. Labels follow from the node id: ``test_<property>.py`` and
    ``[<model>:<benchmark>]``.

    Args:
        folder: The folder of ``--alluredir``.
        nodeid: For example ``properties/test_permutation.py::test_x[mini-llava:mmvp]``.
        message: What is known about the crash.
        epic: Section of the paper.

    Returns:
        The file.
    """
    file, _, test = nodeid.partition("::")
    function, _, bracket = test.partition("[")
    case = bracket.removesuffix("]")
    model, _, benchmark = case.rpartition(":")
    module = Path(file).with_suffix("")
    full_name = f"{'.'.join(module.parts)}#{function}"
    labels = {
        "epic": epic,
        "feature": module.name.removeprefix("test_"),
        "story": benchmark,
        "model": model,
        "benchmark": benchmark,
        "verdict": "BROKEN",
        "severity": "blocker",
        "framework": "pytest",
        "language": "python",
    }
    now = round(time.time() * 1000)
    result = {
        "uuid": str(uuid.uuid4()),
        "name": test,
        "fullName": full_name,
        # As allure-pytest computes them: a digest of the name, and of name and parameters.
        "testCaseId": _md5(full_name),
        "historyId": _md5(full_name, case),
        "status": "broken",
        "statusDetails": {"message": f"the worker died while it ran this test: {message}"},
        "parameters": [{"name": "case", "value": repr(case)}] if case else [],
        "labels": [{"name": name, "value": value} for name, value in labels.items() if value],
        "titlePath": file.split("/"),
        "start": now,
        "stop": now,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['uuid']}-result.json"
    _write(path, result)
    return path


def write_environment(folder: Path, values: Mapping[str, str]) -> None:
    """Writes what the report shows about the run as Java properties, sorted."""
    lines = [
        f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}={value.replace(chr(92), chr(92) * 2)}"
        for name, value in sorted(values.items())
    ]
    text = "\n".join(" ".join(line.splitlines()) for line in lines)
    (folder / "environment.properties").write_text(text + "\n", "utf-8")


def write_config(path: Path, *, results: str, models: Iterable[str] = ()) -> None:
    """Writes the configuration for ``npx allure generate``, with which the report makes sense.

    Allure 3 reads categories and environments from here only; it ignores ``categories.json``.
    ``npx allure generate`` in the same folder finds it.

    Args:
        path: Usually ``<run dir>/allurerc.mjs``.
        results: Results folder, relative to the file.
        models: Models that become environments.
    """
    entries = {
        # An id must not hold a dot or a slash; the name may.
        re.sub(r"[^A-Za-z0-9_-]+", "-", model).strip("-")[:64]: model
        for model in sorted(set(models))
    }
    environments = ",\n".join(
        f"    {json.dumps(key)}: {{ name: {json.dumps(model[:64])}, "
        f"matcher: ({{ labels }}) => labels.some("
        f'(l) => l.name === "model" && l.value === {json.dumps(model)}) }}'
        for key, model in entries.items()
    )
    template = Path(__file__).with_name("allurerc.mjs.in").read_text("utf-8")
    text = template.replace("@RESULTS@", json.dumps(results)).replace("@MODELS@", environments)
    path.write_text(text, "utf-8")


def strip_telemetry(report: Path) -> int:
    """Removes the Google Analytics tag that Allure writes into every HTML page.

    Args:
        report: A generated report: a folder or a single HTML file.

    Returns:
        The number of pages changed.
    """
    pages = sorted(report.rglob("*.html")) if report.is_dir() else [report]
    changed = 0
    for page in pages:
        text = page.read_text("utf-8")
        clean = _TELEMETRY.sub("", text)
        if clean != text:
            page.write_text(clean, "utf-8")
            changed += 1
    return changed


def _md5(*parts: str) -> str:
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write(path: Path, data: Mapping[str, Any]) -> None:
    """Replaces a file in one step: a report may be generated at any moment."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    temporary.replace(path)
