"""The linear probe: ridge regression in closed form."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ipllvm_spec.models.probes import fit_probe

NAMES = ("a", "b", "c")


def blobs(seed, n=30, width=8):
    """Points near three corners, classes in turn, one feature that never changes."""
    generator = torch.Generator().manual_seed(seed)
    labels = [number % 3 for number in range(n)]
    points = torch.randn(n, width, generator=generator) * 0.1
    points[range(n), labels] += 5.0
    points[:, -1] = 2.0
    return points, labels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 100.0))
def test_separable_classes_are_separated_at_any_scale(seed, scale):
    """All training and new points get their class, however large the features are."""
    points, labels = blobs(seed)
    probe = fit_probe(points * scale, labels, NAMES)
    new, known = blobs(seed + 1)
    assert probe.scores(points * scale).argmax(dim=1).tolist() == labels
    assert probe.scores(new * scale).argmax(dim=1).tolist() == known


def test_a_probe_is_the_ridge_solution():
    """The gradient of the penalised squared error vanishes at the weights."""
    points, labels = blobs(3)
    probe = fit_probe(points, labels, NAMES, penalty=0.3)
    inputs = points.double() - points.double().mean(dim=0)
    scale = inputs.square().mean(dim=0).sqrt()
    scaled = (inputs / scale)[:, :-1]
    weights = (probe.weights * scale[:, None])[:-1]
    targets = torch.nn.functional.one_hot(torch.tensor(labels), 3).double()
    errors = scaled @ weights - (targets - targets.mean(dim=0))
    gradient = scaled.T @ errors / len(points) + 0.3 * weights
    assert gradient.abs().max() < 1e-9


def test_the_same_features_give_the_same_probe():
    """Nothing is random; other features give another digest."""
    points, labels = blobs(1)
    probes = [fit_probe(points.clone(), labels, NAMES) for _ in range(2)]
    assert torch.equal(probes[0].weights, probes[1].weights)
    assert probes[0].digest == probes[1].digest != fit_probe(points + 1, labels, NAMES).digest


def test_more_features_than_images_have_a_solution():
    """The penalty makes the system regular."""
    points, labels = blobs(2, n=6, width=40)
    assert fit_probe(points, labels, NAMES).scores(points).argmax(dim=1).tolist() == labels


@pytest.mark.parametrize(
    ("labels", "penalty", "told"),
    [([0, 1], 0.1, "do not fit"), ([0, 1, 1], 0.1, "each class"), ([0, 1, 2], 0.0, "above 0")],
)
def test_what_cannot_be_fitted(labels, penalty, told):
    """Lengths that differ, a class without an image, no penalty."""
    with pytest.raises(ValueError, match=told):
        fit_probe(torch.randn(3, 4), labels, NAMES, penalty=penalty)
