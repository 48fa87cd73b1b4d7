"""The one answer parser: letters, yes or no, short answers and numbers.

What is extracted depends on the answer and on what was asked (letters, option texts), never on
the gold answer. An answer that no rule can read is ``UNPARSED``: it scores wrong, and it is
counted on its own. ``trol`` holds the rules of the evaluator that the paper's numbers fit.
"""

from ipllvm_spec.benchmarks.parsing.letters import LETTER_RULES, parse_letter
from ipllvm_spec.benchmarks.parsing.outcome import UNPARSED
from ipllvm_spec.benchmarks.parsing.short import parse_short_answer, relaxed_match, to_number
from ipllvm_spec.benchmarks.parsing.yes_no import parse_yes_no

__all__ = [
    "LETTER_RULES",
    "UNPARSED",
    "parse_letter",
    "parse_short_answer",
    "parse_yes_no",
    "relaxed_match",
    "to_number",
]
