"""How many units a limit needs, and what a number of units can decide.

All differences and limits are means in [-1, 1], not points.
"""

from __future__ import annotations

import math

from ipllvm_spec.statistics.quantiles import normal_quantile

POWER = 0.8

#: More units than this no benchmark has; a larger answer means "cannot be decided".
LARGEST = 10**7


def floor_units(limit: float, *, alpha: float) -> int | None:
    """Smallest n at which units that do not change at all give an upper bound within a limit.

    With zero discordant pairs the score bound is ``z^2 / (n + z^2)``; below this n a PASS of
    "at most ``limit``" is out of reach for a model that is not affected at all.

    Returns:
        The number, or None for a limit of 0 or less, which no number of units can show.
    """
    if limit <= 0.0:
        return None
    if limit >= 1.0:
        return 1
    z2 = normal_quantile(1.0 - alpha) ** 2
    # The subtracted grain keeps an n that fits exactly from being rounded up by a float.
    return max(1, math.ceil(z2 * (1.0 - limit) / limit - 1e-9))


def floor_bound(n: float, *, alpha: float) -> float:
    """Upper bound given by ``n`` independent units none of which changed."""
    z2 = normal_quantile(1.0 - alpha) ** 2
    return z2 / (n + z2)


def sample_size(
    limit: float, *, difference: float, discordance: float, alpha: float, effect: float = 1.0
) -> int | None:
    """Units with which "at most ``limit``" is decided with 80 % power.

    For a true difference below the limit this is the n for PASS; above it the n for FAIL, which
    is the same question with the sign of everything turned.

    Args:
        limit: The limit.
        difference: Assumed true mean difference.
        discordance: Assumed share of units that change at all; raised to ``|difference|``.
        alpha: Allowed one-sided error.
        effect: Design effect of clustered rows.

    Returns:
        The number, or None when the difference is the limit or more than any benchmark has.
    """
    if difference > limit:
        limit, difference = -limit, -difference
    q = max(discordance, abs(difference))
    worse, better = (q + difference) / 2.0, (q - difference) / 2.0
    # Variance under the null: the limit of Tango's restricted maximum likelihood estimate.
    linear = -(worse + better) + (2.0 - worse + better) * limit
    constant = -better * limit * (1.0 - limit)
    root = math.sqrt(max(linear * linear - 8.0 * constant, 0.0))
    p = min(max((root - linear) / 4.0, 0.0, -limit), (1.0 - limit) / 2.0)
    null = math.sqrt(max(2.0 * p + limit * (1.0 - limit), 0.0))
    true = math.sqrt(max(q - difference**2, 0.0))
    z_null, z_power = normal_quantile(1.0 - alpha), normal_quantile(POWER)
    distance = limit - difference
    if distance <= 0.0:
        return None
    needed = effect * ((z_null * null + z_power * true) / distance) ** 2
    return math.ceil(needed) if needed < LARGEST else None


def detectable(n: float, *, discordance: float, alpha: float) -> float:
    """Smallest distance from the limit that ``n`` units decide with 80 % power.

    Normal approximation; never below what unchanged units would need.

    Args:
        n: Effective number of units (divided by a design effect, if there is one).
        discordance: Variance of one unit's difference; for scores of 0 or 1 the share of units
            that change.
        alpha: Allowed one-sided error.
    """
    z = normal_quantile(1.0 - alpha) + normal_quantile(POWER)
    return max(z * math.sqrt(discordance / n), floor_bound(n, alpha=alpha))
