"""Seeds for every random choice, derived from what the choice is about and nothing else."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: str | int) -> int:
    """Derives a 63-bit seed from named parts.

    The same parts give the same seed in every process, on every platform and for every number
    of workers; Python's own ``hash`` would not.

    Args:
        *parts: For example suite seed, canonical intervention, item id, repeat.

    Returns:
        An integer in [0, 2**63).
    """
    # The separator cannot occur in a repr of str or int, so ("a", "b") and ("ab",) differ.
    text = "\x1f".join(repr(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
