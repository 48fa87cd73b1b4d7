"""Whatever takes the place of the image, the model answers clearly worse without it."""

import pytest


@pytest.mark.claim("controls.grey_is_no_image")
def test_grey_is_no_image(case, measure, verdict):
    """A grey image leaves the model with the question alone."""
    verdict.gap(measure(case), measure(case, case.claim.control))


@pytest.mark.claim("controls.another_image_misleads")
def test_another_image_misleads(case, measure, verdict):
    """An image that belongs to another question is worse than the right one."""
    verdict.gap(measure(case), measure(case, case.claim.control))
