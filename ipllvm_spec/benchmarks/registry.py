"""All benchmarks by name. Importing this loads no data and no heavy package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ipllvm_spec.benchmarks.base import Benchmark
from ipllvm_spec.benchmarks.chartqa import ChartQa
from ipllvm_spec.benchmarks.mme import Mme
from ipllvm_spec.benchmarks.mmstar import MmStar
from ipllvm_spec.benchmarks.mmvp import Mmvp
from ipllvm_spec.errors import UnknownNameError, nearest, unknown_name

#: Protocol modes on offer; ``standard`` is the community's.
MODES = ("standard",)

#: Name to factory; a factory takes the mode.
BENCHMARKS: Mapping[str, Callable[[str], Benchmark]] = MappingProxyType(
    {"chartqa": ChartQa, "mme": Mme, "mmstar": MmStar, "mmvp": Mmvp}
)


def get_benchmark(name: str, mode: str = "standard") -> Benchmark:
    """Returns the benchmark of that name in one protocol mode.

    Raises:
        UnknownNameError: For an unknown name or mode, with the nearest right one.
    """
    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    if mode not in MODES:
        raise UnknownNameError(
            f"benchmark '{name}' has no protocol mode '{mode}'", nearest(mode, MODES)
        )
    return BENCHMARKS[name](mode)
