"""Benchmarks by name, with clear errors, and imports that workers can afford."""

import subprocess
import sys

import pytest

from ipllvm_spec.benchmarks.registry import BENCHMARKS, DATA_SETS, get_benchmark, get_data_set
from ipllvm_spec.errors import UnknownNameError
from ipllvm_spec.spec.loader import load_suite

HEAVY = ("torch", "transformers", "datasets", "pyarrow", "PIL", "pandas", "huggingface_hub")


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_benchmark_is_found_under_its_own_name(name):
    """In every mode that it offers; the first is standard, and the ten have the paper's too."""
    modes = get_benchmark(name).modes
    assert modes[0] == "standard"
    assert "paper" in modes
    for mode in modes:
        benchmark = get_benchmark(name, mode)
        assert (benchmark.name, benchmark.mode) == (name, mode)
        assert benchmark.image_column is None or benchmark.image_column in benchmark.columns
        assert benchmark.scale in (100.0, 2800.0)
        assert benchmark.decoding.max_new_tokens > 0


def test_the_registry_is_frozen():
    """Nothing can be added at run time."""
    with pytest.raises(TypeError):
        BENCHMARKS["new"] = BENCHMARKS["mmvp"]


def test_registry_and_spec_name_the_same_data():
    """What benchmarks.toml declares can be loaded, and the reverse, under one title."""
    declared = load_suite().benchmarks
    assert {name: entry.title for name, entry in declared.items()} == {
        name: get_data_set(name).title for name in DATA_SETS
    }


def test_unknown_names():
    """The nearest right name, or the modes there are, are part of the message."""
    with pytest.raises(UnknownNameError, match="did you mean 'mmstar'"):
        get_benchmark("mmstarr")
    with pytest.raises(UnknownNameError, match="'mme' has no protocol mode 'raw', only standard"):
        get_benchmark("mme", "raw")
    with pytest.raises(UnknownNameError, match="did you mean 'docci'"):
        get_data_set("docc")
    with pytest.raises(UnknownNameError, match="unknown benchmark 'docci'"):
        get_benchmark("docci")


MODULES = sorted({target.partition(":")[0] for target in DATA_SETS.values()})


@pytest.mark.parametrize("module", ["registry", "data", "parsing", *MODULES])
def test_light_imports(module):
    """A worker that scores imports no model, data or image library."""
    code = (
        f"import sys, ipllvm_spec.benchmarks.{module}\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
