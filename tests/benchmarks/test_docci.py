"""DOCCI: the first images by id, asked for a caption."""

import pytest

from ipllvm_spec.benchmarks.captions import CAPTION_PROMPT
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.docci import ASKED
from ipllvm_spec.benchmarks.registry import get_data_set
from ipllvm_spec.errors import DataError


def test_items_in_order_of_their_ids(write_parquet, make_rows):
    """Rows come in any order; images are found again by item."""
    folder = write_parquet("docci", make_rows("docci", 5))
    loaded = load_items(get_data_set("docci"), str(folder))
    assert [item.item_id for item in loaded.items] == [f"test_{i:05d}" for i in range(1, 6)]
    assert [item.row for item in loaded.items] == [4, 3, 2, 1, 0]
    assert loaded.items[0].gold == "A long description of photograph 4."
    assert {item.prompt for item in loaded.items} == {CAPTION_PROMPT}
    assert len({item.image_digest for item in loaded.items}) == 5
    assert loaded.row_of["test_00001"] == 4
    assert loaded.image("test_00001").size == (12, 8)


def test_the_first_of_a_large_split():
    """Of more rows the first 1,024 ids are kept, and only their images are looked at."""
    rows = [{"example_id": f"test_{i:05d}", "description": "x"} for i in range(1500)]
    items = get_data_set("docci").items(rows[::-1])
    assert [item.item_id for item in items] == [f"test_{i:05d}" for i in range(ASKED)]
    assert {item.cluster_id for item in items} == {item.item_id for item in items}


@pytest.mark.parametrize("column", ["example_id", "description"])
def test_a_row_without_a_field(column):
    """The error names the row and the column."""
    rows = [{"example_id": "a", "description": "x"}, {"example_id": "b", "description": "y"}]
    rows[1][column] = None
    with pytest.raises(DataError, match=f"docci, row 1: column '{column}' holds None"):
        get_data_set("docci").items(rows)
