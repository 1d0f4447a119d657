"""The page of promises names a test for each, and the tests are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explain" / "promises.md"

TEXT = PAGE.read_text(encoding="utf-8")
TESTS = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", TEXT)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "promise |" not in line]


@pytest.mark.parametrize(("name", "file"), TESTS)
def test_a_named_test_is_there(name: str, file: str) -> None:
    tree = ast.parse((PAGE.parent / file).resolve().read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS)
def test_each_promise_names_a_test(row: str) -> None:
    assert re.search(r"\[test_\w+\]", row)
