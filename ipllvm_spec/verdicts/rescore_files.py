"""Scores as files beside the store: JSON for programs, CSV for spreadsheets."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from ipllvm_spec.errors import StoreError
from ipllvm_spec.verdicts.rescore_cells import CellScore, Scored
from ipllvm_spec.verdicts.rescore_changes import Changes

JSON_NAME = "scores.json"
CSV_NAME = "scores.csv"


def write_scores(
    run_dir: Path, scored: Sequence[Scored], changes: Changes | None
) -> tuple[Path, Path]:
    """Writes all scores into the run folder, in the place of earlier ones.

    Args:
        run_dir: The run folder.
        scored: The scores.
        changes: What they change in the records; None when there are no records.

    Returns:
        The JSON and the CSV file.

    Raises:
        StoreError: When they cannot be written.
    """
    table, text = run_dir / CSV_NAME, run_dir / JSON_NAME
    content = {
        "scores": [asdict(one.score) for one in scored],
        "changes": None if changes is None else asdict(changes),
    }
    columns = [part.name for part in fields(CellScore)]
    try:
        text.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            for one in scored:
                row = asdict(one.score)
                writer.writerow(row | {"parts": json.dumps(row["parts"], ensure_ascii=False)})
    except OSError as error:
        raise StoreError(
            f"the scores cannot be written into '{run_dir}' ({error.strerror or error})",
            "free some space, or copy the store into a folder that is writable",
        ) from None
    return text, table
