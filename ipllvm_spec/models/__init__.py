"""Checkpoints: found, checked, loaded, and used through one adapter protocol."""
