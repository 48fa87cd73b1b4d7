"""Claims and checks match one to one, and collecting them is pure."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ipllvm_spec.spec.loader import load_suite

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "properties").glob("test_*.py"))


def marked_claims(module: Path) -> list[tuple[str, ast.FunctionDef]]:
    """Returns the claim of every test function; a test without one is reported as ''."""
    found = []
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [
                mark.args[0].value
                for mark in node.decorator_list
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.claim"
            ]
            found.append((marks[0] if len(marks) == 1 else "", node))
    return found


def test_every_claim_has_one_check_and_every_check_one_claim():
    """A claim without a check would be a promise nobody keeps."""
    checked = [claim for module in MODULES for claim, _ in marked_claims(module)]

    assert sorted(checked) == sorted(load_suite().claims)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_property_is_one_module_one_spec_one_statement(module):
    """Module stem, TOML stem and property id agree, and the docstring is the statement."""
    prop = load_suite().properties[module.stem.removeprefix("test_")]
    tree = ast.parse(module.read_text())

    assert ast.get_docstring(tree) == prop.statement
    assert all(claim.startswith(f"{prop.id}.") for claim, _ in marked_claims(module))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_properties_hold_verbs_and_no_numbers(module):
    """Numbers live in TOML; a property defines no fixture and no helper."""
    tree = ast.parse(module.read_text())
    numbers = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    ]
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]

    assert numbers == []
    assert all(name.startswith("test_") for name in functions)
    assert all(ast.get_docstring(node) for _, node in marked_claims(module))


def collect(*options: str) -> list[str]:
    """Returns the collected ids, in order, and proves that no heavy package was imported."""
    probe = (
        "import sys, pytest\n"
        "class Names:\n"
        "    def pytest_collection_finish(self, session):\n"
        "        heavy = {'torch', 'transformers', 'datasets', 'pandas', 'matplotlib'}\n"
        "        print('HEAVY', sorted(heavy & set(sys.modules)))\n"
        "sys.exit(pytest.main(sys.argv[1:], plugins=[Names()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, "properties/", "--collect-only", "-q", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "HEAVY []" in done.stdout
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_collection_is_pure_and_the_same_in_every_process():
    """Workers must collect identical ids in the same order; none of it may import torch."""
    first, second = collect("-p", "no:xdist"), collect("-p", "no:allure_pytest", "-n", "0")

    assert first == second
    assert len(first) == len(set(first)) > 4


def test_collection_follows_the_options():
    """--models and --benchmarks choose cases, and every id names model and benchmark."""
    ids = collect("--models", "mini-llava", "--benchmarks", "chartqa")

    assert all("[mini-llava:chartqa]" in name or "[mini-llava:average]" in name for name in ids)
