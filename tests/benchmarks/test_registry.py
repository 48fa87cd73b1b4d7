"""Benchmarks by name, with clear errors, and imports that workers can afford."""

import subprocess
import sys

import pytest

from ipllvm_spec.benchmarks.registry import BENCHMARKS, get_benchmark
from ipllvm_spec.errors import UnknownNameError
from ipllvm_spec.spec.loader import load_suite

HEAVY = ("torch", "transformers", "datasets", "pyarrow", "PIL", "pandas", "huggingface_hub")


def test_the_registry_is_frozen_and_named():
    """Every benchmark is found under its own name; nothing can be added at run time."""
    for name in BENCHMARKS:
        assert get_benchmark(name).name == name
        assert get_benchmark(name).mode == "standard"
    with pytest.raises(TypeError):
        BENCHMARKS["new"] = BENCHMARKS["mmvp"]


def test_registry_and_spec_name_the_same_benchmarks():
    """What benchmarks.toml declares can be scored, and the reverse."""
    assert set(BENCHMARKS) == set(load_suite().benchmarks)


def test_unknown_names():
    """The nearest right name, or the modes there are, are part of the message."""
    with pytest.raises(UnknownNameError, match="did you mean 'mmstar'"):
        get_benchmark("mmstarr")
    with pytest.raises(UnknownNameError, match="'mme' has no protocol mode 'paper'"):
        get_benchmark("mme", "paper")


@pytest.mark.parametrize("module", ["registry", "data", "parsing"])
def test_light_imports(module):
    """A worker that scores imports no model, data or image library."""
    code = (
        f"import sys, ipllvm_spec.benchmarks.{module}\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
