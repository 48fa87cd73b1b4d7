"""A small valid spec folder that tests break in one place at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MODELS = """\
[model.small]
title = "small"
path = "small"
family = "llava"
dtype = "float32"
mini = true
data = "twin"

[model.big]
title = "Big-7B"
hub = "someone/big-7b"
family = "llava"
dtype = "float16"
printed = "Big"
"""

BENCHMARKS = """\
[benchmark.quiz]
title = "Quiz"
hub = ["someone/quiz"]
split = "test"
licence = "MIT"
units = 1000
items = 2000
twin_units = 300
twin_items = 600

[benchmark.charts]
title = "Charts"
hub = ["someone/charts"]
split = "test"
licence = "MIT"
units = 100
items = 100
twin_units = 50
twin_items = 50
"""

PROFILES = """\
[profile.smoke]
models = ["small"]
units = 60
max_repeats = 1
leaves_out = []
one_benchmark = ["charts"]

[profile.default]
models = ["small"]
max_repeats = 1

[profile.paper]
models = ["small", "big"]
"""

PAPER = """\
title = "A paper"

[table1]
condition = "shuffled"
runs = 5
average = [{ model = "Big", delta = "-1.50" }]
cell = [
    { model = "Big", benchmark = "Quiz", baseline = "36.00", perturbed = "34.50", delta = "-1.50" },
]

[table2]
clip_i_model = "CLIP"
clip_i_mmvp = "0.84"
clip_i_mathvista = "0.61"
row = []

[table3]
images_per_dataset = 1000
cell = []
average = []
footnote = { model = "Big", encoder = "CLIP", dataset = "Count", gain = "+1.0" }
"""

ORDER = """\
[property]
statement = "Order does not matter."
source = "section 1"
needs = ["visual_tokens"]

[claim.seen]
statement = "The image is used."
control = { blank_image = {} }
benchmarks = ["quiz", "charts"]
early_stop = true
limit.gap = { at_least = 10.0, why = "else it was not used" }

[claim.survives]
statement = "Shuffling costs little."
intervention = { permute_tokens = { scope = "patches" } }
benchmarks = ["quiz", "charts"]
repeats = 5
requires = ["order.seen"]
feeds = ["table1", "order.average"]
limit.drop = { at_most = 2.0, why = "the band" }
expect."big:charts" = { verdict = "fail", reason = "printed" }

[claim.average]
statement = "Shuffling costs little on average."
intervention = { permute_tokens = { scope = "patches" } }
benchmarks = ["quiz", "charts"]
repeats = 5
aggregate = "mme_scaled_28"
reported = ["median"]
limit.average_drop = { at_most = 2.0, why = "the band" }
expect."small:average" = { verdict = "fail", reason = "slots" }

[claim.worst]
statement = "No order breaks it."
intervention = { permute_tokens = { scope = "patches" } }
benchmarks = ["quiz"]
search = {items = 32, spans = 8, finds = 9.0, examples = {smoke = 2, default = 10, paper = 100}}
limit.worst_drop = { at_most = 10.0, why = "clear" }
"""

FILES = {
    "models.toml": MODELS,
    "benchmarks.toml": BENCHMARKS,
    "profiles.toml": PROFILES,
    "paper.toml": PAPER,
    "order.toml": ORDER,
}

Edit = Callable[[str, str, str], Path]


@pytest.fixture
def spec_folder(tmp_path: Path) -> Path:
    """A folder of valid specs."""
    folder = tmp_path / "specs"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def edit(spec_folder: Path) -> Edit:
    """Replaces the first occurrence of a text in one file; the text must be there."""

    def replace(file: str, old: str, new: str) -> Path:
        path = spec_folder / file
        text = path.read_text()
        assert old in text, f"{file} does not contain {old!r}"
        path.write_text(text.replace(old, new, 1))
        return spec_folder

    return replace
