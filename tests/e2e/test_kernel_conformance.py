"""jupyter_kernel_test, the ecosystem's own suite, on each backend with every one of its samples given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jupyter_kernel_test
import pytest
from jupyter_kernel_test.msgspec_v5 import validate_message

from .driver import DEADLINE, Message, is_idle

SAMPLES: dict[str, Any] = {
    "language_name": "python",
    "file_extension": ".py",
    "code_hello_world": "print('hello, world')",
    "code_stderr": "import sys; print('test', file=sys.stderr)",
    "completion_samples": [
        {"text": "zi", "matches": {"zip"}},
        {"text": "import itertools; itertools.zip_l", "matches": {"zip_longest"}},
    ],
    "complete_code_samples": ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n", "await x", "%time 1"],
    "incomplete_code_samples": ["print('''hello", "def f(x):\n  x*2", "async with x:", "%%time"],
    "invalid_code_samples": ["import = 7q", "print('a' b)"],
    "code_page_something": "zip?",
    "code_generate_error": "raise ValueError('on purpose')",
    "code_execute_result": [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
        {"code": "1+2+4", "result": "7"},
        {"code": "1+2+5", "result": "8"},
        {"code": "import anyio; await anyio.sleep(0) or 9", "result": "9"},
    ],
    "code_display_data": [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math(r'\\frac{1}{2}'))", "mime": "text/latex"},
        {"code": "from IPython.display import JSON, display; display(JSON({'a': 1}))", "mime": "application/json"},
    ],
    "code_history_pattern": "1?2?3",
    "supported_history_operations": ("tail", "range", "search"),
    "code_inspect_sample": "zip",
    "code_clear_output": "from IPython.display import clear_output; clear_output()",
}
"""A value for each sample that the suite knows; it skips the test of one that is missing."""


@pytest.mark.usefixtures("specs")
class Conformance(jupyter_kernel_test.KernelTests):
    """The suite with our samples, without a kernel. It gives what is published 0.1 s, which a busy machine may take."""

    __test__ = False

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        channel = cls.kc.iopub_channel
        get = channel.get_msg
        channel.get_msg = lambda timeout: get(timeout=DEADLINE)

    def flush_channels(self) -> None:
        """Read both channels up to the end of a request: no more is on its way."""
        asked = self.kc.kernel_info()
        self._read(self.kc.get_shell_msg, lambda message: message["parent_header"].get("msg_id") == asked)
        self._read(
            self.kc.get_iopub_msg,
            lambda message: message["parent_header"].get("msg_id") == asked and is_idle(message),
        )

    def _read(self, get: Callable[..., Message], is_last: Callable[[Message], bool]) -> None:
        while True:
            message = get(timeout=DEADLINE)
            validate_message(message)
            if is_last(message):
                return


for _name, _value in SAMPLES.items():
    setattr(Conformance, _name, _value)


class TestAsyncio(Conformance):
    __test__ = True
    kernel_name = "async-asyncio"


class TestUvloop(Conformance):
    __test__ = True
    kernel_name = "async-uvloop"


class TestTrio(Conformance):
    __test__ = True
    kernel_name = "async-trio"


@pytest.mark.usefixtures("specs")
class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    """The welcome message of an XPUB socket (JEP 65)."""

    __test__ = False
    support_iopub_welcome: ClassVar[bool] = True


class TestWelcomeAsyncio(Welcome):
    __test__ = True
    kernel_name = "async-asyncio"


class TestWelcomeUvloop(Welcome):
    __test__ = True
    kernel_name = "async-uvloop"


class TestWelcomeTrio(Welcome):
    __test__ = True
    kernel_name = "async-trio"


def test_no_sample_of_the_suite_is_missing() -> None:
    samples = {name for name, value in vars(jupyter_kernel_test.KernelTests).items() if is_sample(name, value)}
    assert samples == set(SAMPLES)
    assert all(SAMPLES.values())


def is_sample(name: str, value: object) -> bool:
    """Samples are the suite's public attributes with an empty default."""
    return not name.startswith("_") and value in ("", [], ())
