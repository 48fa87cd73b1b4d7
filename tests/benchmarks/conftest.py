"""Small data sets with the published column names, types and file layout."""

import io
import os
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

STRING = datasets.Value("string")
FEATURES = {
    "mmvp": {
        "Index": datasets.Value("int64"),
        "Question": STRING,
        "Options": STRING,
        "Correct Answer": STRING,
        "image": datasets.Image(),
    },
    "mme": {
        "question_id": STRING,
        "image": datasets.Image(),
        "question": STRING,
        "answer": STRING,
        "category": STRING,
    },
    "mmstar": {
        "index": datasets.Value("int64"),
        "question": STRING,
        "image": datasets.Image(),
        "answer": STRING,
        "category": STRING,
        "l2_category": STRING,
        "meta_info": {"source": STRING, "split": STRING, "image_path": STRING},
    },
    "chartqa": {"type": STRING, "question": STRING, "answer": STRING, "image": datasets.Image()},
}
SPLITS = {"mmvp": "train", "mme": "test", "mmstar": "val", "chartqa": "test"}
NAMES = tuple(FEATURES)


def png(seed, *, size=(12, 8), mode="RGB"):
    """Encodes noise that depends on the seed alone."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, format="PNG")
    return file.getvalue()


def _cell(seed):
    return {"bytes": png(seed), "path": None}


def rows_of(name, count=4):
    """Makes rows as published, ``count`` a multiple of 2."""
    if name == "mmvp":
        return [
            {
                "Index": i + 1,
                "Question": "Is the door open?",
                "Options": "(a) Open (b) Closed",
                "Correct Answer": ("(a)", "(b)")[i % 2],
                "image": _cell(i),
            }
            for i in range(count)
        ]
    if name == "mme":
        return [
            {
                "question_id": f"{('count', 'OCR')[i // 2 % 2]}/{i // 2:04d}.jpg",
                "image": _cell(i // 2),
                "question": "Is there a dog? Please answer yes or no.",
                "answer": ("Yes", "No")[i % 2],
                "category": ("count", "OCR")[i // 2 % 2],
            }
            for i in range(count)
        ]
    if name == "mmstar":
        return [
            {
                "index": i,
                "question": "Which one?\nOptions: A: red, B: blue, C: a cat, D: 4",
                "image": _cell(i // 2),
                "answer": "ABCD"[i % 4],
                "category": "math",
                "l2_category": "numeric",
                "meta_info": {"source": "ours", "split": "val", "image_path": "x.png"},
            }
            for i in range(count)
        ]
    return [
        {
            "type": ("human_test", "augmented_test")[i % 2],
            "question": "How many?",
            "answer": str(i),
            "image": _cell(i // 2),
        }
        for i in range(count)
    ]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keeps tests out of the user's cache and lock file; twins are rendered once per run."""
    base = tmp_path_factory.getbasetemp()
    # Under pytest-xdist every worker has a base of its own below the common one.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    monkeypatch.setenv("IPLLVM_CACHE", str(folder))
    monkeypatch.setenv("IPLLVM_LOCK", str(folder / "no.lock"))


@pytest.fixture
def make_rows():
    """Rows of a benchmark as published."""
    return rows_of


@pytest.fixture
def write_parquet(tmp_path):
    """Writes rows into a new folder as one parquet file; returns the folder."""

    def write(name, rows, *, features=None, file=None, folder="data"):
        schema = datasets.Features(features or FEATURES[name])
        path = Path(tmp_path, folder, file or f"{SPLITS[name]}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {column: [row[column] for row in rows] for column in schema}
        datasets.Dataset.from_dict(columns, features=schema).to_parquet(str(path))
        return Path(tmp_path, folder)

    return write


@pytest.fixture
def features():
    """The published features by benchmark; change a copy."""
    return {name: dict(columns) for name, columns in FEATURES.items()}


@pytest.fixture
def encode_png():
    """Encodes seeded noise as PNG."""
    return png
