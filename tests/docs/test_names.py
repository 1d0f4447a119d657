"""The pages that explain the code name its classes, functions and modules as they are called now."""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .fences import ROOT, name_of

PAGES = [*sorted((ROOT / "docs" / "explain").rglob("*.md")), ROOT / "CONTRIBUTING.md"]

PACKAGE = ROOT / "async_kernel"

OF_OTHERS = {
    "AbstractSet", "DuplicateHandle", "InterruptiblePdb", "Kernel.instance", "MainThread", "NamedTuple", "NoSuchKernel",
    "PyThreadState_SetAsyncExc", "WaitForMultipleObjects", "WindowsError", "ipykernel.ipkernel",
}  # fmt: skip
"""Names in backquotes that look like ours, and belong to Python, Windows, IPython, jedi, jupyter_client, ipykernel."""


def parsed() -> Iterator[tuple[str, ast.Module]]:
    """Each module of the package: its name within the package, "kernel.desk", and its syntax tree."""
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), ast.parse(path.read_text(encoding="utf-8"))


def defined(tree: ast.AST) -> Iterator[str]:
    """What a module or a class defines or imports, at whatever depth, and the attributes that it gives `self`."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(value=ast.Name(id="self"), attr=name):
                yield name
            case ast.ImportFrom(names=names):
                yield from (each.asname or each.name for each in names)


def read() -> tuple[Mapping[str, set[str]], Mapping[str, set[str]]]:
    """What each class of the package defines, and what each module does: by its name, and by the last part of it."""
    classes, modules = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for module, tree in parsed():
        for name in {module, module.rpartition(".")[2]}:
            modules[name].update(defined(tree))
        modules[module.rpartition(".")[0]].add(module.rpartition(".")[2])
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name].update(defined(node))
    return classes, modules


CLASSES, MODULES = read()


def named(page: Path) -> set[str]:
    """The names in backquotes within the sentences of a page: `Portal`, `Outbox.writer`, `transport.replies`."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return set(re.findall(r"`((?:\w+\.)*[A-Za-z_]\w+)(?:\([^`]*\))?`", text)) - OF_OTHERS


def is_there(name: str) -> bool:
    """Whether a name is one of the package, or looks like none."""
    owner, _, last = name.removeprefix("async_kernel.").rpartition(".")
    if last in ("py", "json", "md"):
        return True
    if not owner:  # a class has two capitals at least, or is a word that may be anything, as "Out"
        looks_ours = re.fullmatch(r"(?=.*[a-z])(?:[A-Z]+[a-z]*){2,}", last) is not None
        return not looks_ours or last in CLASSES or hasattr(builtins, last)
    if (kind := owner.rpartition(".")[2]) in CLASSES:
        return last in CLASSES[kind]
    return owner not in MODULES or last in MODULES[owner]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_names_of_a_page_are_those_of_the_code(page: Path) -> None:
    assert [name for name in sorted(named(page)) if not is_there(name)] == []


def test_the_names_of_others_are_on_a_page() -> None:
    texts = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {name for name in OF_OTHERS if f"`{name}" not in texts} == set()


@pytest.mark.parametrize("name", ["Kernel.nowhere", "Outbox.nothing", "transport.nobody", "HistoryFile"])
def test_a_name_that_is_not_there_is_noticed(name: str) -> None:
    assert not is_there(name)
