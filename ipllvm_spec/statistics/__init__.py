"""Bounds, anytime-valid tests and power; numpy and scipy.special only."""
