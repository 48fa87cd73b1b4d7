"""How much memory loading a benchmark takes, and that no image stays behind.

Writes rows with small distinct images in ChartQA's published layout, loads them in a process of
its own as a run does, then decodes every image once. Prints anonymous resident memory (the data
themselves are memory-mapped files, which the system takes back at will) in MiB: what the loaded
items keep, the peak of loading above that, and what decoding all images adds.
Usage: ``python bench/data_memory.py [--rows 5000 50000] [--side 32]``
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

MIB = 1024 * 1024
_GROUP = 500


def write(folder: Path, *, rows: int, side: int) -> None:
    """Writes ``test.parquet``, a few hundred rows at a time."""
    import io

    from PIL import Image

    draw = np.random.default_rng(0)
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [
            ("type", pa.string()),
            ("question", pa.string()),
            ("answer", pa.string()),
            ("image", image),
        ]
    )
    with parquet.ParquetWriter(folder / "test.parquet", schema) as writer:
        for start in range(0, rows, _GROUP):
            numbers = range(start, min(start + _GROUP, rows))
            cells = []
            for _ in numbers:
                file = io.BytesIO()
                Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(
                    file, format="PNG"
                )
                cells.append({"bytes": file.getvalue(), "path": None})
            columns = {
                "type": [("human_test", "augmented_test")[n % 2] for n in numbers],
                "question": [f"What is the value of bar {n}?" for n in numbers],
                "answer": [str(n) for n in numbers],
                "image": cells,
            }
            writer.write_table(pa.Table.from_pydict(columns, schema=schema))


def anonymous() -> float:
    """Returns this process's anonymous resident memory in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("RssAnon is not in /proc/self/status: this needs Linux 4.5 or newer")


class Peak:
    """Samples memory in a thread while a block runs."""

    def __enter__(self) -> Peak:
        self.value = anonymous()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.02):
            self.value = max(self.value, anonymous())


def measure(folder: Path) -> None:
    """Loads and decodes everything in ``folder`` and prints the three numbers."""
    # Importing is paid once, whatever the number of rows.
    import ipllvm_spec.benchmarks.sources  # noqa: F401
    from ipllvm_spec.benchmarks.data import load_items
    from ipllvm_spec.benchmarks.registry import get_benchmark

    before = anonymous()
    with Peak() as loading:
        loaded = load_items(get_benchmark("chartqa"), str(folder))
    after = anonymous()
    with Peak() as decoding:
        for item in loaded.items:
            loaded.image(item.item_id)
    print(after - before, loading.value - after, decoding.value - after)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--side", type=int, default=32, help="pixels of an image's side")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.measure:
        measure(options.measure)
        return
    print("   rows  parquet MiB  items MiB  loading peak MiB  decoding MiB")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "data"
            folder.mkdir()
            write(folder, rows=rows, side=options.side)
            done = subprocess.run(
                [sys.executable, __file__, "--measure", str(folder)],
                env=os.environ | {"IPLLVM_CACHE": f"{name}/cache"},
                capture_output=True,
                text=True,
                check=True,
            )
            items, peak, decoding = map(float, done.stdout.split())
            size = sum(file.stat().st_size for file in folder.iterdir()) / MIB
        print(f"{rows:7}  {size:11.1f}  {items:9.1f}  {peak:16.1f}  {decoding:12.1f}", flush=True)


if __name__ == "__main__":
    main()
