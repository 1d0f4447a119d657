"""The figures of the house: what its structure costs a reader, counted, each with a ceiling that may only fall.

`python .ci/house.py` prints each figure beside its ceiling. Exit status 1 when a figure is above its ceiling, and when
a count is below it: then lower the ceiling, in the same commit, so that the house stays as simple as it has become.
`--list` prints the places that are counted.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "async_kernel"


class Figure(NamedTuple):
    """`places` gives those that are counted, or a figure; `goal` is the figure that the house is to come to."""

    name: str
    places: Callable[[], list[str] | float]
    ceiling: float
    goal: float


class Module(NamedTuple):
    name: str
    path: Path
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """Where a node stands, for example "async_kernel/interface.py:93"."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def _read() -> dict[str, Module]:
    modules = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name, path, text, ast.parse(text))
    return modules


MODULES = _read()

COMPOSITION = ("interface", "embedding", "wire", "process", "parts")
"""The modules that put a kernel together, as far as they exist."""


def attributes_set_from_outside() -> list[str]:
    """Assignments to attributes of objects other than `self`, in the modules that put a kernel together."""
    return [
        f"{module.at(target)} {ast.unparse(target)}"
        for name in COMPOSITION
        if (module := MODULES.get(f"{PACKAGE}.{name}")) is not None
        for target in _targets(module.tree)
        if isinstance(target, ast.Attribute) and ast.unparse(target.value) != "self"
    ]


def _targets(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from target.elts if isinstance(target, ast.Tuple) else [target]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            yield node.target


HANDLERS = re.compile(r"(?:Handlers|Desk)$")
"""The names of the classes whose public methods serve requests."""


def handler_signatures() -> list[str]:
    """The different ways in which what serves a request is to be called: parameters, and whether it is awaited."""
    shapes: set[str] = set()
    for module in MODULES.values():
        if not module.name.startswith(f"{PACKAGE}.kernel."):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and HANDLERS.search(node.name):
                shapes.update(_shape(method) for method in node.body if _is_handler(method))
    return sorted(shapes)


def _is_handler(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return False
    return [argument.arg for argument in node.args.args][1:2] == ["request"]


def _shape(node: ast.stmt) -> str:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    parameters = ", ".join(ast.unparse(argument) for argument in node.args.args[1:])
    return f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}({parameters})"


FRAME_READS = frozenset(
    [
        "_current_frames",
        "_getframe",
        "currentframe",
        "f_back",
        "f_code",
        "f_globals",
        "f_lasti",
        "f_lineno",
        "f_locals",
        "f_trace",
        "f_trace_opcodes",
        "walk_stack",
    ]
)
FRAME_ROOMS = re.compile(rf"{PACKAGE}\.(stacks\b|debugger\b|ipython\.tracebacks$|import_order$)")
"""Where frames are read: one room for the question whose code runs, the debugger, and tracebacks. And the order of
imports, which comes before all others and may import none of them."""


def frame_readers() -> list[str]:
    """Functions that read frames outside these rooms. Nested functions count for themselves."""
    return [
        f"{module.at(node)} {node.name}"
        for module in MODULES.values()
        if not FRAME_ROOMS.match(module.name)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_reads_frame, _own_nodes(node)))
    ]


def _reads_frame(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in FRAME_READS


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


LIBRARIES = frozenset(
    [
        "async_kernel",
        "anyio",
        "asyncio",
        "contextlib",
        "contextvars",
        "outcome",
        "selectors",
        "threading",
        "tkinter",
        "trio",
        "uvloop",
        "winloop",
    ]
)


def machinery_lists() -> list[str]:
    """Collections of the names of packages whose frames are not the user's: two or more of those that run loops or
    are below them, unless they are just such that a user can choose from."""
    found = []
    for module in MODULES.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Set | ast.Tuple | ast.List):
                names = {_package(element) for element in node.elts} & LIBRARIES
                if len(names) > 1 and names - {"asyncio", "tkinter", "trio", "uvloop", "winloop"}:
                    found.append(f"{module.at(node)} {', '.join(sorted(names))}")
    return found


def _package(node: ast.expr) -> str:
    if isinstance(node, ast.Name) and node.id in ("PACKAGE", "_PACKAGE"):
        return PACKAGE
    value = node.value if isinstance(node, ast.Constant) else ""
    return value.partition(".")[0] if isinstance(value, str) else ""


def import_circles() -> list[str]:
    """Modules that import each other in a circle, with the imports inside functions and for type checkers."""
    graph = {module.name: set(_imports(module)) - {module.name} for module in MODULES.values()}
    return [" <-> ".join(circle) for circle in _circles(graph)]


def _imports(module: Module) -> Iterator[str]:
    is_package = module.path.name == "__init__.py"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.name.split(".")
                above = above[: len(above) - node.level + is_package]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner in MODULES:
                    yield inner
                elif base in MODULES:
                    yield base


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """The strongly connected parts of more than one module."""
    reached = {name: _reach(graph, name) for name in graph}
    seen: set[str] = set()
    for name in sorted(graph):
        circle = sorted(other for other in reached[name] if name in reached[other])
        if name not in seen and len(circle) > 1:
            seen.update(circle)
            yield circle


def _reach(graph: dict[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        for name in graph[ahead.pop()] - reached:
            reached.add(name)
            ahead.append(name)
    return reached


WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")


def what_clauses() -> float:
    """The word "what" in comments and docstrings, in 1,000 words of them."""
    words = [word.lower() for module in MODULES.values() for text in _prose(module) for word in WORD.findall(text)]
    return round(1000 * words.count("what") / len(words), 1)


def _prose(module: Module) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(module.tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


IGNORES = re.compile(r"# (?:type: ignore(?:\[[\w, -]+\])?|noqa(?:: [A-Z0-9, ]+)?)(?P<reason>.*)$")


def ignores_without_reason() -> list[str]:
    """Findings of a checker that are ignored, with no word on why behind it or in a comment right above."""
    found = []
    folders = (PACKAGE, "tests", "benchmarks", "release", "docs", ".ci")
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        above = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            ignored = IGNORES.search(line)
            if ignored and not ignored["reason"].strip() and not above.lstrip().startswith("#"):
                found.append(f"{path.relative_to(ROOT)}:{number}")
            above = line
    return found


FIGURES = (
    Figure("attributes set from outside, in the composition", attributes_set_from_outside, 0, 0),
    Figure("handler signatures", handler_signatures, 1, 1),
    Figure("functions that read frames, outside their room", frame_readers, 0, 0),
    Figure("lists of machinery packages", machinery_lists, 1, 1),
    Figure("import circles, those for type checkers too", import_circles, 0, 0),
    Figure("ignored findings of checkers, without a reason", ignores_without_reason, 0, 0),
    Figure("`what` in 1,000 words of comments and docstrings", what_clauses, 3.0, 3),
)


def main(arguments: list[str]) -> int:
    """Print the figures; return the exit status."""
    status = 0
    for figure in FIGURES:
        counted = figure.places()
        value = len(counted) if isinstance(counted, list) else counted
        print(f"{value:>6} of {figure.ceiling:g}, to be {figure.goal:g}: {figure.name}")
        if "--list" in arguments and isinstance(counted, list):
            print(*(f"           {place}" for place in counted), sep="\n")
        if value > figure.ceiling:
            status = 1
            print(f"        More than the ceiling. `python {sys.argv[0]} --list` names the places.")
        elif value < figure.ceiling and isinstance(counted, list):
            status = 1
            print(f"        Less than before: lower its ceiling in {sys.argv[0]} to {value}.")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
