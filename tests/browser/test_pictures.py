"""The notebooks that README and the site show pictures of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import SCREENSHOTS

if TYPE_CHECKING:
    from .front_ends import Lab

pytestmark = pytest.mark.browser

NAMES = ("jupyterlab.png", "launcher.png", "plot.png", "widget.png", "debugger.png", "subshell.png", "stop.gif")


@pytest.fixture
def library() -> str:
    """The backend of the pictures."""
    return "asyncio"


@pytest.mark.parametrize("name", NAMES)
def test_the_scene_of_a_picture_is_played(lab: Lab, name: str) -> None:
    from .pictures import PICTURES, take

    assert set(NAMES) == set(PICTURES)
    assert take(lab, name, SCREENSHOTS).stat().st_size < 200_000
