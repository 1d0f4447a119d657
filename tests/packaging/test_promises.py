"""The pages of promises, and of what makes a drop-in, name a test for each row, and the tests are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.drop_in import ROWS as FAULTS
from tests.drop_in import Row, link

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / page for page in ("explain/promises.md", "compare/drop-in.md", "guides/gateways.md")]

TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
HEADS = ("| promise |", "| what holds |", "| way |")  # of the tables that promise something

TESTS = [
    pytest.param(name, (page.parent / file).resolve(), id=f"{page.stem}-{name}")
    for page, text in TEXTS.items()
    for name, file in re.findall(r"\[(test_\w+)\]\(([^)]+)\)", text)
]
ROWS = [
    row
    for text in TEXTS.values()
    for head, _, *rows in (table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", text, re.M))
    if head.startswith(HEADS)
    for row in rows
]


@pytest.mark.parametrize(("name", "file"), TESTS)
def test_a_named_test_is_there(name: str, file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_names_a_test(row: str) -> None:
    assert re.search(r"\[test_\w+\]", row)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.what for fault in FAULTS])
def test_a_fault_of_old_stands_on_the_page_with_its_test(fault: Row) -> None:
    assert f"| {fault.what} | {link(fault)} |" in TEXTS[PAGES[1]]
