"""What all tests share."""

from hypothesis import settings

# A busy machine is no failure: a deadline would time the machine, not the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
