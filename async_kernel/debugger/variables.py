"""The user's variables while nothing is stopped, in the words of the Debug Adapter Protocol ("Variables Request").

Their values are looked at and nothing is called: a front end asks for them after each cell, and they are found in a
thread that is not the user's. While something is stopped they are debugpy's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from async_kernel.kernel.ports import Debuggee

__all__ = ["FIRST_REFERENCE", "Variables"]

FIRST_REFERENCE = 1 << 30
"""References from here on are ours: debugpy counts its own from 1."""


class Variables:
    """The variables that were shown last, and their parts."""

    def __init__(self, debuggee: Debuggee) -> None:
        self._debuggee = debuggee
        self._shown: list[tuple[str, object]] = []  # by reference: an expression and its value

    def all(self) -> list[dict[str, Any]]:
        """All variables. References to those shown before end."""
        self._shown.clear()
        variables = self._debuggee.variables()
        return [self._show(name, name, value) for name, value in sorted(variables.items())]

    def inside(self, reference: int) -> list[dict[str, Any]] | None:
        """The parts of the variable with this `variablesReference`; None when the reference is not ours."""
        if not FIRST_REFERENCE <= reference < FIRST_REFERENCE + len(self._shown):
            return None
        expression, value = self._shown[reference - FIRST_REFERENCE]
        parts: Mapping[str, object] = self._debuggee.parts(value)
        return [self._show(_label(part), expression + part, inner) for part, inner in parts.items()]

    def _show(self, name: str, expression: str, value: object) -> dict[str, Any]:
        kind, text = self._debuggee.summary(value)
        reference = 0
        if self._debuggee.parts(value):
            reference = FIRST_REFERENCE + len(self._shown)
            self._shown.append((expression, value))
        return {
            "name": name,
            "value": text,
            "type": kind,
            "evaluateName": expression,
            "variablesReference": reference,
        }


def _label(part: str) -> str:
    """How a part is called in a list of parts: "[0]" is 0, ".x" is x."""
    return part[1:-1] if part.startswith("[") else part[1:]
