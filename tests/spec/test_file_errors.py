"""Mistakes in registries, malformed TOML and missing files are one clear message each."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipllvm_spec.errors import SpecError
from ipllvm_spec.spec.loader import load_property, load_suite

#: What is wrong: file, text, its replacement, the whole message.
MISTAKES = {
    "model without a place": (
        "models.toml",
        'path = "small"\n',
        "",
        "models.toml: model.small: needs exactly one of path and hub",
    ),
    "model without family": (
        "models.toml",
        'family = "llava"\n',
        "",
        "models.toml: model.small: missing key 'family'",
    ),
    "unknown dtype": (
        "models.toml",
        '"float32"',
        '"float23"',
        (
            "models.toml: model.small.dtype: "
            "input should be 'float32', 'float16', 'bfloat16' or 'auto'"
        ),
    ),
    "model key with a separator": (
        "models.toml",
        "[model.small]",
        '[model."a~b"]',
        "models.toml: model.a~b: a key must not contain '~', '/' or ':'",
    ),
    "model that the paper does not have": (
        "models.toml",
        'printed = "Big"',
        'printed = "Bog"',
        "models.toml: model.big.printed: unknown model of the paper 'Bog'; did you mean 'Big'?",
    ),
    "benchmark called average": (
        "benchmarks.toml",
        "[benchmark.charts]",
        "[benchmark.average]",
        "benchmarks.toml: benchmark.average: the name means 'over several'",
    ),
    "unknown key of a benchmark": (
        "benchmarks.toml",
        "split =",
        "splits =",
        "benchmarks.toml: benchmark.quiz: unknown key 'splits'; did you mean 'split'?",
    ),
    "unknown model of a profile": (
        "profiles.toml",
        'models = ["small"]',
        'models = ["smal"]',
        "profiles.toml: profile.smoke.models: unknown model 'smal'; did you mean 'small'?",
    ),
    "unknown claim that a profile leaves out": (
        "profiles.toml",
        "leaves_out = []",
        'leaves_out = ["order.averag"]',
        (
            "profiles.toml: profile.smoke.leaves_out: unknown property or claim 'order.averag'; "
            "did you mean 'order.average'?"
        ),
    ),
    "missing profile": (
        "profiles.toml",
        '[profile.paper]\nmodels = ["small", "big"]\n',
        "",
        "profiles.toml: missing table [profile.paper]",
    ),
    "unknown profile": (
        "profiles.toml",
        "[profile.paper]",
        "[profile.papers]",
        "profiles.toml: profile: unknown key 'papers'; did you mean 'paper'?",
    ),
    "number instead of a printed text": (
        "paper.toml",
        'baseline = "36.00"',
        "baseline = 36.00",
        "paper.toml: table1.cell.0.baseline: input should be a valid string",
    ),
    "malformed TOML": (
        "order.toml",
        'source = "section 1"',
        "source = section 1",
        "order.toml: line 3, column 10: malformed TOML: Invalid value",
    ),
    "TOML that ends too early": (
        "profiles.toml",
        'models = ["small", "big"]\n',
        'models = ["small", "big"',
        "profiles.toml: line 13, column 25: malformed TOML: Unclosed array",
    ),
    "claim declared twice in a file": (
        "order.toml",
        "[claim.worst]",
        "[claim.seen]",
        "order.toml: line 33, column 12: malformed TOML: Cannot declare ('claim', 'seen') twice",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_key_path_and_nearest_name(mistake, edit):
    """One mistake in an otherwise valid folder gives exactly one, exactly this, message."""
    file, old, new, message = MISTAKES[mistake]
    folder = edit(file, old, new)

    with pytest.raises(SpecError) as caught:
        load_suite(folder)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("file", "kind", "name"),
    [("order.toml", "property", "order"), ("models.toml", "model", "small")],
)
def test_an_id_declared_in_two_files_names_both(spec_folder, tmp_path, file, kind, name):
    """A second folder may add, but not declare an id again."""
    more = tmp_path / "more"
    more.mkdir()
    (more / file).write_text((spec_folder / file).read_text())

    with pytest.raises(SpecError) as caught:
        load_suite(spec_folder, extra=[more])

    assert str(caught.value) == (
        f"{more / file}: {kind} '{name}' is already declared in {spec_folder / file}; rename one"
    )


def test_a_second_folder_adds_properties_and_models(spec_folder, tmp_path):
    """Users declare their own beside ours; names of both folders are known in both."""
    more = tmp_path / "more"
    more.mkdir()
    models = (spec_folder / "models.toml").read_text()
    (more / "models.toml").write_text(models.replace("small", "mine").replace(".big", ".other"))
    text = (spec_folder / "order.toml").read_text()
    (more / "again.toml").write_text(
        text.replace('"order.', '"again.').replace('"small:', '"mine:')
    )

    suite = load_suite(spec_folder, extra=[more])

    assert sorted(suite.properties) == ["again", "order"]
    assert sorted(suite.models) == ["big", "mine", "other", "small"]


def test_profiles_cannot_be_added(spec_folder, tmp_path):
    """A second profiles.toml would be ignored silently otherwise."""
    more = tmp_path / "more"
    more.mkdir()
    (more / "profiles.toml").write_text("")

    with pytest.raises(SpecError, match="profiles and printed numbers cannot be added to"):
        load_suite(spec_folder, extra=[more])


def test_a_missing_registry_is_named(spec_folder):
    """Not an unknown model far away, but the file that is not there."""
    (spec_folder / "models.toml").unlink()

    with pytest.raises(SpecError) as caught:
        load_suite(spec_folder)

    assert str(caught.value) == f"{spec_folder}: lacks models.toml"


def test_a_missing_folder_is_named(tmp_path):
    """Also when it is the extra one."""
    with pytest.raises(SpecError, match="there is no such folder of specs"):
        load_suite(tmp_path / "nowhere")


def test_a_missing_file_is_named(tmp_path):
    """A property asked for by path that is not there."""
    with pytest.raises(SpecError, match=r"gone\.toml: cannot be read in .*: No such file"):
        load_property(tmp_path / "gone.toml")


def test_bytes_that_are_no_utf8_are_named(spec_folder: Path):
    """TOML is UTF-8; an editor may have saved something else."""
    (spec_folder / "order.toml").write_bytes(b'[property]\nstatement = "caf\xe9"\n')

    with pytest.raises(SpecError) as caught:
        load_suite(spec_folder)

    assert str(caught.value) == "order.toml: byte 27 is not UTF-8; save it as UTF-8"
