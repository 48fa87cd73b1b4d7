"""Synthetic images are less similar to the originals where details carry the meaning."""

import pytest


@pytest.mark.claim("synthetic_similarity.details_are_lost")
def test_details_are_lost(case, similar, verdict):
    """The mean cosine over one benchmark is below that over another."""
    other, synthetic = case.other_benchmark(), case.claim.intervention
    verdict.similarity_difference(similar(case, synthetic), similar(other, synthetic))
