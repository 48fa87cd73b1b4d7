"""What a property may declare: claims with limits, expectations and searches.

Everything here is frozen and hashable. The TOML files are read by ``loader``; how the values are
combined into checks is ``suite``; models, benchmarks and profiles are in ``entries``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_serializer, model_validator

from ipllvm_spec.spec.entries import (
    BenchmarkEntry,
    Frozen,
    Mode,
    ModelEntry,
    Profile,
    ProfileName,
    Text,
)
from ipllvm_spec.spec.interventions import Intervention
from ipllvm_spec.spec.references import Against, glob_matches, pattern_specificity

__all__ = [
    "AGGREGATES",
    "AVERAGE",
    "CAPABILITIES",
    "FIGURES",
    "STATISTICS",
    "BenchmarkEntry",
    "Claim",
    "Expectation",
    "Limit",
    "ModelEntry",
    "PerProfile",
    "Profile",
    "ProfileName",
    "Property",
    "Search",
    "Target",
]

Target = Literal["benchmark", "population"]

#: The word that stands for the benchmark in the key of a check that decides over several.
AVERAGE = "average"

#: What a limit can bound, by the name a TOML spec uses.
STATISTICS: Mapping[str, str] = {
    "drop": "intact minus intervened, mean over units",
    "gap": "intact minus control, mean over units",
    "average_drop": "an aggregate of the drops of several benchmarks",
    "worst_drop": "the drop under the worst intervention that a search found, on held-out units",
    "contrast": "mean score under some conditions of a sweep minus that under others",
    "every_drop": "the largest of the drops under the conditions of a sweep",
    "spread": "largest minus smallest mean score under the conditions of a sweep, beyond chance",
    "drop_difference": "a drop minus that of another model, or that on another benchmark",
    "answer_excess": "share of free-form answers that say one thing minus the share it is right",
    "similarity_difference": "mean cosine of an encoder's embeddings of intact and changed images "
    "minus that on another benchmark, times 100",
}
#: Ways to combine benchmarks of different scales (properties.md, section 15).
AGGREGATES: Mapping[str, str] = {
    "mme_scaled_28": "mean of the drops, MME's total divided by 28",
    "raw": "mean of the drops, MME in its own points",
    "without_mme": "mean of the drops, MME left out",
    "relative": "mean of the drops, each in percent of its intact score",
    "median": "median of the drops, MME's total divided by 28",
}
#: Sites at which a model may let an intervention enter, and ways in which it may be asked.
CAPABILITIES: Mapping[str, str] = {
    "pixels": "the image before the processor",
    "visual_tokens": "the tokens between projector and language model",
    "hidden": "the input of a decoder layer",
    "answers": "text in reply to a prompt; every claim on language models needs it",
    "classify": "scores of classes by a vision encoder",
    "encode": "pooled embeddings of images by a vision encoder",
    "attention": "attention of a vision encoder's class token to its patches",
}
ENCODER_CAPABILITIES = frozenset({"classify", "encode", "attention"})
#: Tables and figures of the paper that a claim can feed.
FIGURES = frozenset({f"table{i}" for i in range(1, 4)} | {f"figure{i}" for i in range(1, 10)})


class Limit(Frozen):
    """Where a claim turns from true to false.

    Attributes:
        statistic: Key of ``STATISTICS``.
        at_most: Upper limit in ``unit``; exactly one of ``at_most`` and ``at_least`` is set.
        at_least: Lower limit in ``unit``.
        unit: Points of a metric scaled to 0..100.
        why: Why the limit is what it is, as one sentence for a reviewer.
        target: ``benchmark``: these units with these seeded interventions. ``population``: units
            like these (statistics.md, section 0).
    """

    statistic: str
    at_most: float | None = Field(default=None, ge=-100, le=100)
    at_least: float | None = Field(default=None, ge=-100, le=100)
    unit: Literal["points of 100"] = "points of 100"
    why: Text
    target: Target = "benchmark"

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("needs exactly one of at_most and at_least")
        return self

    @property
    def value(self) -> float:
        """The limit as a number, whichever side it bounds."""
        bound = self.at_most if self.at_most is not None else self.at_least
        assert bound is not None  # _one_bound
        return bound

    def sentence(self) -> str:
        """Returns the limit in words: ``drop at most 2 points of 100``."""
        side = "at most" if self.at_most is not None else "at least"
        return f"{self.statistic} {side} {self.value:g} {self.unit}"


class Expectation(Frozen):
    """A verdict other than PASS that was predicted, and why. Strict: a PASS is an error.

    Attributes:
        pattern: ``model:benchmark``, each with ``*`` as wildcard; ``average`` for aggregates.
        verdict: The predicted verdict.
        reason: The mechanism, or the printed number, that predicts it.
        unless: Benchmarks that the pattern would match and the reason does not cover.
    """

    pattern: Text
    verdict: Literal["fail", "inconclusive"]
    reason: Text
    unless: tuple[str, ...] = ()

    def matches(self, model: str, benchmark: str) -> bool:
        """Whether the expectation is about this model (full reference) and benchmark."""
        left, _, right = self.pattern.rpartition(":")
        matched = glob_matches(left, model) and glob_matches(right, benchmark)
        return matched and benchmark not in self.unless

    def specificity(self) -> tuple[int, int]:
        """Sort key: fewer wildcards first win, then the longer pattern."""
        return pattern_specificity(self.pattern)


class PerProfile(Frozen):
    """A count for each profile."""

    smoke: int = Field(ge=1)
    default: int = Field(ge=1)
    paper: int = Field(ge=1)

    def of(self, profile: str) -> int:
        """Returns the count for a profile by name."""
        return int(getattr(self, profile))


class Search(Frozen):
    """A search by Hypothesis for an intervention that breaks a claim.

    Attributes:
        examples: How many interventions are tried.
        items: Units on which each is tried, in one engine call; disjoint from the confirmation.
        spans: For permute_tokens: equal contiguous spans of tokens whose order is searched for.
        finds: Drop on those units, in points, beyond which an intervention is shrunk as a find.
    """

    examples: PerProfile
    items: int = Field(ge=1, le=512)
    spans: int | None = Field(default=None, ge=2, le=1024)
    finds: float = Field(gt=0, le=100)


class Claim(Frozen):
    """One falsifiable statement of a property.

    Attributes:
        id: ``<property>.<name>``.
        statement: The claim as one sentence.
        source: Where the paper says it.
        benchmarks: Benchmarks on which it is decided, or over which it aggregates.
        mode: Protocol mode of these benchmarks; None for the profile's.
        intervention: What is compared with the intact run; for a search, the template of what
            is searched for.
        sweep: The intervention at several strengths or places, for statistics over conditions.
        mini_sweep: What minis get in its place: their grids of visual tokens are smaller.
        against: The model that the case's model is compared with.
        than: For differences between benchmarks: the one whose value is subtracted.
        answer: For ``answer_excess``: the answer that is counted.
        control: The control condition, for guards.
        repeats: Seeded repetitions of the intervention; a profile may cap them.
        limit: The limit.
        requires: Guard claims that must PASS on the same model and benchmark first.
        feeds: Claims, tables and figures that use the measured values.
        early_stop: Whether measuring may stop once the verdict is certain.
        aggregate: For ``average_drop``: the aggregate that decides.
        reported: Aggregates printed beside the one that decides.
        search: For ``worst_drop``: the search.
        expect: Predicted verdicts other than PASS.
        property_needs: Capabilities that the property asks for.
    """

    id: Text
    statement: Text
    source: Text
    benchmarks: tuple[str, ...] = Field(min_length=1)
    mode: Mode | None = None
    intervention: Intervention | None = None
    sweep: tuple[Intervention, ...] = ()
    mini_sweep: tuple[Intervention, ...] = ()
    against: tuple[Against, ...] = ()
    than: str | None = None
    answer: Text | None = None
    control: Intervention | None = None
    repeats: int = Field(default=1, ge=1, le=100)
    limit: Limit
    requires: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    early_stop: bool = False
    aggregate: str | None = None
    reported: tuple[str, ...] = ()
    search: Search | None = None
    expect: tuple[Expectation, ...] = ()
    property_needs: tuple[str, ...] = ()

    @field_serializer("intervention", "control")
    def _by_name(self, value: Intervention | None) -> list[dict[str, Any]] | None:
        return None if value is None else _named_steps(value)

    @field_serializer("sweep", "mini_sweep")
    def _all_by_name(self, values: tuple[Intervention, ...]) -> list[list[dict[str, Any]]]:
        return [_named_steps(value) for value in values]

    @property
    def property_id(self) -> str:
        """Id of the property that the claim belongs to."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """Name of the claim within its property."""
        return self.id.partition(".")[2]

    def needs(self) -> frozenset[str]:
        """Returns the capabilities a model must have for the claim to be decidable."""
        parts = [value.needs() for value in self.interventions()]
        needs = frozenset(self.property_needs).union(*parts)
        # What is asked in words must never be measured on an encoder, which has none.
        return needs if self.about_encoders else needs | {"answers"}

    def interventions(self) -> tuple[Intervention, ...]:
        """Returns everything that is done to a model, the control included."""
        values = (self.intervention, self.control, *self.sweep, *self.mini_sweep)
        return tuple(value for value in values if value is not None)

    def sweep_on(self, *, mini: bool) -> tuple[Intervention, ...]:
        """Returns the sweep that a mini, or any other model, gets."""
        return self.mini_sweep if mini and self.mini_sweep else self.sweep

    @property
    def drawn(self) -> bool:
        """Whether a figure shows its measured values, so that they must be whole ones."""
        return any(name.startswith("figure") for name in self.feeds)

    @property
    def about_encoders(self) -> bool:
        """Whether it is about vision encoders: what one can do is among its needs."""
        return not ENCODER_CAPABILITIES.isdisjoint(self.property_needs)

    def expectation(self, model: str, benchmark: str) -> Expectation | None:
        """Returns the most specific expectation for a full model reference, if there is one."""
        found = [expected for expected in self.expect if expected.matches(model, benchmark)]
        return max(found, key=Expectation.specificity, default=None)


class Property(Frozen):
    """One intriguing property: a sentence, its source and its claims.

    Attributes:
        id: Stem of its TOML file and of its test module.
        file: Name of the TOML file.
    """

    id: Text
    statement: Text
    source: Text
    needs: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = Field(min_length=1)
    file: str = ""


def _named_steps(value: Intervention) -> list[dict[str, Any]]:
    # Fields alone do not say which intervention they belong to.
    return [{step.name: step.settings()} for step in value.steps()]
