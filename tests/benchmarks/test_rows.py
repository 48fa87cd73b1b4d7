"""Rows of any layout: column kinds, class labels, rows without an image, images that are broken."""

import contextlib

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipllvm_spec.benchmarks import fields, images
from ipllvm_spec.benchmarks.base import IMAGE_DIGEST, Item
from ipllvm_spec.benchmarks.data import load_items
from ipllvm_spec.benchmarks.images import decode
from ipllvm_spec.benchmarks.registry import get_benchmark
from ipllvm_spec.benchmarks.sources import open_rows
from ipllvm_spec.errors import DataError

TEXT = datasets.Value("string")


class Small:
    """A data set with chosen columns; it asks about the rows whose ``asked`` is not 0."""

    name = "chartqa"  # for the split
    title = "Small"

    def __init__(self, columns, image_column=None):
        self.columns = columns
        self.image_column = image_column

    def items(self, rows):
        """One item from each row that is asked about."""
        return tuple(
            Item(
                str(index),
                str(index),
                str(index),
                "",
                "Which?",
                "A",
                image_digest=fields.image_digest(row),
                row=index,
            )
            for index, row in enumerate(rows)
            if row.get("asked", 1)
        )


@pytest.fixture
def table(write_parquet):
    """Writes one column of values of a type and opens it as a kind."""

    def write(kind, feature, values):
        rows = [{"it": value} for value in values]
        folder = write_parquet("chartqa", rows, features={"it": feature})
        return open_rows(folder, Small({"it": kind}), where="here", revision="local")

    return write


@pytest.mark.parametrize(
    ("kind", "feature", "value"),
    [
        (fields.TEXT, TEXT, "a"),
        (fields.TEXT, datasets.Value("large_string"), "a"),
        (fields.TEXT, datasets.Value("string_view"), "a"),
        (fields.TEXT, datasets.Value("null"), None),
        (fields.INTEGER, datasets.Value("uint8"), 3),
        (fields.INTEGER, datasets.ClassLabel(names=["x", "y"]), 1),
        (fields.FLOAT, datasets.Value("float32"), 0.5),
        (fields.FLOAT, datasets.Value("float64"), None),
        (fields.FLOAT, datasets.Value("int64"), 2),
        (fields.LIST, datasets.List(TEXT), ["a", "b"]),
        (fields.LIST, datasets.LargeList(TEXT), ["a"]),
        (fields.LIST, datasets.List(datasets.Value("large_string")), []),
        (fields.LIST, datasets.List(TEXT), None),
        (fields.LIST, datasets.List(TEXT, length=2), ["a", "b"]),
        (fields.LIST, datasets.Value("null"), None),
        (fields.STRUCT, {"a": TEXT, "b": datasets.List(TEXT)}, {"a": "x", "b": ["y"]}),
        (fields.ANY, TEXT, "a"),
        (fields.ANY, datasets.List(TEXT), ["a"]),
        (fields.ANY, {"a": TEXT}, {"a": "x"}),
    ],
)
def test_kinds_of_columns(table, kind, feature, value):
    """Every variant in which Arrow stores a kind is read as the same values."""
    rows = table(kind, feature, [value, value])
    assert [row["it"] for row in rows.records()] == [value, value]


@pytest.mark.parametrize(
    ("kind", "feature", "value"),
    [
        (fields.TEXT, datasets.List(TEXT), ["a"]),
        (fields.TEXT, datasets.Value("binary"), b"a"),
        (fields.INTEGER, datasets.Value("float32"), 1.0),
        (fields.FLOAT, TEXT, "1"),
        (fields.FLOAT, datasets.Value("bool"), True),
        (fields.LIST, TEXT, "a"),
        (fields.LIST, datasets.List(datasets.Value("int64")), [1]),
        (fields.LIST, datasets.List(datasets.List(TEXT)), [["a"]]),
        (fields.STRUCT, TEXT, "a"),
        (fields.STRUCT, datasets.List(TEXT), ["a"]),
        (fields.IMAGE, datasets.Value("null"), None),
    ],
)
def test_columns_of_another_kind(table, kind, feature, value):
    """What cannot be read as the kind is refused with column, kind and what was found."""
    with pytest.raises(DataError, match=f"here: column 'it' .* must hold {kind}, but holds "):
        table(kind, feature, [value])


def test_texts_of_class_labels(write_parquet):
    """A label comes with the name of its class; one outside the classes has none."""
    rows = [{"label": value} for value in (1, 0, -1, None)]
    features = {"label": datasets.ClassLabel(names=["cat", "dog"])}
    folder = write_parquet("chartqa", rows, features=features)
    data_set = Small({"label": fields.INTEGER})
    records = open_rows(folder, data_set, where="here", revision="local").records()
    assert [fields.label_name(row, "label") for row in records] == ["dog", "cat", "", ""]
    assert [row["label"] for row in records] == [1, 0, -1, None]
    plain = write_parquet("chartqa", rows, features={"label": datasets.Value("int8")}, folder="b")
    records = open_rows(plain, data_set, where="here", revision="local").records()
    assert fields.label_name(records[0], "label") == ""


def test_a_data_set_without_images(write_parquet):
    """Questions without an image column load, have no digest and are not taken for broken."""
    folder = write_parquet("chartqa", [{"it": "a"}, {"it": "b"}], features={"it": TEXT})
    loaded = load_items(Small({"it": fields.TEXT}), str(folder))
    assert [item.image_digest for item in loaded.items] == ["", ""]
    assert (loaded.undecodable, loaded.excluded_units) == ((), ())


def test_an_image_column_of_another_name(write_parquet, encode_png):
    """The column that the data set declares is the image."""
    cells = [{"img": {"bytes": encode_png(n), "path": None}, "it": "x"} for n in range(2)]
    features = {"img": datasets.Image(), "it": TEXT}
    folder = write_parquet("chartqa", cells, features=features)
    loaded = load_items(Small({"img": fields.IMAGE, "it": fields.TEXT}, "img"), str(folder))
    assert loaded.image("1").size == (12, 8)


@pytest.fixture
def pictures(write_parquet, encode_png):
    """Writes rows with an image each; those in ``broken`` have a cut one, in ``empty`` none."""

    def write(count, *, broken=(), empty=(), asked=lambda _: True, folder="data"):
        rows = []
        for number in range(count):
            content = encode_png(number)
            content = content[:50] if number in broken else content
            cell = None if number in empty else {"bytes": content, "path": None}
            rows.append({"image": cell, "asked": int(asked(number))})
        features = {"image": datasets.Image(), "asked": datasets.Value("int64")}
        return write_parquet("chartqa", rows, features=features, folder=folder)

    return write


PICTURES = Small({"image": fields.IMAGE, "asked": fields.INTEGER}, "image")


def test_broken_images_are_left_out_and_counted(pictures):
    """At most one in a hundred may be broken: its row, item and reason are kept, the rest asked."""
    whole = load_items(PICTURES, str(pictures(200, folder="whole")))
    loaded = load_items(PICTURES, str(pictures(200, broken=[3], empty=[150])))
    assert [(part.row, part.item_id) for part in loaded.undecodable] == [(3, "3"), (150, "150")]
    assert "cannot be decoded" in loaded.undecodable[0].reason
    assert loaded.undecodable[1].reason == "the row has no image"
    assert loaded.excluded_units == ("3", "150")
    assert loaded.items == tuple(i for i in whole.items if i.item_id not in ("3", "150"))
    assert loaded.content_digest != whole.content_digest
    assert loaded.image("199").tobytes() == whole.image("199").tobytes()


def test_too_many_broken_images(pictures):
    """More than one in a hundred is another benchmark: the count and the first rows are named."""
    with pytest.raises(DataError) as caught:
        load_items(PICTURES, str(pictures(200, broken=[7, 3, 150])))
    message = str(caught.value)
    assert "3 of 200 images of chartqa" in message
    assert "more than 1%: row 3: the image cannot be decoded" in message
    assert message.index("row 3:") < message.index("row 7:") < message.index("row 150:")


def test_only_what_is_asked_about_counts(pictures):
    """Broken images of rows that the benchmark leaves out keep nobody back."""
    folder = pictures(200, broken=range(100), asked=lambda number: number >= 100)
    loaded = load_items(PICTURES, str(folder))
    assert (len(loaded.items), loaded.undecodable) == (100, ())


def test_both_of_a_pair_are_left_out(make_rows, write_parquet, encode_png):
    """Half a pair cannot be scored as published, so the partner of a broken row goes too."""
    rows = make_rows("mmvp", 200)
    rows[11]["image"] = {"bytes": encode_png(1)[:40], "path": None}
    benchmark = get_benchmark("mmvp")
    loaded = load_items(benchmark, str(write_parquet("mmvp", rows)))
    units = benchmark.units(loaded.items)
    assert (len(loaded.items), len(units), loaded.excluded_units) == (198, 99, ("pair-6",))
    assert sum(unit.weight for unit in units) == pytest.approx(1.0)
    assert not {"11", "12"} & loaded.row_of.keys()


def test_images_are_decoded_only_where_they_are_asked_for(pictures, monkeypatch):
    """Of many rows those of an index list cost a decoding, however often they are looked at."""
    folder = pictures(60, asked=lambda number: number % 20 == 0)
    decoded = []
    monkeypatch.setattr(images, "decode", lambda content: decoded.append(1) or decode(content))
    assert len(load_items(PICTURES, str(folder)).items) == 3
    assert len(decoded) == 3
    rows = open_rows(folder, PICTURES, where="here", revision="local")
    records = rows.records()
    first = records[0]
    assert first[IMAGE_DIGEST] == first[IMAGE_DIGEST] == records[0][IMAGE_DIGEST]
    assert len(decoded) == 4


def test_records_are_a_sequence_of_mappings(pictures):
    """Rows by number, from the end, as a slice and as a whole are the same rows."""
    rows = open_rows(pictures(5), PICTURES, where="here", revision="local")
    records = rows.records()
    assert len(records) == 5
    assert dict(records[-1]) == dict(records[4]) == [dict(row) for row in records][4]
    assert [dict(row) for row in records[1:4:2]] == [dict(records[1]), dict(records[3])]
    assert set(records[0]) == {"asked", IMAGE_DIGEST}
    assert (len(records[0]), "image" in records[0], IMAGE_DIGEST in records[0]) == (2, False, True)
    with pytest.raises(IndexError):
        records[5]


READERS = {
    fields.TEXT: fields.text,
    fields.INTEGER: fields.integer,
    fields.FLOAT: fields.number,
    fields.LIST: fields.list_of_text,
    fields.STRUCT: fields.record,
}
#: What each reader takes, and how it gives it back.
TAKEN = {
    fields.TEXT: [("a", "a"), ("", "")],
    fields.INTEGER: [(-3, -3)],
    fields.FLOAT: [(0.5, 0.5), (2, 2.0)],
    fields.LIST: [(["a", ""], ("a", "")), ([], ()), (("a",), ("a",))],
    fields.STRUCT: [({"a": 1}, {"a": 1})],
}


@pytest.mark.parametrize("kind", READERS)
def test_readers_of_fields(kind):
    """A reader takes its own kind; everything else, null and absence too, names row and column."""
    others = [value for other in TAKEN if other != kind for value, _ in TAKEN[other]]
    if kind == fields.FLOAT:
        others = [value for value in others if value != -3]
    for value, given_back in TAKEN[kind]:
        assert READERS[kind]({"it": value}, "it", benchmark="b", index=4) == given_back
    wrong = [None, True, float("nan"), float("inf"), [1], *others]
    for row in [{}, *({"it": value} for value in wrong)]:
        if kind == fields.INTEGER and type(row.get("it")) is int:
            continue
        with pytest.raises(DataError, match=r"^b, row 4: column 'it' holds .*, not a"):
            READERS[kind](row, "it", benchmark="b", index=4)


def test_readers_of_fields_that_may_be_empty():
    """Null and absence are nothing where the benchmark says so; a wrong value is still wrong."""
    for row in ({}, {"it": None}):
        assert fields.optional_text(row, "it", benchmark="b", index=0) == ""
        assert fields.optional_number(row, "it", benchmark="b", index=0) is None
        assert fields.list_of_text(row, "it", benchmark="b", index=0, optional=True) == ()
    for read in (fields.optional_text, fields.optional_number):
        with pytest.raises(DataError, match="row 0"):
            read({"it": ["a"]}, "it", benchmark="b", index=0)
    with pytest.raises(DataError, match="row 0"):
        fields.list_of_text({"it": "abc"}, "it", benchmark="b", index=0, optional=True)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_readers_give_their_kind_or_a_data_error(value):
    """Whatever a cell holds, a reader returns a value of its kind or an error for the user."""
    kinds = {
        fields.text: str,
        fields.integer: int,
        fields.number: float,
        fields.list_of_text: tuple,
        fields.record: dict,
    }
    for read, kind in kinds.items():
        with contextlib.suppress(DataError):
            assert isinstance(read({"it": value}, "it", benchmark="b", index=0), kind)
