"""The outcome that every reader of answers shares."""

from __future__ import annotations

from ipllvm_spec.benchmarks.base import Parsed

#: No rule can read the answer. It scores wrong, and it is counted on its own.
UNPARSED = Parsed(None, "unparsed")
