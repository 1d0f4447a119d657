"""JupyterHub: a single-user server that the hub starts, and kernels in it."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from ..browser.server import free_port
from ..environments import cache
from .conftest import DEADLINE, Serve, Write
from .rest import Rest

pytestmark = [
    pytest.mark.beyond,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="JupyterHub is not for Windows"),
]

PROXY = "configurable-http-proxy@5.3.0"


@pytest.fixture(scope="session")
def proxy(outside: Mapping[str, str]) -> Path:
    """The program that the hub's users come through, from npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: the proxy of JupyterHub comes from there")
    folder = cache("hub")
    program = folder / "node_modules" / ".bin" / "configurable-http-proxy"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PROXY]
        subprocess.run(command, cwd=folder, env=dict(outside), check=True, timeout=300, capture_output=True)
    return program


def test_a_single_user_server(gateways: Path, proxy: Path, serve: Serve, write: Write, tmp_path: Path) -> None:
    spec, user, ports = write(), getpass.getuser(), [free_port() for _ in range(3)]
    passed_on = ["PATH", "HOME", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"]
    (tmp_path / "hub.py").write_text(
        "c = get_config()\n"
        f"c.JupyterHub.bind_url = 'http://127.0.0.1:{ports[0]}'\n"
        f"c.JupyterHub.hub_port = {ports[1]}\n"
        f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{ports[2]}'\n"
        f"c.ConfigurableHTTPProxy.command = {[str(proxy)]!r}\n"
        "c.JupyterHub.authenticator_class = 'dummy'\n"
        f"c.Authenticator.allowed_users = {{{user!r}}}\n"
        f"c.LocalProcessSpawner.cmd = [{str(gateways)!r}, '-m', 'jupyterhub.singleuser', '--allow-root']\n"
        f"c.Spawner.env_keep = {passed_on!r}\n"
        "c.Spawner.environment = {'JUPYTERHUB_SINGLEUSER_APP': 'jupyter_server.serverapp.ServerApp'}\n"
        f"c.Spawner.notebook_dir = {str(tmp_path)!r}\n"
        "c.JupyterHub.services = [{'name': 'test', 'api_token': 'a-token-of-the-test'}]\n"
        "c.JupyterHub.load_roles = [{'name': 'test', 'services': ['test'],"
        " 'scopes': ['admin:users', 'admin:servers', 'access:servers']}]\n"
    )
    path = f"{gateways.parent}{os.pathsep}{os.environ['PATH']}"
    command = [str(gateways), "-m", "jupyterhub", "-f", str(tmp_path / "hub.py")]
    with serve(command, ports[0], "hub/api", PATH=path) as address:
        asyncio.run(_life(Rest(f"{address}/hub", "a-token-of-the-test"), address, user, spec))


async def _life(hub: Rest, address: str, user: str, spec: str) -> None:
    await hub.ask("POST", f"api/users/{user}/server")
    end = time.monotonic() + DEADLINE
    while not (await hub.ask("GET", f"api/users/{user}"))["server"]:
        assert time.monotonic() < end, f"no server within {DEADLINE} s"
        await asyncio.sleep(0.1)
    await Rest(f"{address}/user/{user}", "a-token-of-the-test").life(spec)
    await hub.ask("DELETE", f"api/users/{user}/server")
