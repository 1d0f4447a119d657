"""App Nap: macOS slows down programs that show no window, which a kernel never does, timers above all.

Nothing of the package is known here, and no library is needed beside Python's own: three messages to Foundation's
NSProcessInfo.
"""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from typing import Any

__all__ = ["prevent_app_nap"]

USER_INITIATED_ALLOWING_IDLE_SYSTEM_SLEEP = 0x00FFFFFF & ~(1 << 20)
"""NSActivityUserInitiatedAllowingIdleSystemSleep: the user waits for this process; the Mac itself may sleep."""


def prevent_app_nap(reason: str, runtime: Any = None) -> int:
    """Have macOS run this process at full speed until it ends, and return the activity that says so (a pointer).

    To be called on macOS; OSError when the Objective-C runtime or Foundation cannot be loaded. `runtime` stands for
    the former in tests. (Apple, "NSProcessInfo", beginActivityWithOptions:reason:)
    """
    if runtime is None:
        ctypes.CDLL(find_library("Foundation"))  # brings the class along
        runtime = ctypes.CDLL(find_library("objc"))
    runtime.objc_getClass.argtypes = runtime.sel_registerName.argtypes = [ctypes.c_char_p]
    runtime.objc_getClass.restype = runtime.sel_registerName.restype = ctypes.c_void_p
    info = _send(runtime, runtime.objc_getClass(b"NSProcessInfo"), b"processInfo")
    string = runtime.objc_getClass(b"NSString")
    text = _send(runtime, string, b"stringWithUTF8String:", ctypes.c_char_p(reason.encode()))
    options = ctypes.c_uint64(USER_INITIATED_ALLOWING_IDLE_SYSTEM_SLEEP)
    activity = _send(runtime, info, b"beginActivityWithOptions:reason:", options, ctypes.c_void_p(text))
    return _send(runtime, activity, b"retain")  # it ends when nobody holds it any more


def _send(runtime: Any, receiver: int, selector: bytes, *arguments: Any) -> int:
    """Send a message to an object. Every message has its own prototype: on Apple silicon functions with a variable
    number of arguments take them elsewhere than others do."""
    prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, *map(type, arguments))
    function = prototype(ctypes.cast(runtime.objc_msgSend, ctypes.c_void_p).value or 0)
    return int(function(receiver, runtime.sel_registerName(selector), *arguments) or 0)
