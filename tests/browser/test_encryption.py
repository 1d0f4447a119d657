"""JupyterLab with a server that requires encryption: what is done in plain text is done here, too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from .conftest import Pages
from .server import JUPYTERLAB, Server
from .test_beside import test_a_cell_sees_a_slider_being_moved as slider
from .test_beside import test_completion_tooltip_and_stop as completion_tooltip_and_stop
from .test_cells import test_input_and_getpass_ask_below_their_cell as questions
from .test_cells import test_print_table_plot_and_error as output
from .test_debugger import test_breakpoint_step_and_variables as debugger
from .test_lives import test_restart_and_run_all as restart

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from .front_ends import Lab

pytestmark = pytest.mark.browser

SCENARIO = (output, questions, slider, completion_tooltip_and_stop, debugger, restart)


@pytest.fixture(scope="module")
def server(
    browser: BrowserContext, specs: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that starts no kernel which does not encrypt."""
    program = (*JUPYTERLAB, "--KernelManager.transport_encryption=required")
    with Server(tmp_path_factory.mktemp("encrypted"), program=program) as server:
        yield server


@pytest.fixture(scope="module")
def pages(browser: BrowserContext, server: Server) -> Pages:
    """The pages of that server."""
    return Pages(browser, server)


@pytest.mark.parametrize("act", SCENARIO, ids=lambda act: act.__name__.removeprefix("test_"))
def test_a_server_that_requires_encryption(lab: Lab, server: Server, act: object) -> None:
    assert callable(act)
    act(lab)
    files = [json.loads(file.read_text()) for file in server.runtime.glob("kernel-*.json")]
    assert files, "the test looks in the wrong place"
    assert all("curve_secretkey" in file for file in files)
