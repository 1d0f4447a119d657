"""Kernels through gateways: each that exists starts, interrupts, restarts and ends them, and leaves none behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from ..browser.server import free_port
from ..clients.test_batch import code
from ..clients.test_batch import write as write_notebook
from ..e2e.driver import wait_until
from .conftest import DEADLINE, HOST, Serve, Ssh, Write
from .rest import SHOWS, Rest, family, gone

pytestmark = [
    pytest.mark.beyond,
    pytest.mark.timeout(900),  # the first test makes an environment
    pytest.mark.skipif(sys.platform == "win32", reason="gateways start kernels elsewhere"),
]


def kernel_gateway(python: Path, port: int) -> list[str]:
    options = {"ip": "127.0.0.1", "port": port, "allow_origin": "*", "list_kernels": True}
    words = [f"--KernelGatewayApp.{name}={options[name]}" for name in ("ip", "port")]
    return [str(python), "-m", "kernel_gateway", *words, "--JupyterWebsocketPersonality.list_kernels=True"]


def cells_of_a_notebook(python: Path, port: int, book: Path) -> list[str]:
    """The other mode of the kernel gateway: cells of a notebook answer requests."""
    return [*kernel_gateway(python, port)[:-1], "--KernelGatewayApp.api=kernel_gateway.notebook_http",
            f"--KernelGatewayApp.seed_uri={book}"]  # fmt: skip


def server(python: Path, port: int, *options: str) -> list[str]:
    words = [f"--port={port}", "--ip=127.0.0.1", "--allow-root", "--no-browser", "--ServerApp.port_retries=0"]
    return [str(python), "-m", "jupyter_server", *words, "--IdentityProvider.token=t", *options]


def enterprise_gateway(python: Path, port: int) -> list[str]:
    words = {"ip": "127.0.0.1", "port": port, "port_retries": 0, "list_kernels": True, "unauthorized_users": "nobody"}
    command = [str(python), "-m", "enterprise_gateway", "--EnterpriseGatewayApp.allow_remote_access=True"]
    return [*command, *(f"--EnterpriseGatewayApp.{name}={words[name]}" for name in list(words)[:4])]


def test_the_kernel_gateway(gateways: Path, serve: Serve, write: Write) -> None:
    port = free_port()
    with serve(kernel_gateway(gateways, port), port) as address:
        asyncio.run(Rest(address).life(write()))


def test_cells_of_a_notebook(gateways: Path, serve: Serve, write: Write, tmp_path: Path) -> None:
    """Nobody can ask this mode for an interrupt, so a signal does. Its kernels end with it."""
    spec, port, book, runs = write(), free_port(), tmp_path / "book.ipynb", tmp_path / "runs"
    sleeps = f"open({str(runs)!r}, 'w').close()\nimport time\ntime.sleep(600)"
    sources = [f"# GET /shows\n{SHOWS}", f"# GET /sleeps\n{sleeps}"]
    write_notebook(book, spec, [code(source) for source in sources])
    with serve(cells_of_a_notebook(gateways, port, book), port, "shows") as address:
        kernel, child, number = ask(f"{address}/shows")
        assert number == 42
        processes = family(kernel, child)
        with ThreadPoolExecutor() as others:
            answer = others.submit(ask, f"{address}/sleeps")
            wait_until(runs.exists, "the cell", DEADLINE)
            os.kill(kernel, signal.SIGINT)
            with pytest.raises(HTTPError) as failed:
                answer.result(DEADLINE)
        assert failed.value.code == 500
        assert "KeyboardInterrupt" in failed.value.read().decode()
        again, other, number = ask(f"{address}/shows")
        assert again == kernel
        processes += family(kernel, other)
    asyncio.run(gone(processes))


def ask(address: str) -> list[int]:
    """The numbers in the answer."""
    with urlopen(address, timeout=DEADLINE) as answer:
        return [int(word) for word in answer.read().split()]


def test_a_server_with_a_gateway(gateways: Path, serve: Serve, write: Write) -> None:
    ports = free_port(), free_port()
    with (
        serve(kernel_gateway(gateways, ports[0]), ports[0]) as gateway,
        serve(server(gateways, ports[1], f"--GatewayClient.url={gateway}"), ports[1]) as address,
    ):
        asyncio.run(Rest(address, "t").life(write()))


def test_gateway_provisioners_by_ssh(gateways: Path, serve: Serve, write: Write, ssh: Ssh) -> None:
    port = free_port()
    spec = write("--gateway=ssh", f"--gateway_options={{'remote_hosts': ['{HOST}']}}")
    command = server(gateways, port)
    with serve(command, port, GP_SSH_PORT=str(ssh.port), GP_UNAUTHORIZED_USERS="nobody", GP_LAUNCH_TIMEOUT="60") as at:
        asyncio.run(Rest(at, "t").life(spec))


def test_gateway_provisioners_encrypted(gateways: Path, serve: Serve, write: Write, ssh: Ssh) -> None:
    port = free_port()
    spec = write("--gateway=ssh", f"--gateway_options={{'remote_hosts': ['{HOST}']}}")
    command = server(gateways, port, "--KernelManager.transport_encryption=required")
    with serve(command, port, GP_SSH_PORT=str(ssh.port), GP_UNAUTHORIZED_USERS="nobody", GP_LAUNCH_TIMEOUT="60") as at:
        asyncio.run(Rest(at, "t").life(spec))


def test_enterprise_gateway_on_its_own_machine(enterprise: Path, serve: Serve, write: Write) -> None:
    port = free_port()
    with serve(enterprise_gateway(enterprise, port), port, EG_UNAUTHORIZED_USERS="nobody") as address:
        asyncio.run(Rest(address, KERNEL_USERNAME="tester").life(write()))


def test_enterprise_gateway_by_ssh(enterprise: Path, serve: Serve, write: Write, ssh: Ssh) -> None:
    port = free_port()
    spec = write("--gateway=ssh")
    variables = {"EG_REMOTE_HOSTS": HOST, "EG_SSH_PORT": str(ssh.port), "EG_UNAUTHORIZED_USERS": "nobody"}
    with serve(enterprise_gateway(enterprise, port), port, **variables) as address:
        asyncio.run(Rest(address, KERNEL_USERNAME=ssh.user).life(spec))
