"""Published metrics from unit scores."""

from __future__ import annotations

import numpy as np
import pytest

from ipllvm_spec.measures.accuracy import drop_in_points, published_metric


def test_the_metric_is_the_weighted_mean_on_the_scale():
    """Two subtasks of equal share and unequal size, scale 2800."""
    scores = np.array([1.0, 0.25, 1.0, 1.0])
    weights = np.array([0.25, 0.25, 0.5, 0.0001]) * 2

    assert published_metric(scores[:3], weights=weights[:3], scale=2800) == pytest.approx(2275.0)


def test_repeats_are_averaged():
    """Shape (repeats, n) gives the mean over repeats."""
    scores = np.array([[1.0, 0.0], [0.0, 0.0]])

    assert published_metric(scores, weights=np.ones(2), scale=100) == 25.0


def test_drops_are_in_points_of_100_and_positive_when_worse():
    """Whatever the published scale is."""
    intact, other = np.array([[1.0, 1.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0, 0.0]])

    assert drop_in_points(intact, other, weights=np.ones(4)) == 25.0
    assert drop_in_points(other, intact, weights=np.ones(4)) == -25.0


def test_shapes_that_do_not_fit_are_an_error():
    """A silent broadcast would give a wrong number."""
    with pytest.raises(ValueError, match="do not fit"):
        published_metric(np.ones(3), weights=np.ones(2), scale=100)
    with pytest.raises(ValueError, match="do not fit"):
        published_metric(np.ones(0), weights=np.ones(0), scale=100)
