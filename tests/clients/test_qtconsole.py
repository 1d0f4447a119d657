"""qtconsole's widget, typed into, without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from .conftest import DRIVERS, Run, seen_by
from .table import CLIENTS

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]  # the first test makes the environment


@pytest.mark.parametrize("backend", CLIENTS["qtconsole"].backends)
def test_qtconsole(backend: str, specs: Mapping[str, str], python: Path, run: Run) -> None:
    arguments = [str(DRIVERS / "drive_qtconsole.py"), specs[backend], backend]
    assert seen_by("qtconsole", run(str(python), *arguments, QT_QPA_PLATFORM="offscreen")) == {
        "banner": True,
        "execute": "Out[1]: 42",
        "error": "ZeroDivisionError: division by zero",
        "complete": "import string; string.ascii_lowercase",
        "inspect": True,
        "several lines": ["0", "1"],
        "input": "Ada",
        "help": "Signature: sum(iterable, /, start=0)",
        "interrupt": "KeyboardInterrupt:",
        "restart": "Out[1]: False",
        "exit": True,
    }
