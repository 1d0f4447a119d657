"""The scenes of pictures in README and on the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import SCREENSHOTS

if TYPE_CHECKING:
    from .front_ends import Lab

pytestmark = pytest.mark.browser

NAMES = ("jupyterlab.png", "stop.gif")
"""Those whose cells no other test of this folder runs."""


@pytest.fixture
def library() -> str:
    """The backend of the pictures."""
    return "asyncio"


@pytest.mark.parametrize("name", NAMES)
def test_the_scene_of_a_picture_is_played(lab: Lab, name: str) -> None:
    from .pictures import take

    assert take(lab, name, SCREENSHOTS).stat().st_size < 200_000
