"""Each visual patch token holds information about its own place in the image."""

import pytest
from hypothesis import given

from ipllvm_spec.strategies import keep_groups
from ipllvm_spec.verdicts.regions import at_edge, in_centre


@pytest.mark.claim("patch_information_loss.localised")
def test_localised(case, measure, verdict):
    """The best group alone keeps more than the worst, by more than chance makes of any map."""
    verdict.spread(measure(case, group) for group in case.sweep)


@pytest.mark.claim("patch_information_loss.centre_keeps_more")
def test_centre_keeps_more(case, measure, verdict):
    """Item by item, the mean over the central groups lies above that over the outer ring."""
    verdict.contrast(in_centre(measure, case), at_edge(measure, case))


@pytest.mark.claim("patch_information_loss.no_group_loses_all")
def test_no_group_loses_all(case, measure, verdict):
    """A search over groups, one for all items, finds none that leaves next to nothing."""
    search = verdict.search(measure)

    @search.settings
    @given(keep_groups(case.claim.intervention.m))
    def holds(group):
        search.observe(group)

    verdict.worst(search.run(holds))
