"""What importing the reports costs a pytest worker: nothing heavy."""

from __future__ import annotations

import subprocess
import sys

MODULES = (
    "allure",
    "allure_results",
    "failure",
    "names",
    "progress",
    "screen",
    "summary",
    "tables",
)
HEAVY = (
    "matplotlib",
    "PIL",
    "torch",
    "transformers",
    "datasets",
    "pandas",
    "allure",
    "scipy.stats",
)


def test_no_heavy_import():
    """Each xdist worker may add 60 MiB in all; matplotlib alone would take 55."""
    imports = ", ".join(f"ipllvm_spec.reporting.{module}" for module in MODULES)
    code = f"import sys, {imports}; print([name for name in {HEAVY!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
