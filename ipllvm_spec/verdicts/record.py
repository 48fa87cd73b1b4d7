"""The record of one check: the one thing from which every report, table and gate is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ipllvm_spec.errors import UsageError
from ipllvm_spec.verdicts.verdict import Outcome, Verdict

#: Raised when the meaning of a field changes; readers refuse what they do not know.
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the spec says this case will give, with the mechanism that was predicted."""

    verdict: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One benchmark's published metric under both conditions, on the benchmark's own scale.

    Attributes:
        benchmark: Name of the benchmark.
        scale: Largest value of the metric: 100 or 2800.
        intact: Metric without (or before) the intervention; None when not measured.
        other: Metric under the intervention, mean over repeats; None when not measured.
        chance: Metric of guessing independently of the image.
        n: Units measured of ``n_total``.
        n_total: Units of the benchmark.
        unparsed_intact: Answers from which nothing could be read, among the intact ones.
        unparsed_other: The same under the intervention, over all repeats.
        excluded: Units measured but left out of both metrics: a judge's reply was unreadable.
        unreadable_intact: Answers about which the judge's reply was unreadable.
        unreadable_other: The same under the intervention, over all repeats.
        undecodable: Units that were never asked, because an image cannot be decoded.
        scored_by: ``rule``, ``judge <model>``, ``proxy`` (a rule in the judge's place, never
            comparable with published scores) or ``unscored``.
        parts_intact: Published aggregates beside the metric, by name, on their own scales.
        parts_other: The same under the intervention, means over repeats.
        source: Where the items came from: ``twin``, ``published`` or a path.
        revision: Revision of the data set.
        content_digest: Digest of the content that was read.
        blind: Metric with a control in the image's place, where a guard measured one.
        blind_n: Units of that.
        printed: The paper's own numbers, only where the paper measured this very model.
    """

    benchmark: str
    scale: float
    intact: float | None
    other: float | None
    chance: float | None
    n: int
    n_total: int
    unparsed_intact: int = 0
    unparsed_other: int = 0
    excluded: int = 0
    unreadable_intact: int = 0
    unreadable_other: int = 0
    undecodable: int = 0
    scored_by: str = "rule"
    parts_intact: Mapping[str, float] = field(default_factory=dict)
    parts_other: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    revision: str = ""
    content_digest: str = ""
    blind: float | None = None
    blind_n: int = 0
    printed: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """One decided check.

    Attributes:
        run_id: The run that wrote it.
        property_id: Id of the property, for example ``permutation``.
        claim: Id of the claim, for example ``permutation.accuracy_survives``.
        property_statement: The property as one sentence.
        statement: The claim as one sentence.
        paper: Where the paper says it, for example ``section 3.3, Table 1``.
        model: Model reference as given.
        mini: Whether the model is one of the embedded small ones; every table says so.
        benchmark: Name, or None for a claim over several benchmarks.
        mode: Protocol mode, ``standard`` or ``paper``.
        case: Key of the case, for example ``mini-llava:mmvp``.
        intervention: Canonical text of what was changed.
        control: Canonical text of what it is compared with, ``[]`` for the intact model.
        repeats: Number of repeats of the intervention.
        verdict: What was decided.
        expected: What the spec announced, or None.
        measured: Metrics per benchmark (one for most claims).
        rerun: Command that repeats exactly this check.
        spec_file: File that declares the claim.
        against: Model with which this one is compared, for a claim across models.
        schema: Version of this layout.
        extra: Further JSON data of reports; readers may ignore it.
    """

    run_id: str
    property_id: str
    claim: str
    property_statement: str
    statement: str
    paper: str
    model: str
    mini: bool
    benchmark: str | None
    mode: str
    case: str
    intervention: str
    control: str
    repeats: int
    verdict: Verdict
    expected: Expected | None
    measured: tuple[Measured, ...]
    rerun: str
    spec_file: str
    against: str | None = None
    schema: int = SCHEMA
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        """True when the outcome is the announced one, or PASS where nothing was announced."""
        if self.expected is None:
            return self.verdict.outcome is Outcome.PASS
        return self.expected.verdict == self.verdict.outcome.value.lower()

    def to_json(self) -> dict[str, Any]:
        """Returns plain JSON data; ``from_json`` rebuilds the record."""
        return {
            **asdict(self),
            "verdict": self.verdict.to_json(),
            "measured": [asdict(part) for part in self.measured],
        }

    def to_line(self) -> str:
        """Returns one line of JSON, equal for equal records."""
        return json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """Rebuilds a record from ``to_json``.

        Raises:
            UsageError: For another schema version or fields that do not fit it.
        """
        schema = data.get("schema")
        if schema != SCHEMA:
            raise UsageError(
                f"a record has schema {schema!r}, this version reads {SCHEMA}",
                "read it with the version of ipllvm-spec that wrote it, or measure again",
            )
        try:
            expected = data["expected"]
            return cls(
                **{
                    **data,
                    "verdict": Verdict.from_json(data["verdict"]),
                    "expected": None if expected is None else Expected(**expected),
                    "measured": tuple(Measured(**part) for part in data["measured"]),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"a record of claim {data.get('claim')!r} does not fit schema {SCHEMA}: {error}",
                "the file was edited or cut; delete it and run again",
            ) from None

    @classmethod
    def from_line(cls, line: str) -> Record:
        """Rebuilds a record from ``to_line``.

        Raises:
            UsageError: When the line is not JSON (a run that was killed while writing).
        """
        try:
            data = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"a record line is not JSON: {error}", "the file was cut; delete that line"
            ) from None
        if not isinstance(data, dict):
            raise UsageError("a record line is not a JSON object", "delete that line")
        return cls.from_json(data)
