"""Imports that a kernel which ends abandons. How a start ends is in `e2e`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from async_kernel.system.abandoned_imports import Abandoned, abandon_imports_when, go_on_importing


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two modules that nobody has imported: the first imports the second."""
    (tmp_path / "first_module.py").write_text("begun = True\nimport second_module")
    (tmp_path / "second_module.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    before = sys.meta_path[:]
    yield
    go_on_importing()
    assert sys.meta_path == before
    for name in ("first_module", "second_module"):
        sys.modules.pop(name, None)


def test_the_next_import_is_the_last_and_leaves_no_half_of_a_module() -> None:
    abandon_imports_when(lambda: "first_module" in sys.modules)
    with pytest.raises(Abandoned):
        import_module("first_module")
    assert "first_module" not in sys.modules
    go_on_importing()
    assert import_module("first_module").begun


def test_imports_in_other_threads_go_on() -> None:
    abandon_imports_when(lambda: True)
    thread = threading.Thread(target=import_module, args=["first_module"])
    thread.start()
    thread.join()
    assert "second_module" in sys.modules
