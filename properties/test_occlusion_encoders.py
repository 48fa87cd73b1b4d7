"""With patches of the image hidden, vision transformers classify better than a ResNet."""

import pytest

from ipllvm_spec.verdicts.mixture import area


@pytest.mark.claim("occlusion_encoders.random")
def test_random_patches(case, measure, verdict):
    """The curve over randomly hidden patches has more area under it than the reference's."""
    verdict.contrast(
        area(measure, case, along="ratio"), area(measure, case.reference(), along="ratio")
    )


@pytest.mark.claim("occlusion_encoders.salient")
def test_salient_patches(case, measure, verdict):
    """So has the curve over the most salient patches."""
    verdict.contrast(
        area(measure, case, along="ratio"), area(measure, case.reference(), along="ratio")
    )


@pytest.mark.claim("occlusion_encoders.non_salient")
def test_non_salient_patches(case, measure, verdict):
    """So has the curve over the least salient patches."""
    verdict.contrast(
        area(measure, case, along="ratio"), area(measure, case.reference(), along="ratio")
    )
