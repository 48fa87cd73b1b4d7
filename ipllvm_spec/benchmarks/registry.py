"""All benchmarks and data sets by name. Importing this loads no data and no heavy package."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ipllvm_spec.errors import UnknownNameError, nearest, unknown_name

if TYPE_CHECKING:
    from ipllvm_spec.benchmarks.base import Benchmark, DataSet

_HERE = "ipllvm_spec.benchmarks"

#: The ten of Table 1 in its order, GSM8K, the sets of Table 3, ImageNet. A factory takes the mode.
BENCHMARKS: Mapping[str, str] = MappingProxyType(
    {
        "mmvp": "mmvp:Mmvp",
        "qbench": "qbench:QBench",
        "mme": "mme:Mme",
        "mmstar": "mmstar:MmStar",
        "mmvet": "mmvet:MmVet",
        "llava_w": "llava_w:LlavaW",
        "mathvista": "mathvista:MathVista",
        "sqa": "sqa:ScienceQa",
        "chartqa": "chartqa:ChartQa",
        "ai2d": "ai2d:Ai2d",
        "gsm8k": "gsm8k:Gsm8k",
        "caltech101": "classification:Caltech101",
        "cifar100": "classification:Cifar100",
        "food101": "classification:Food101",
        "pets": "classification:Pets",
        "country211": "classification:Country211",
        "eurosat": "classification:EuroSat",
        "aircraft": "classification:Aircraft",
        "imagenet": "classification:ImageNet",
    }
)

#: What is loaded, scored or not.
DATA_SETS: Mapping[str, str] = MappingProxyType({**BENCHMARKS, "docci": "docci:Docci"})


def get_benchmark(name: str, mode: str = "standard") -> Benchmark:
    """Returns the benchmark of that name in one protocol mode.

    Raises:
        UnknownNameError: For an unknown name or mode, with the nearest right one.
    """
    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    made: type[Benchmark] = pkgutil.resolve_name(f"{_HERE}.{BENCHMARKS[name]}")
    if mode not in made.modes:
        raise UnknownNameError(
            f"benchmark '{name}' has no protocol mode '{mode}', only {', '.join(made.modes)}",
            nearest(mode, made.modes),
        )
    return made(mode)  # type: ignore[call-arg]  # protocols do not declare constructors


def get_data_set(name: str) -> DataSet:
    """Returns a benchmark in its first mode, or a data set that no metric belongs to.

    Raises:
        UnknownNameError: For an unknown name, with the nearest right one.
    """
    if name in BENCHMARKS:
        return get_benchmark(name)
    if name not in DATA_SETS:
        raise unknown_name("data set", name, DATA_SETS)
    made: type[DataSet] = pkgutil.resolve_name(f"{_HERE}.{DATA_SETS[name]}")
    return made()
