"""Judges of one limit on one benchmark. They measure through the stream and never more than needed.

Boundary: a value equal to the limit satisfies ``at_most`` and ``at_least``. At full n this is
decided in fractions: unit scores, weights and repeats are ratios of small counts, which are
recovered from their floats, and the limit is the decimal that the spec holds.
"""

from __future__ import annotations

from functools import partial

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.census import judge_benchmark
from ipllvm_spec.verdicts.frame import ALPHA, Frame
from ipllvm_spec.verdicts.population import judge_population
from ipllvm_spec.verdicts.streams import Layout, Stream
from ipllvm_spec.verdicts.verdict import Verdict


def judge_limit(
    stream: Stream,
    limit: Limit,
    *,
    statistic: str,
    early_stop: bool = False,
    suite_size: int = 1,
    measure_below_floor: bool = False,
    alpha: float = ALPHA,
) -> Verdict:
    """Decides a limit on the mean difference of two sides, ``intact - other``.

    Args:
        stream: Paired scores; ``available < n_total`` marks a cut measurement.
        limit: A limit of the statistic; its ``target`` says what is decided about.
        statistic: What the check decides, by its name in the spec.
        early_stop: Whether measuring may stop early (target ``benchmark`` only; a population
            claim is always measured whole).
        suite_size: Number of checks in the run; an early FAIL must hold for all together.
        measure_below_floor: Measure a cut benchmark even where it cannot give a PASS; a FAIL is
            still possible there. Otherwise too few units are INCONCLUSIVE without measuring.
        alpha: Allowed probability of a wrong decision, per side.

    Raises:
        SpecError: When the limit bounds another statistic.
    """
    require_statistic(limit, statistic)
    layout = Layout.of(stream)
    cut = stream.available < layout.n_total
    frame = Frame(limit, layout.n_total, cut=cut, alpha=alpha)
    if limit.target == "population":
        return judge_population(stream, layout, frame)
    return judge_benchmark(
        stream,
        layout,
        frame,
        early_stop=early_stop,
        suite_size=suite_size,
        measure_below_floor=measure_below_floor,
    )


#: How much is lost from ``intact`` to ``other``.
judge_drop = partial(judge_limit, statistic="drop")
#: How far ``intact`` lies above a control.
judge_gap = partial(judge_limit, statistic="gap")
#: How far one mean of conditions lies above another. The units are the replicates, never the
#: conditions.
judge_contrast = partial(judge_limit, statistic="contrast")
#: How much is lost under one of the conditions of a sweep.
judge_one_drop = partial(judge_limit, statistic="every_drop")


def require_statistic(limit: Limit, statistic: str) -> None:
    """Raises ``SpecError`` when a check judges a limit that bounds something else."""
    if limit.statistic != statistic:
        raise SpecError(
            f"the check decides a limit on '{statistic}', the spec declares '{limit.statistic}'",
            f"call the verdict that decides '{limit.statistic}', or change the spec",
        )
