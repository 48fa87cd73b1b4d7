"""Small data sets with the published column names, types and file layout."""

import importlib
import os
from pathlib import Path

import datasets
import pytest

from ipllvm_spec.spec.loader import load_suite
from tests.benchmarks import published as schemas

FEATURES, SPLITS, ROWS = {}, {}, {}
for _file in sorted(Path(schemas.__file__).parent.glob("[a-z]*.py")):
    _module = importlib.import_module(f"{schemas.__name__}.{_file.stem}")
    FEATURES |= _module.FEATURES
    SPLITS |= _module.SPLITS
    ROWS |= _module.ROWS


def rows_of(name, count=4):
    """Makes rows as published, ``count`` a multiple of 2."""
    return ROWS[name](count)


#: A parquet file of a split as the Hub names it.
PUBLISHED_FILE = "data/{split}-00000-of-00001-0a1b.parquet"


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
    return schemas.png


@pytest.fixture
def published(make_rows, write_parquet):
    """Writes a data set, with as many rows as published unless told otherwise."""

    def write(name, *, count=None, file=PUBLISHED_FILE, folder="repo", **change):
        entry = load_suite().benchmarks[name]
        rows = [row | change for row in make_rows(name, count or entry.items)]
        return write_parquet(name, rows, file=file.format(split=entry.split), folder=folder)

    return write
