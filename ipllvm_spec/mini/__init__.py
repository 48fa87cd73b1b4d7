"""The embedded default: small checkpoints of the real classes, small twins of the benchmarks.

Nothing about the minis is evidence about LLaVA.
"""
