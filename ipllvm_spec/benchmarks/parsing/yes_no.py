"""Yes or no."""

from __future__ import annotations

from ipllvm_spec.benchmarks.base import Parsed
from ipllvm_spec.benchmarks.parsing.outcome import UNPARSED


def parse_yes_no(text: str) -> Parsed:
    """Reads "yes" or "no" by the four-character rule of MME's evaluators (lmms-eval's variant).

    Lower case, strip, delete periods; then exactly yes or no; then y or n alone; then "yes" or
    else "no" within the first four characters. "None" and "not sure" are therefore "no", as they
    are in the published numbers.
    """
    answer = text.lower().strip().replace(".", "")
    if answer in ("yes", "no"):
        return Parsed(answer, "exact")
    if answer in ("y", "n"):
        return Parsed("yes" if answer == "y" else "no", "initial")
    for word in ("yes", "no"):
        if word in answer[:4]:
            return Parsed(word, "first_four")
    return UNPARSED
