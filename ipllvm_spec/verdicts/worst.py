"""The judge of a search: what was found must survive units on which it was not searched.

The best of B tries looks worse than it is: with a true drop of 1 point for every candidate the
largest of 100 seen on 100 units is about 8. So the search value is never evidence; one frozen
intervention is measured again on held-out units. A search that finds nothing proves nothing
about all interventions, only that few of those drawn at random violate the limit.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from ipllvm_spec.errors import SpecError, UsageError
from ipllvm_spec.spec.schema import Limit
from ipllvm_spec.verdicts.frame import ALPHA, Frame
from ipllvm_spec.verdicts.judge import require_statistic
from ipllvm_spec.verdicts.population import judge_population
from ipllvm_spec.verdicts.streams import Layout, Stream
from ipllvm_spec.verdicts.verdict import Outcome, Verdict


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search did.

    Attributes:
        tries: Interventions tried.
        random_tries: Those of them that were independent uniform draws, made before and
            regardless of what the others showed.
        violations: Tries whose value on the search units was beyond the limit.
        units: Units on which each was tried.
        value: Largest value seen, in points: biased, not evidence.
        found: Text of the frozen intervention, "" when nothing was found.
        shrunk: Whether it was a find; else it is only the worst of all tries, whose value lies
            between the limit and what counts as a find.
    """

    tries: int
    random_tries: int
    violations: int
    units: int
    value: float | None
    found: str = ""
    shrunk: bool = True


def largest_violating_share(random_tries: int, *, alpha: float = ALPHA) -> float:
    """Share of all interventions that may violate although none of the random tries did.

    Returns:
        ``1 - alpha ** (1 / B)``, which is 1.0 without any try; 59 tries give 5 %.
    """
    return 1.0 if random_tries < 1 else -math.expm1(math.log(alpha) / random_tries)


def tries_for_share(share: float, *, alpha: float = ALPHA) -> int:
    """Random tries without a violation after which at most ``share`` may violate."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must lie strictly between 0 and 1, got {share}")
    return math.ceil(math.log(alpha) / math.log1p(-share) - 1e-9)


def judge_worst(
    search: Search,
    confirm: Stream | None,
    limit: Limit,
    *,
    n_total: int,
    share: float | None = None,
    alpha: float = ALPHA,
) -> Verdict:
    """Decides "no intervention of this kind was found to go beyond the limit".

    Args:
        search: What the search did.
        confirm: The frozen intervention on the held-out units, when something was found.
        limit: A limit ``at_most`` of the statistic ``worst_drop``.
        n_total: Units of the benchmark.
        share: Share of interventions that may violate; with fewer random tries than that needs
            a search without a find is INCONCLUSIVE. None: the share reached is only reported.
        alpha: Allowed probability of a wrong decision, per side.

    Raises:
        SpecError: When the limit bounds another statistic or from below.
        UsageError: When a find comes without held-out scores, or the other way round.
    """
    require_statistic(limit, "worst_drop")
    if limit.at_most is None:
        raise SpecError("worst_drop needs 'at_most'", "a search looks for what breaks a claim")
    if (search.violations > 0) != (confirm is not None):
        raise UsageError(
            f"{search.violations} violations with{'out' if confirm is None else ''} held-out "
            "scores",
            "measure the frozen intervention on the held-out units exactly when one was found",
        )
    reached = largest_violating_share(search.random_tries, alpha=alpha)
    details: dict[str, Any] = {"search": asdict(search), "violating_share_at_most": reached}
    if confirm is None:
        frame = Frame(limit, n_total, cut=False, alpha=alpha)
        verdict = _nothing_found(search, frame, reached=reached, share=share)
    else:
        verdict = _confirmed(search, confirm, limit, n_total=n_total, alpha=alpha)
    return replace(verdict, details={**verdict.details, **details})


def _nothing_found(search: Search, frame: Frame, *, reached: float, share: float | None) -> Verdict:
    said = (
        f"no violation in {search.tries} tries on {search.units} units; by its "
        f"{search.random_tries} random draws at most {100 * reached:.1f} % of all violate "
        f"({100 * (1 - frame.alpha):.0f} % sure)"
    )
    enough = search.tries > 0 and (share is None or reached <= share)
    if not enough and share is not None:
        needed = tries_for_share(share, alpha=frame.alpha)
        said += f", {100 * share:.1f} % are allowed: needs {needed} random draws"
    return frame.verdict(
        Outcome.PASS if enough else Outcome.INCONCLUSIVE,
        estimate=None if search.value is None else search.value / 100.0,
        bounds=None,
        about="",
        n=search.units,
        clusters=search.units,
        method="search",
        reason=said,
    )


def _confirmed(
    search: Search, confirm: Stream, limit: Limit, *, n_total: int, alpha: float
) -> Verdict:
    layout = Layout.of(confirm)
    # One order on held-out units says something about units like these, whatever the target of
    # the claim: on the very units the worst of many orders is beyond every limit by chance.
    frame = Frame(
        limit.model_copy(update={"target": "population"}),
        layout.n_total,
        cut=confirm.available < layout.n_total,
        alpha=alpha,
    )
    # No floor: a FAIL needs none, and the worst of many tries need not be surprising.
    held_out = judge_population(confirm, layout, frame, floor=False)
    failed = held_out.outcome is Outcome.FAIL
    # A find that does not hold elsewhere stays open: another may. Without a find the worst of all
    # tries decides, and where it is within the limit so are the others as far as was seen.
    passed = held_out.outcome is Outcome.PASS and not search.shrunk
    outcome = Outcome.PASS if passed else Outcome.INCONCLUSIVE
    seen = "" if search.value is None else f" ({search.value:.1f} points on the search units)"
    what = "costs" if failed else "looked worst and costs" if passed else "was not confirmed:"
    return replace(
        held_out,
        outcome=Outcome.FAIL if failed else outcome,
        n_total=n_total,
        method="search, confirmed on held-out units",
        reason=(
            f"{search.found}{seen} {what} {held_out.measured()} points on {held_out.n} "
            "held-out units"
        ),
    )
