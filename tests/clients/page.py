"""Writes `docs/compare/clients.md` from the table and the locks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ..environments import ROOT, lock
from .table import CLIENTS, Client

__all__ = ["PACKAGES", "PAGE", "page"]

PAGE = ROOT / "docs" / "compare" / "clients.md"
PACKAGES = Path(__file__).with_name("package-lock.json")
"""The lock of the clients that npm installs."""

HEAD = """\
# Clients

These programs were run with this kernel. `pytest tests/clients` installs them and makes each one do the things in the
last column, on the backends that are named. The Python packages share one environment with the kernel. jupyter_console
is tested in the environment of the other tests, by `tests/e2e/test_clients.py`. `python -m tests.clients` writes this
page.

| client | version | purpose | on | tested |
|---|---|---|---|---|
"""


def page() -> str:
    """The page, as it has to be."""
    return HEAD + "".join(f"{line}\n" for line in rows())


def rows() -> Iterator[str]:
    """One row for each client."""
    for client in CLIENTS.values():
        cells = (client.package, version(client), client.what, ", ".join(client.backends), client.shown)
        yield f"| {' | '.join(cells)} |"


def version(client: Client) -> str:
    """The version that the locks name: "2.7.0"."""
    npm = json.loads(PACKAGES.read_text(encoding="utf-8"))["packages"].get(f"node_modules/{client.package}")
    if npm:
        return str(npm["version"])
    name = re.escape(re.sub(r"[-_.]+", "-", client.package).lower())
    pins = [lock(each).read_text(encoding="utf-8") for each in ("clients", "test")]
    pin = re.search(rf"^{name}==([\w.]+)", "".join(pins), re.M)
    assert pin, f"{client.package} is in no lock"
    return pin[1]
