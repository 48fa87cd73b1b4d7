"""Tests that run the properties as a user does."""
