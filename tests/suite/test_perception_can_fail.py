"""Claims about images have opposites: for each a model whose verdict is the other one.

The shipped minis give one verdict on each claim in every default run; these are the others, under
the same limits.
"""

from __future__ import annotations

from tests.suite.test_checks_can_fail import outcomes

#: Variants of mini-llava by what is decided on them.
GROUPS, KNOWN, REFUSES = (
    f"mini-llava~{v}" for v in ("whole_in_each", "recalls", "refuses_unknown")
)


def test_groups_that_all_hold_the_whole_image_turn_every_claim_about_them_round(run, tmp_path):
    """mini-llava: localised and the centre PASS, the worst group FAILs."""
    found = outcomes(run, tmp_path, "--models", GROUPS, "-k", "patch_information")

    assert found["localised", f"{GROUPS}:mme"] == "FAIL"
    assert found["centre_keeps_more", f"{GROUPS}:mme"] == "FAIL"
    assert found["no_group_loses_all", f"{GROUPS}:mmstar"] == "PASS"


def test_who_refuses_shuffled_images_loses_the_same_with_every_grid(run, tmp_path):
    """And more than others; mini-llava: finer hurts more PASSes, both larger drops FAIL."""
    found = outcomes(
        run, tmp_path, "--models", REFUSES, "--benchmarks", "mathvista,mme",
        "-k", "finer_hurts_more or larger_than_llava or larger_than_perception or no_mask",
    )  # fmt: skip

    assert found["finer_hurts_more", f"{REFUSES}:mathvista"] == "FAIL"
    assert found["larger_than_llava", f"{REFUSES}:mathvista"] == "PASS"
    assert found["larger_than_perception", f"{REFUSES}:mathvista"] == "PASS"
    assert found["no_mask_breaks_answers", f"{REFUSES}:mme"] == "FAIL"


def test_who_knows_the_images_survives_what_others_do_not(run, tmp_path):
    """mini-llava: structure matters, half does not remain, salient patches hurt less: all FAIL."""
    found = outcomes(
        run, tmp_path, "--models", KNOWN, "--benchmarks", "mathvista,mme",
        "-k", "structure_is or no_order_of_quarters or half_remains or salient_hurts or background",
    )  # fmt: skip

    assert found["structure_is_dispensable", f"{KNOWN}:mathvista"] == "PASS"
    assert found["no_order_of_quarters_breaks_answers", f"{KNOWN}:mathvista"] == "PASS"
    assert found["half_remains", f"{KNOWN}:mme"] == "PASS"
    assert found["salient_hurts_most", f"{KNOWN}:mme"] == "PASS"
    assert found["background_hurts_least", f"{KNOWN}:mme"] == "FAIL"
