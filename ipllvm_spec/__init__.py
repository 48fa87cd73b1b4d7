"""Decide whether a large language-and-vision model has the properties of the paper.

The paper is "Intriguing Properties of Large Language and Vision Models" (arXiv 2410.04751).
Run the suite with ``pytest properties/ -n 4``, or ``ipllvm run`` from an installed wheel.
"""

__version__ = "2026.11.0"
