"""Verdicts: three-valued decisions with bounds, and the records that keep them."""
