"""The start of debugpy in this process."""

from __future__ import annotations

import pytest

from async_kernel.debugger import session
from async_kernel.debugger.client import DebuggerError


def test_a_debugpy_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ImportError("it is broken")

    monkeypatch.setattr(session, "_import_debugpy", fail)
    with pytest.raises(DebuggerError, match="ImportError: it is broken"):
        session.Session(lambda event: None, lambda: None)
