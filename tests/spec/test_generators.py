"""Who writes captions and who makes images of them is declared for each kind of data."""

from __future__ import annotations

import pytest

from ipllvm_spec.errors import SpecError, UnknownNameError
from ipllvm_spec.spec.generators import default_generator, generator_entry
from ipllvm_spec.spec.interventions import SyntheticImage
from ipllvm_spec.spec.loader import load_suite


@pytest.mark.parametrize(
    ("source", "captioner", "generator"),
    [
        ("twin", "mini-llava", "renderer"),
        ("published", "llava-onevision-7b", "sdxl_lightning"),
        ("./folder", "llava-onevision-7b", "sdxl_lightning"),
    ],
)
def test_both_are_declared_for_all_data(source, captioner, generator):
    """As section 3.4 has them for published data; a folder counts as such."""
    assert load_suite().captioner(source) == captioner
    assert default_generator(source) == generator


def test_an_unknown_generator_is_named_with_the_nearest():
    """Hub ids are those of the paper."""
    assert generator_entry("sdxl_lightning").hub == {
        "base": "stabilityai/stable-diffusion-xl-base-1.0",
        "unet": "ByteDance/SDXL-Lightning",
    }
    with pytest.raises(UnknownNameError, match="sdxl_lightening"):
        generator_entry("sdxl_lightening")


def test_one_model_writes_the_captions_of_one_data(edit):
    """Two would leave open whose captions a key means."""
    for title in ("small", "Big-7B"):
        line = f'title = "{title}"'
        folder = edit("models.toml", line, f'{line}\ncaptions = "twin"')
    with pytest.raises(SpecError, match="is the captioner of twin data already"):
        load_suite(folder)


def test_a_similarity_is_asked_of_encoders_and_of_nothing_intact():
    """Its one condition shows both images; language models are not asked at all."""
    (case,) = load_suite().cases("synthetic_similarity.details_are_lost", models=["mini-clip"])
    assert [one.intervention for one in case.conditions()] == [SyntheticImage()]
    assert case.benchmarks == ("mathvista", "mmvp")
    assert case.needs() == {"encode", "pixels"}
