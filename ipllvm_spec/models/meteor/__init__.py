"""Meteor (Lee et al., 2024): InternLM2 that gets rationale vectors of a Mamba beside the image.

An own adapter on classes of transformers; no code of the model's repository runs. An image enters
twice: through a projector into the language model, and through another one into the Mamba.
Nothing here was held against the published weights yet; names that could not be looked up are
listed in ``names``.
"""

from ipllvm_spec.models.meteor.adapter import MeteorAdapter

__all__ = ["MeteorAdapter"]
