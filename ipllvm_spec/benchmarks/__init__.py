"""Benchmarks: items, prompts, parsers, metrics, and the data behind them."""
