"""Loads the suite's hooks and fixtures; nothing else."""

pytest_plugins = [
    "ipllvm_spec.plugin",
    "fixtures.models",
    "fixtures.benchmarks",
    "fixtures.measure",
    "fixtures.verdict",
]
