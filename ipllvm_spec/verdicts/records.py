"""Makes records of decided checks, writes them and merges what the workers wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipllvm_spec.engine.cells import Cell, caption_cell, synthetic_step
from ipllvm_spec.errors import StoreError
from ipllvm_spec.spec.cases import Case
from ipllvm_spec.spec.generators import default_generator
from ipllvm_spec.spec.interventions import Identity, Intervention
from ipllvm_spec.spec.suite import Suite
from ipllvm_spec.verdicts.comparison import Comparison
from ipllvm_spec.verdicts.cosines import Similarity
from ipllvm_spec.verdicts.decide import Decision
from ipllvm_spec.verdicts.measurement import Measurement
from ipllvm_spec.verdicts.record import Expected, Measured, Record

MERGED = "records.jsonl"


def make_record(
    case: Case, decision: Decision, *, suite: Suite, run_id: str, node: str, options: str
) -> Record:
    """Builds the record of a decided check.

    Args:
        case: The case.
        decision: What was decided.
        suite: For the property and the printed numbers.
        run_id: The run.
        node: Node id of the pytest item.
        options: Options without which a rerun would be another check.
    """
    claim, expectation = case.claim, case.expectation
    prop = suite.properties[claim.property_id]
    return Record(
        run_id=run_id,
        property_id=prop.id,
        claim=claim.id,
        property_statement=prop.statement,
        statement=claim.statement,
        paper=claim.source,
        model=case.model,
        mini=case.entry.mini,
        benchmark=case.benchmark,
        mode=case.mode,
        case=case.key,
        intervention=_changed(case, decision).canonical(),
        control=_compared_with(decision).canonical(),
        repeats=max((len(pair.other.cells) for pair in decision.comparisons), default=1),
        verdict=decision.verdict,
        expected=None
        if expectation is None
        else Expected(verdict=expectation.verdict, reason=expectation.reason),
        measured=(
            *(_measured(case, pair, suite, decision) for pair in decision.comparisons),
            *map(_similar, decision.similar),
        ),
        rerun=f"pytest '{node}' -n 0 --models {case.model} {options}".rstrip(),
        spec_file=f"ipllvm_spec/specs/{prop.file}",
        against=case.against.model if case.against is not None else None,
        extra=_makers(case),
    )


def _makers(case: Case) -> dict[str, Any]:
    """Names who wrote captions and who made images of them, where synthetic images are shown."""
    steps = [synthetic_step(one) for one in case.interventions()]
    step = next((one for one in steps if one is not None), None)
    if step is None:
        return {}
    source = case.source(case.benchmarks[0])
    captions = caption_cell(Cell(case.model, case.benchmarks[0], source, intervention=step))
    made = {"generator": step.generator or default_generator(source), "folder": step.folder}
    named = {**made, "captioner": None if captions is None else captions.model}
    return {"synthetic": {key: value for key, value in named.items() if value is not None}}


def _similar(found: Similarity) -> Measured:
    """Similarities in points of 100, beside that of every image to itself."""
    told = found.sheet.description
    return Measured(
        benchmark=found.sheet.benchmark.name,
        scale=100.0,
        intact=100.0,
        other=100.0 * found.mean,
        chance=None,
        n=found.available,
        n_total=len(found.sheet.units),
        source=told.source,
        revision=told.revision,
        content_digest=told.content_digest,
        undecodable=told.excluded_units,
        scored_by="similarity",
    )


def _compared_with(decision: Decision) -> Intervention:
    """What the other condition is compared with: a control also with a changed image."""
    first = next((pair.intact for pair in decision.comparisons), None)
    return first.intervention if isinstance(first, Measurement) else Identity()


def _changed(case: Case, decision: Decision) -> Intervention:
    """What was changed; of a sweep the condition that decided, of a contrast no single one."""
    claim = case.claim
    if not claim.sweep:
        if claim.control is not None:
            return claim.control
        return claim.intervention or Identity()
    other = decision.comparisons[0].other
    return other.intervention if isinstance(other, Measurement) else Identity()


def _measured(case: Case, pair: Comparison, suite: Suite, decision: Decision) -> Measured:
    sheet = pair.intact.sheet
    blind = _blind(case, pair, decision)
    printed = suite.printed(case.model, sheet.benchmark.name)
    shown = case.claim.intervention is not None and "table1" in case.claim.feeds
    # Units that a judge could not score are left out of both conditions, here as in the verdict.
    kept = pair.kept() if pair.judged else None
    return Measured(
        benchmark=sheet.benchmark.name,
        scale=sheet.benchmark.scale,
        intact=pair.intact.metric(kept),
        other=pair.other.metric(kept),
        chance=pair.intact.chance(),
        n=pair.intact.measured,
        n_total=pair.intact.n_total,
        excluded=pair.excluded(),
        unparsed_intact=pair.intact.unparsed(),
        unparsed_other=pair.other.unparsed(),
        source=sheet.description.source,
        revision=sheet.description.revision,
        content_digest=sheet.description.content_digest,
        undecodable=sheet.description.excluded_units,
        scored_by=pair.intact.scorer.scored_by,
        unreadable_intact=pair.intact.unreadable(),
        unreadable_other=pair.other.unreadable(),
        parts_intact=pair.intact.parts(kept),
        parts_other=pair.other.parts(kept),
        blind=blind.metric() if blind is not None else None,
        blind_n=blind.measured if blind is not None else 0,
        printed={"intact": float(printed.baseline), "other": float(printed.perturbed)}
        if printed is not None and shown
        else None,
    )


def _blind(case: Case, pair: Comparison, decision: Decision) -> Measurement | None:
    """Returns what the model answers without the image; None where nothing asked for it."""
    name = pair.intact.sheet.benchmark.name
    found = [one.other for one in decision.guards if one.other.sheet.benchmark.name == name]
    return next(
        (
            other
            for other in found
            if isinstance(other, Measurement) and other.cells[0].model == case.model
        ),
        None,
    )


class RecordFile:
    """Appends the records of one process.

    Args:
        run_dir: Folder of the run.
        worker: ``gw0`` and so on, or ``main``.
    """

    def __init__(self, run_dir: Path, worker: str) -> None:
        self.path = run_dir / f"records-{worker}.jsonl"

    def append(self, record: Record) -> None:
        """Appends one record.

        Raises:
            StoreError: When it cannot be written; the answers themselves are in the store.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(record.to_line() + "\n")
        except OSError as error:
            raise _unwritable(self.path, error) from None


def clear_records(run_dir: Path) -> None:
    """Removes the records of an earlier run: what is merged must be of this one."""
    for path in (*run_dir.glob("records-*.jsonl"), run_dir / MERGED):
        path.unlink(missing_ok=True)


def read_records(run_dir: Path) -> tuple[Record, ...]:
    """Returns what the workers wrote, sorted by claim and case."""
    lines = [
        line
        for path in sorted(run_dir.glob("records-*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        # A worker that was killed, or whose disk was full, leaves half a line.
        if line.endswith("\n")
    ]
    # A check whose worker died after writing was run again by another: the last line counts.
    latest = {(record.claim, record.case): record for record in map(Record.from_line, lines)}
    return tuple(latest[key] for key in sorted(latest))


def merge_records(run_dir: Path, records: Sequence[Record]) -> None:
    """Writes the records into one file, in the place of the workers' files.

    Raises:
        StoreError: When it cannot be written; the workers' files stay.
    """
    path = run_dir / MERGED
    try:
        if records:
            text = "".join(record.to_line() + "\n" for record in records)
            path.write_text(text, encoding="utf-8")
        for part in run_dir.glob("records-*.jsonl"):
            part.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write {path}: {error.strerror}",
        "free some space or pass another --run-dir; stored answers are kept",
    )
