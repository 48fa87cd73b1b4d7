"""The renderer: exact to the pixel, split by content, and honest about what a scene shows."""

from __future__ import annotations

import hashlib
from random import Random

import numpy as np
import pytest

from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.scenes import GRID, SHAPES, SIZE, Canvas, shape_mask

PIXELS = "fbf69c44e413a6c625ca671571e5e2c799347bafd23417c00549186e93eccc8c"
"""sha256 over two scenes of every kind; a change here means other twins and other weights."""


def _draw_all() -> str:
    total = hashlib.sha256()
    for kind in KINDS.values():
        rng = Random(f"pixels:{kind.name}")
        for _ in range(2):
            total.update(kind.draw(kind.sample(rng)).pixels.tobytes())
    return total.hexdigest()


def test_scenes_are_exact_to_the_pixel() -> None:
    """The same seeds give the very same bytes, on every machine and version."""
    assert _draw_all() == PIXELS


@pytest.mark.parametrize("name", KINDS)
def test_drawing_is_a_function_of_the_spec(name: str) -> None:
    """Drawing twice gives equal scenes, and labels have a value for every patch."""
    kind = KINDS[name]
    spec = kind.sample(Random(1))
    one, two = kind.draw(spec), kind.draw(spec)
    assert one.digest == two.digest
    assert one.pixels.shape == (SIZE, SIZE, 3)
    assert one.pixels.dtype == np.uint8
    assert one.colors.shape == one.things.shape == one.sizes.shape == (GRID, GRID)


@pytest.mark.parametrize("name", KINDS)
def test_facts_have_one_answer(name: str) -> None:
    """No wrong answer equals the true one, none is repeated, and every fact can be asked."""
    kind = KINDS[name]
    rng = Random(2)
    for _ in range(40):
        spec = kind.sample(rng)
        facts = kind.facts(spec)
        assert facts
        for fact in facts:
            assert fact.ask or fact.claim
            assert fact.wrong
            assert fact.answer not in fact.wrong
            assert len(set(fact.wrong)) == len(fact.wrong)
            assert not fact.claim or fact.claim.count("{}") == 1


@pytest.mark.parametrize("name", KINDS)
def test_the_same_question_has_the_same_answer_within_a_scene(name: str) -> None:
    """Facts of one scene never contradict each other."""
    kind = KINDS[name]
    rng = Random(3)
    for _ in range(40):
        answers: dict[str, str] = {}
        for fact in kind.facts(kind.sample(rng)):
            if fact.ask:
                assert answers.setdefault(fact.ask, fact.answer) == fact.answer


@pytest.mark.parametrize("name", KINDS)
def test_mutation_changes_the_picture(name: str) -> None:
    """A mutated spec is drawn in the same style and, nearly always, as another picture."""
    kind = KINDS[name]
    rng = Random(4)
    changed = 0
    for _ in range(40):
        spec = kind.sample(rng)
        other = kind.mutate(spec, rng)
        assert other.style == spec.style
        changed += kind.draw(spec).digest != kind.draw(other).digest
    assert changed >= 30


def test_the_split_is_a_function_of_the_pixels() -> None:
    """About one scene in eight is held out, so training and evaluation cannot share a picture."""
    kind = KINDS["board"]
    rng = Random(5)
    share = np.mean([kind.draw(kind.sample(rng)).held_out for _ in range(800)])
    assert 0.08 < share < 0.18


def test_shapes_differ_from_each_other() -> None:
    """At both sizes any two shapes differ in at least a twelfth of their pixels."""
    for side in (16, 32):
        masks = [shape_mask(shape, side=side) for shape in SHAPES]
        for i, one in enumerate(masks):
            for two in masks[:i]:
                assert (one != two).mean() > 1 / 12


def test_styles_jitter_colors_only() -> None:
    """Two styles of one spec differ in colour but not in what patches show."""
    one, two = Canvas("white", style=1).scene(), Canvas("white", style=2).scene()
    assert one.digest != two.digest
    assert (one.things == two.things).all()
