"""jupyter_kernel_gateway in its mode notebook-http: each cell with an address answers requests to it.

It starts several times: it waits neither for a welcome nor for its subscription, and what the first request is answered
with may come before that. `e2e/test_wire.py` has this order for certain; here it is as it comes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..browser.server import free_port, homes
from .conftest import DEADLINE
from .table import CLIENTS
from .test_batch import code, write

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]  # the first test makes the environment

PACKAGE = "jupyter_kernel_gateway"
CELLS = (
    "import json\nasked = []",
    "# GET /asked\nasked.append(json.loads(REQUEST)['args'])\nprint(json.dumps(asked))",
    "# ResponseInfo GET /asked\nprint(json.dumps({'headers': {'Content-Type': 'application/json'}, 'status': 201}))",
)


@pytest.fixture
def book(specs: Mapping[str, str], backend: str, tmp_path: Path) -> Path:
    return write(tmp_path / "book.ipynb", specs[backend], [code(source) for source in CELLS])


@contextmanager
def gateway(python: Path, book: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """A gateway that serves a notebook; its address."""
    port, log = free_port(), book.with_suffix(".log")
    options = {"api": "kernel_gateway.notebook_http", "seed_uri": book, "ip": "127.0.0.1", "port": port}
    command = [str(python), "-m", "kernel_gateway", *(f"--KernelGatewayApp.{name}={options[name]}" for name in options)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=book.parent, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            env={**os.environ, **homes(book.parent / "home"), **environment},
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    except BaseException as error:
        error.add_note(log.read_text(encoding="utf-8", errors="replace"))
        raise
    finally:
        process.send_signal(signal.SIGTERM)  # it ends its kernels
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()


def ask(address: str) -> tuple[int, str, object]:
    """Status, type and content of the answer, once the gateway listens."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            with urllib.request.urlopen(address, timeout=DEADLINE) as answer:
                return answer.status, answer.headers["Content-Type"], json.load(answer)
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            if time.monotonic() > deadline or "timed out" in str(error):
                raise
            time.sleep(0.02)  # the sooner it is asked, the more is to be waited for


@pytest.mark.parametrize("start", range(2))
@pytest.mark.parametrize("backend", CLIENTS[PACKAGE].backends)
def test_cells_answer_requests(python: Path, book: Path, environment: Mapping[str, str], start: int) -> None:
    with gateway(python, book, environment) as address:
        for number in (1, 2):
            asked = [{"n": [str(each)]} for each in range(1, number + 1)]
            assert ask(f"{address}/asked?n={number}") == (201, "application/json", asked)
