"""Where details are asked for, an image made from a caption serves as well as the original."""

import pytest


@pytest.mark.claim("synthetic_images.details_are_dispensable")
def test_details_are_dispensable(case, measure, verdict):
    """What the caption does not say is not needed for the answer."""
    verdict.drop(measure(case), measure(case, case.claim.intervention))


@pytest.mark.claim("synthetic_images.details_matter_less_than_perception")
def test_details_matter_less_than_perception(case, measure, verdict):
    """The same model loses no more where details are asked for than where scenes are."""
    other, synthetic = case.other_benchmark(), case.claim.intervention
    verdict.drop_difference(
        (measure(case), measure(case, synthetic)), (measure(other), measure(other, synthetic))
    )


@pytest.mark.claim("synthetic_images.synthetic_images_tell")
def test_synthetic_images_tell(case, measure, verdict):
    """A synthetic image is more than none: else keeping answers needs no image at all."""
    verdict.gap(measure(case, case.claim.intervention), measure(case, case.claim.control))


@pytest.mark.claim("synthetic_images.no_flight_to_one")
def test_no_flight_to_one(case, measure, verdict):
    """Where the image has lost what is asked for, the model does not just say one number."""
    verdict.answer_excess(measure(case), measure(case, case.claim.intervention))
