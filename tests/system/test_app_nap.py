"""App Nap is prevented by three messages; here to a runtime of Objective-C that is made of C callbacks."""

from __future__ import annotations

import ctypes
from typing import Any

from async_kernel.system.app_nap import prevent_app_nap

POINTER = ctypes.c_void_p
CLASSES = {b"NSProcessInfo": 0x1_0000_0001, b"NSString": 0x1_0000_0002}
INFO, TEXT, ACTIVITY = 0x1_0000_0010, 0x1_0000_0020, 0x1_0000_0030


class Runtime:
    """The three functions of libobjc that are called, as C calls them."""

    def __init__(self) -> None:
        self.selectors: list[bytes] = []
        self.texts: list[bytes] = []
        self.options: list[int] = []
        self.held = 0
        self.objc_getClass: Any = ctypes.CFUNCTYPE(POINTER, ctypes.c_char_p)(CLASSES.get)
        self.sel_registerName: Any = ctypes.CFUNCTYPE(POINTER, ctypes.c_char_p)(self._register)
        self.objc_msgSend: Any = ctypes.CFUNCTYPE(POINTER, POINTER, POINTER, ctypes.c_uint64, POINTER)(self._send)

    def _register(self, name: bytes) -> int:
        self.selectors.append(name)
        return len(self.selectors)

    def _send(self, receiver: int, selector: int, first: int, second: int | None) -> int:
        match self.selectors[selector - 1], receiver:
            case b"processInfo", 0x1_0000_0001:
                return INFO
            case b"stringWithUTF8String:", 0x1_0000_0002:
                self.texts.append(ctypes.string_at(first))
                return TEXT
            case b"beginActivityWithOptions:reason:", 0x1_0000_0010:
                assert second == TEXT
                self.options.append(first)
                return ACTIVITY
            case b"retain", 0x1_0000_0030:
                self.held += 1
                return ACTIVITY
        return 0


def test_the_process_is_announced_as_what_the_user_waits_for() -> None:
    runtime = Runtime()
    assert prevent_app_nap("runs cells", runtime) == ACTIVITY
    assert runtime.texts == [b"runs cells"]
    assert runtime.options == [0x00EFFFFF]
    assert runtime.held == 1
