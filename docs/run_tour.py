"""Install async-kernel into `.venv` and execute the tour notebook on the kernel that was installed.

    python3 docs/run_tour.py [NAME OF A KERNEL]

Needs CPython 3.11 or newer with venv, and a network for pip; nothing else. The result is `build/tour.html`, to be
opened in a browser, and `build/tour.ipynb`. The name is that of an installed kernel spec; without it, `async`.

This file runs twice: with whatever Python it was started by, which makes the environment, and in that environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOUR = ROOT / "docs" / "notebooks" / "tour.ipynb"
ENVIRONMENT = ROOT / ".venv"
BUILD = ROOT / "build"
NEEDED = [f"{ROOT}[trio,uvloop]", "nbclient>=0.10", "nbconvert>=7.16", "matplotlib>=3.9"]


def main(arguments: list[str]) -> int:
    """Install, then run the tour in the environment; the exit status."""
    if arguments[:1] == ["--inside"]:
        return execute(arguments[1])
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one
        print(f"async-kernel needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    python = install()
    return subprocess.call([str(python), str(Path(__file__)), "--inside", *(arguments or ["async"])[:1]])


def install() -> Path:
    """Make the environment, install this checkout into it, and return its interpreter."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"Making an environment in {ENVIRONMENT} ...", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    print("Installing async-kernel and what the tour needs ...", flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *NEEDED], check=True)
    return python


def execute(kernel: str) -> int:
    """Execute the tour on the named kernel, with a line for each cell, and write what came of it to build/."""
    import nbclient
    import nbformat
    from nbconvert import HTMLExporter

    book = nbformat.read(TOUR, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    print(f"Executing {TOUR.relative_to(ROOT)} on the kernel {kernel!r}:", flush=True)

    def report(cell: nbformat.NotebookNode, cell_index: int, **_: object) -> None:
        if cell.cell_type == "code":
            number = code.index(book.cells[cell_index]) + 1
            first = next((line for line in cell.source.splitlines() if line.strip()), "")
            print(f"  [{number:2}/{len(code)}] {first[:70]}", flush=True)

    client = nbclient.NotebookClient(
        book, kernel_name=kernel, timeout=120, resources={"metadata": {"path": str(ROOT)}}, on_cell_start=report
    )
    BUILD.mkdir(exist_ok=True)
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        page, _ = HTMLExporter().from_notebook_node(book)
        (BUILD / "tour.html").write_text(page, encoding="utf-8")
        nbformat.write(book, BUILD / "tour.ipynb")
    print(f"\nDone. Open {BUILD / 'tour.html'} in a browser; the notebook is {BUILD / 'tour.ipynb'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
