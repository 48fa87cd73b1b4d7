"""How much memory each pytest worker adds, and how many engine processes there are.

Runs ``pytest properties/`` with one and with four workers, samples the proportional set size (PSS:
pages shared by n processes count 1/n each) of every process of the run, and prints the maxima and
what each of the three further workers adds to the run, its engine left out.
Usage: ``python bench/memory.py [--units 60]``
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
MIB = 1024 * 1024
COUNTS = (1, 4)
#: How execnet starts the interpreter of an xdist worker.
WORKER = "exec(eval(sys.stdin.readline()))"


@dataclass
class Peak:
    """Largest values seen during one run, in MiB of PSS."""

    workers: list[float] = field(default_factory=list)
    engines: int = 0
    engine: float = 0.0
    rest: float = 0.0


def sample(run: psutil.Process, peak: Peak) -> None:
    """Adds one look at all processes of a run."""
    workers, engines, rest = [], [], 0.0
    for process in [run, *run.children(recursive=True)]:
        try:
            command = " ".join(process.cmdline())
            pss = process.memory_full_info().pss / MIB
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if "ipllvm_spec.engine.process" in command:
            engines.append(pss)
            continue
        rest += pss
        if WORKER in command:
            workers.append(pss)
    peak.rest = max(peak.rest, rest)
    peak.engines = max(peak.engines, len(engines))
    peak.engine = max(peak.engine, *engines, 0.0)
    if sum(workers) > sum(peak.workers):
        peak.workers = workers


def watch(workers: int, *, units: int) -> Peak:
    """Runs the properties on mini-llava and returns the peaks."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "pytest", "properties/", "-n", str(workers), "-q"),
            *("--models", "mini-llava", "--units", str(units), "--run-dir", folder),
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as run:
            peak = Peak()
            while run.poll() is None:
                sample(psutil.Process(run.pid), peak)
                time.sleep(0.2)
    return peak


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--units", type=int, default=60)
    options = parser.parse_args(argv)
    print("workers  engines  engine MiB  per worker MiB (mean, max)  pytest in all MiB")
    rest = {}
    for workers in COUNTS:
        peak = watch(workers, units=options.units)
        mean = sum(peak.workers) / max(1, len(peak.workers))
        print(
            f"{workers:7}  {peak.engines:7}  {peak.engine:10.0f}  {mean:14.1f}, "
            f"{max(peak.workers, default=0.0):.1f}  {peak.rest:18.0f}",
            flush=True,
        )
        rest[workers] = peak.rest
    few, many = COUNTS
    print(f"each further worker adds {(rest[many] - rest[few]) / (many - few):.1f} MiB")


if __name__ == "__main__":
    main()
