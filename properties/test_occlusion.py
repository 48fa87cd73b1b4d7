"""With half of the image hidden, the model still answers much of what it could."""

import pytest
from hypothesis import given

from ipllvm_spec.strategies import patch_drops
from ipllvm_spec.verdicts.mixture import area, half_above_chance, mean_of


@pytest.mark.claim("occlusion.half_remains")
def test_half_remains(case, measure, verdict):
    """Averaged over the ratios, at least half of the score above chance is kept."""
    hidden = mean_of([measure(case, mask) for mask in case.sweep])
    verdict.contrast(hidden, half_above_chance(measure(case)))


@pytest.mark.claim("occlusion.salient_hurts_most")
def test_salient_hurts_most(case, measure, verdict):
    """The curve over random patches has more area under it than that over salient ones."""
    verdict.contrast(
        area(measure, case, along="ratio", kind="random"),
        area(measure, case, along="ratio", kind="salient"),
    )


@pytest.mark.claim("occlusion.background_hurts_least")
def test_background_hurts_least(case, measure, verdict):
    """The curve over the least salient patches has more area under it than that over random."""
    verdict.contrast(
        area(measure, case, along="ratio", kind="non_salient"),
        area(measure, case, along="ratio", kind="random"),
    )


@pytest.mark.claim("occlusion.no_mask_breaks_answers")
def test_no_mask_breaks_answers(case, measure, verdict):
    """A search over masks, one for all images, finds none that breaks the answers."""
    search, mask = verdict.search(measure), case.claim.intervention

    @search.settings
    @given(patch_drops(mask.grid, mask.ratio))
    def holds(patches):
        search.observe(patches)

    verdict.worst(search.run(holds))
