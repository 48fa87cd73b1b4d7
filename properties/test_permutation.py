"""Shuffling the visual patch tokens barely changes what the model answers."""

import pytest
from hypothesis import given

from ipllvm_spec.strategies import permute_tokens


@pytest.mark.claim("permutation.image_matters")
def test_image_matters(case, measure, verdict):
    """Without the image the model answers clearly worse: else nothing can be invariant to it."""
    verdict.gap(measure(case), measure(case, case.claim.control))


@pytest.mark.claim("permutation.accuracy_survives")
def test_accuracy_survives_shuffled_tokens(case, measure, verdict):
    """A fresh order of the patch tokens for every item barely changes the benchmark's score."""
    verdict.drop(measure(case), measure(case, case.claim.intervention))


@pytest.mark.claim("permutation.average_survives")
def test_average_survives_shuffled_tokens(case, measure, verdict):
    """The average over the benchmarks barely changes either: the last column of Table 1."""
    verdict.average_drop(
        (measure(part), measure(part, case.claim.intervention)) for part in case.parts()
    )


@pytest.mark.claim("permutation.order_matters_where_text_is_dense")
def test_order_matters_where_text_is_dense(case, measure, verdict):
    """Reading a chart needs its tokens in order: the exception that Table 1 shows."""
    verdict.drop(measure(case), measure(case, case.claim.intervention))


@pytest.mark.claim("permutation.no_order_breaks_answers")
def test_no_order_breaks_answers(case, measure, verdict):
    """A search over orders, one for all items, finds none that breaks the answers."""
    search = verdict.search(measure)

    @search.settings
    @given(permute_tokens(case.claim.search.spans))
    def holds(order):
        search.observe(order)

    verdict.worst(search.run(holds))
