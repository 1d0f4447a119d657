"""The modules that are imported ahead: an absent one would be passed over in silence."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from async_kernel.warm.stack import ALWAYS


@pytest.mark.parametrize("name", ALWAYS)
def test_a_module_that_is_imported_ahead_is_there(name: str) -> None:
    assert find_spec(name) is not None
