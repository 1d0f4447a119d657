"""JupyterHub: everything that the page about it says is typed, and a user of the hub runs a cell on the kernel.

The page writes into /opt and /usr/local, so it is typed where mounts are seen by nobody else: there these two folders
are what they were, with new entries that lie in the folder of the test. Environments are not downloaded as the page
downloads them: `/opt/science` is one with this checkout, and `hub-env` that of the clients, from their locks.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..browser.server import PATIENCE, free_port, homes
from ..docs.fences import ROOT, fences
from ..packaging.projects import copy_of_checkout
from .table import CLIENTS

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]  # the first test makes the environment

PAGE = ROOT / "docs" / "guides" / "jupyterhub.md"

TYPING = 280.0
"""Seconds for all that is typed before the hub is started: an environment, an installation, the doctor. As long as a
page has in `tests/docs/desk.py`."""

COVERED = ("/opt", "/usr/local")
"""The folders that the page writes into."""

ENTER = ["unshare", *([] if sys.platform == "win32" or not os.geteuid() else ["--map-root-user"]), "--mount"]

COVER = r"""
set -eu
base=$1; shift
for folder in /opt /usr/local; do
    mkdir -p "$base$folder" "$base/before$folder"
    mount --rbind "$folder" "$base/before$folder"
    for entry in "$base/before$folder"/*; do
        name=${entry##*/}
        [ -e "$base$folder/$name" ] || [ ! -e "$entry" ] || ln -s "$entry" "$base$folder/$name"
    done
    mount --rbind "$base$folder" "$folder"
done
exec "$@"
"""
"""Puts a folder over each, with links to all that was there."""

INSTEAD = {
    'sudo /opt/science/bin/pip install ".[uvloop]"': (
        '(cd /opt/science/lib/python*/site-packages && echo "$PACKAGES" > tests.pth)\n'
        "/opt/science/bin/python -m pip install --quiet --no-deps --no-build-isolation ."
    ),
    "python3 -m venv hub-env": "",
    "hub-env/bin/pip install jupyterhub jupyterlab": "",
    "npm install --global configurable-http-proxy": "",
}
"""Commands that download, and what is typed for them: their results are made from the locks."""


@pytest.fixture(autouse=True)
def possible(peer: str) -> None:
    """Skip where there are no mounts of one's own."""
    if peer:
        pytest.skip("the command line is ours")
    if shutil.which("unshare") is None or subprocess.run([*ENTER, "mount"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make mount namespaces")


def commands() -> list[str]:
    """The commands of the page, in order."""
    shown = [block.text.splitlines() for block in fences(PAGE) if block.words == ("sh",)]
    return [line.strip() for lines in shown for line in lines]


def configurations() -> dict[str, str]:
    """The files that the page shows, each by the path that stands before it."""
    files = {}
    text = PAGE.read_text(encoding="utf-8")
    for path in ("/usr/local/etc/jupyter/jupyter_server_config.py", "jupyterhub_config.py"):
        found = re.search(rf"`{re.escape(path)}`.*?```python config\n(.*?)```", text, re.S)
        assert found, f"the page has no {path}"
        files[path] = found[1]
    return files


@pytest.fixture
def desk(tmp_path: Path, python: Path, modules: Path, outside: Mapping[str, str]) -> Mapping[str, str]:
    """The variables for whoever types: in the folder are a checkout, the environments and the files of the page."""
    checkout = copy_of_checkout(tmp_path / "checkout")
    (checkout / "hub-env").symlink_to(python.parents[1])

    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n', encoding="utf-8")
    (tools / "sudo").chmod(0o755)
    path = [tools, modules / "node_modules" / ".bin", Path(sys.executable).parent, os.environ["PATH"]]
    inherited = {name: value for name, value in outside.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    home = tmp_path / "home"
    return {
        **inherited,
        **{name: folder for name, folder in homes(home).items() if not name.startswith("JUPYTER_CONFIG")},
        "PATH": os.pathsep.join(map(str, path)),
        "PACKAGES": sysconfig.get_path("purelib"),
    }


@contextmanager
def typed(desk: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Type the page, with the port and the homes of the test; gives the address of the hub."""
    port, homes_of_users = free_port(), folder / "users"
    (folder / "usr/local/share").mkdir(parents=True)  # a new one, not a link to that of the machine
    checkout = folder / "checkout"
    for path, text in configurations().items():
        own = text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        if path.startswith("/"):
            own += "c.ServerApp.allow_root = True\n"  # there everybody is root
        else:
            # By default 30 s, which the imports of a server exceed on a busy machine.
            own += f"c.Spawner.http_timeout = {PATIENCE:g}\n"
            own += f'c.SimpleLocalProcessSpawner.home_dir_template = "{homes_of_users}/{{username}}"\n'
            own += f'c.JupyterHub.hub_port = {free_port()}\nc.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"\n'
        file = folder / path[1:] if path.startswith("/") else checkout / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(own, encoding="utf-8")
    *before, hub = (INSTEAD.get(command, command) for command in commands())
    begins = folder / "hub begins"
    # The shell becomes the hub, so that this hears the signal, and ends what it has started.
    script = "\n".join(["set -eu", *before, f"touch '{begins}'", f"exec env {hub}"])
    command = [*ENTER, "sh", "-c", COVER, "sh", str(folder), "sh", "-c", script]
    log = folder / "hub.log"
    with log.open("wb") as writes, subprocess.Popen(
        command, cwd=checkout, env=dict(desk), stdin=subprocess.DEVNULL, stdout=writes, stderr=writes,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            for is_there, seconds in ((begins.exists, TYPING), (lambda: answers(f"{address}/hub/health"), PATIENCE)):
                deadline = time.monotonic() + seconds
                while not is_there():
                    assert process.poll() is None, log.read_text(encoding="utf-8")
                    assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                    time.sleep(0.1)
            yield address
        except BaseException:
            print(log.read_text(encoding="utf-8"))
            raise
        finally:
            process.send_signal(signal.SIGTERM)  # the hub ends its proxy and the servers of its users
            try:
                process.wait(PATIENCE)
            finally:
                with_group(process.pid)


def answers(address: str) -> bool:
    """Whether the hub is there."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE):
            return True
    except OSError:
        return False


def with_group(session: int) -> None:
    """End all that is left of our session."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


CELL = "import os, sys, asyncio\nawait asyncio.sleep(0)\nprint(sys.prefix, os.environ['JUPYTERHUB_USER'])"


def test_a_user_of_the_hub_of_the_page_runs_a_cell(
    desk: Mapping[str, str], browser: BrowserContext, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    assert "jupyterhub" in CLIENTS
    with typed(desk, tmp_path) as address:
        page = browser.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        try:
            page.goto(address)
            page.locator("#username_input").fill("ann")
            page.locator("#password_input").fill("any")
            page.locator("#login_submit").click()
            notebooks = page.locator(".jp-Launcher-section").filter(has_text="Notebook")
            cards = notebooks.locator(".jp-LauncherCard")
            expect(cards).to_have_text("async-science (science)", timeout=2 * 1000 * PATIENCE)  # a start, and a page
            cards.click()
            expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=1000 * PATIENCE)
            cell = page.locator(".jp-CodeCell").first
            cell.locator(".cm-content").click()
            page.keyboard.insert_text(CELL)
            page.keyboard.press("Shift+Enter")
            expect(cell.locator(".jp-OutputArea-output")).to_have_text("/opt/science ann", timeout=1000 * PATIENCE)
        except BaseException:
            page.screenshot(path=tmp_path / "hub.png")
            raise
        finally:
            page.close()
