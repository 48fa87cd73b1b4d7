"""How much spatial structure matters depends on the model and on what is asked."""

import pytest
from hypothesis import given

from ipllvm_spec.strategies import grid_shuffles
from ipllvm_spec.verdicts.mixture import halves, mean_of


@pytest.mark.claim("grid_shuffle.structure_is_dispensable")
def test_structure_is_dispensable(case, measure, verdict):
    """The drop stays small for every grid size."""
    verdict.every_drop(measure(case), (measure(case, grid) for grid in case.sweep))


@pytest.mark.claim("grid_shuffle.finer_hurts_more")
def test_finer_hurts_more(case, measure, verdict):
    """Item by item, the coarser half of the grid sizes leaves more than the finer half."""
    coarse, fine = halves([measure(case, grid) for grid in case.sweep])
    verdict.contrast(mean_of(coarse), mean_of(fine))


@pytest.mark.claim("grid_shuffle.larger_than_llava")
def test_larger_than_llava(case, measure, verdict):
    """One model loses more to the same shuffled images than another."""
    other, shuffle = case.reference(), case.claim.intervention
    verdict.drop_difference(
        (measure(case), measure(case, shuffle)), (measure(other), measure(other, shuffle))
    )


@pytest.mark.claim("grid_shuffle.larger_than_next")
def test_larger_than_next(case, measure, verdict):
    """The same against a third model, which cuts large images into tiles."""
    other, shuffle = case.reference(), case.claim.intervention
    verdict.drop_difference(
        (measure(case), measure(case, shuffle)), (measure(other), measure(other, shuffle))
    )


@pytest.mark.claim("grid_shuffle.larger_than_perception")
def test_larger_than_perception(case, measure, verdict):
    """The same model loses more on one benchmark than on another."""
    other, shuffle = case.other_benchmark(), case.claim.intervention
    verdict.drop_difference(
        (measure(case), measure(case, shuffle)), (measure(other), measure(other, shuffle))
    )


@pytest.mark.claim("grid_shuffle.no_order_of_quarters_breaks_answers")
def test_no_order_of_quarters_breaks_answers(case, measure, verdict):
    """A search over orders of the quarters, one for all images, finds none that breaks answers."""
    search = verdict.search(measure)

    @search.settings
    @given(grid_shuffles(case.claim.intervention.grid))
    def holds(order):
        search.observe(order)

    verdict.worst(search.run(holds))
