"""How a model is asked to describe an image, whatever the benchmark asks about it."""

from __future__ import annotations

from ipllvm_spec.benchmarks.base import Decoding

#: Section 3.4 of the paper.
CAPTION_PROMPT = "Please generate a caption of this image."
#: The paper does not say how long a caption may be. CLIP's text side, which reads it for the
#: generator, takes 77 tokens.
CAPTION_DECODING = Decoding(max_new_tokens=64)
