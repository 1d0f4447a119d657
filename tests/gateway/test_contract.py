"""The parts of the contract: the envelope, the words of a spec, the port for signals, the ways to a container."""

from __future__ import annotations

import json
import shlex
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from async_kernel.errors import AsyncKernelError, GatewayError, MissingPackageError, UsageError
from async_kernel.gateway import comm_port, handing_over
from async_kernel.gateway.comm_port import CommPort, read_request
from async_kernel.gateway.envelope import seal
from async_kernel.gateway.launch import Launch
from async_kernel.kernelspec.api import add, make_argv
from async_kernel.kernelspec.surroundings import Surroundings
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.settings import Add, Settings, Start, parse, render
from async_kernel.transport.sockets import bind_sockets

from .service import Gateway

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gateways start kernels elsewhere")

GIVEN = ["--response-address=10.0.0.1:8877", "--public-key=aGk=", "--kernel-id=k1"]


def started(*words: str) -> Settings:
    command = parse([*words])
    assert isinstance(command, Start)
    return command.settings


def added(*words: str) -> Add:
    command = parse(["-a", "far", *words])
    assert isinstance(command, Add)
    return command


# Words


@pytest.mark.parametrize("prefix", ["--", "--RemoteProcessProxy.", "--gateway."])
@pytest.mark.parametrize("equals", [True, False])
def test_all_spellings_of_the_launchers_start_a_kernel(prefix: str, equals: bool) -> None:
    words = []
    for name, value in {
        "kernel-id": "k1",
        "response-address": "10.0.0.1:8877",
        "public-key": "aGk=",
        "port-range": "40000..41000",
        "spark-context-initialization-mode": "none",
    }.items():
        words += [f"{prefix}{name}={value}"] if equals else [f"{prefix}{name}", value]
    settings = started(*words)
    assert settings.connection_file == ""
    assert Launch.of(settings) == Launch(("10.0.0.1", 8877), "aGk=", "k1", range(40000, 41001))


@pytest.mark.parametrize("way", ["ssh", "k8s", "docker", "yarn", "spark"])
def test_a_spec_says_back_what_it_was_written_of(way: str) -> None:
    options = ["--gateway_options={'image_name': 'kernels:1'}", "--backend=trio", f"--gateway={way}"]
    settings = added(*options).settings
    assert parse(render(settings)) == Start(settings)
    assert settings.attributes["gateway.response_address"] == "{response_address}"


def test_no_gateway_is_no_launch() -> None:
    assert Launch.of(started("-f", ".")) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([GIVEN[0], GIVEN[1]], "kernel_id"),
        ([GIVEN[0], GIVEN[2]], "public_key"),
        (["--response-address=8877", *GIVEN[1:]], "IP:PORT"),
        (["--response-address=a:0", *GIVEN[1:]], "IP:PORT"),
        ([*GIVEN, "--port-range=5000"], "LOW..HIGH"),
        ([*GIVEN, "--port-range=9000..5000"], "ports outside"),
        ([*GIVEN, "--port-range=80..5000"], "ports outside"),
        ([*GIVEN, "--transport-encryption=perhaps"], "perhaps"),
    ],
)
def test_a_wrong_launch_is_refused(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        Launch.of(started(*words))
    assert refused.value.next_step


@pytest.mark.parametrize("word", ["--port-range={port_range}", "--transport-encryption={transport_encryption}"])
def test_what_a_gateway_does_not_fill_in_is_not_said(word: str) -> None:
    launch = Launch.of(started(*GIVEN, word))
    assert launch is not None
    assert (launch.ports, launch.encryption) == ((), "disabled")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gateway=k8s"], "image"),
        (["--gateway=container"], "container"),
        (["--gateway_options={'a': 1}"], "needs a gateway"),
        (["--gateway=ssh", "--warm"], "warm"),
    ],
)
def test_a_wrong_spec_is_refused(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        added(*words)


def test_a_shell_changes_no_word_of_a_spec_for_ssh(tmp_path: Path) -> None:
    here = Surroundings.here()
    command = added("--gateway=ssh", "--backend_options={'use_uvloop': False}", f"--folder={tmp_path / 'kernels'}")
    argv = list(add(command, here).spec.argv)
    assert shlex.split(" ".join(argv)) == argv
    assert parse(argv[3:]) == Start(command.settings._replace(display_name=""))
    with pytest.raises(UsageError, match="a shell"):
        add(added("--gateway=ssh", "--profile=a b", f"--folder={tmp_path / 'kernels'}"), here)


def test_the_options_of_a_gateway_reach_both_gateways() -> None:
    metadata = added("--gateway=ssh", "--gateway_options={'remote_hosts': ['a', 'b']}").metadata
    assert metadata["process_proxy"]["config"] == {"remote_hosts": ["a", "b"]}
    assert metadata["kernel_provisioner"]["config"] == {"remote_hosts": ["a", "b"]}


# The envelope


def test_the_gateway_alone_can_open_the_envelope() -> None:
    with Gateway() as gateway:
        sealed = [seal(gateway.public_key, {"key": "a secret"}) for _ in range(2)]
        assert sealed[0] != sealed[1]
        assert [gateway.open(one) for one in sealed] == [{"key": "a secret"}] * 2


@pytest.mark.parametrize("key", ["", "no base64", "aGVsbG8="])
def test_a_wrong_key_is_refused(key: str) -> None:
    with pytest.raises(GatewayError, match="public key"):
        seal(key, {})


# Ports


def test_the_sockets_are_bound_in_the_range() -> None:
    ports = range(21000, 21050)
    sockets = [bind_sockets(ConnectionInfo(key="k"), ports) for _ in range(2)]
    try:
        bound = [
            number for one in sockets for name, number in one.connection._asdict().items() if name.endswith("_port")
        ]
        assert len(set(bound)) == 10
        assert set(bound) <= set(ports)
    finally:
        for one in sockets:
            one.close()


def test_a_range_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AsyncKernelError, match="cannot be bound"):
            bind_sockets(ConnectionInfo(key="k"), range(port, port + 1))


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        (b'{"signum": 2}', 2),
        (b'{"signum": 0}', 0),
        (b'{"signum": 9}', 9),
        (b'{"shutdown": 1}', "end"),
        (b'{"signum": 19}', None),  # SIGSTOP
        (b'{"signum": -1}', None),
        (b'{"signum": true}', None),
        (b'{"signum": "2"}', None),
        (b'{"signum": 2, "shutdown": 1}', None),
        (b'{"shutdown": 0}', None),
        (b"[1]", None),
        (b"{", None),
        (b"[" * 1000, None),
        (b"\xff", None),
    ],
)
def test_requests_are_read_to_the_letter(text: bytes, asks: object) -> None:
    assert read_request(text) == asks


class Port:
    """A port that is served in this process, for a kernel that is none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(comm_port, "LOOK", 0.01)
        self.sent: list[int] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self._address = listener.getsockname()
        self.port = CommPort(listener, -1, self.sent.append, self._alive)
        self.until: Callable[[], bool] = lambda: True

    def _alive(self) -> bool:
        return not self.until()

    def connect(self, text: bytes = b"") -> socket.socket:
        """A connection that has sent `text`."""
        connection = socket.create_connection(self._address, 5)
        connection.sendall(text)
        return connection


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Port:
    return Port(monkeypatch)


def test_a_request_counts_once_it_is_whole(port: Port) -> None:
    with port.connect(b'{"sig') as connection:
        looks = iter(range(50))

        def look() -> bool:
            if next(looks) == 10:
                connection.sendall(b'num": 15}')
            return bool(port.sent)

        port.until = look
        port.port.serve()
    assert port.sent == [15]


def test_strangers_who_say_nothing_do_not_keep_the_gateway_out(port: Port) -> None:
    silent = [port.connect() for _ in range(40)]
    with port.connect(b'{"signum": 2}'):
        port.until = lambda: bool(port.sent)
        port.port.serve()
    assert port.sent == [2]
    for one in silent:
        one.close()


def test_a_connection_that_says_too_much_or_nothing_is_closed(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm_port, "REQUEST_SECONDS", 0.05)
    talkers = [port.connect(b"x" * 2000), port.connect()]
    closed: set[int] = set()

    def look() -> bool:
        for one in talkers:
            one.setblocking(False)
            try:
                if one.recv(1) == b"":
                    closed.add(one.fileno())
            except BlockingIOError:
                pass
            except ConnectionResetError:
                closed.add(one.fileno())
        return len(closed) == 2

    port.until = look
    port.port.serve()
    assert port.sent == []
    for one in talkers:
        one.close()


def test_a_kernel_that_does_not_end_is_ended_by_force(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm_port, "GRACE", 0.05)
    with port.connect(b'{"shutdown": 1}'):
        port.until = lambda: len(port.sent) > 1
        port.port.serve()
    assert port.sent == [15, 9]


# Containers and schedulers

ARGV = ["--kernel-id", "k1", "--response-address", "10.0.0.1:8877", "--public-key", "aGk=", "--port-range", "0..0"]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "launch.py"
    path.write_text("")
    return path


@pytest.mark.parametrize("way", ["k8s", "docker", "spark"])
def test_the_gateways_own_script_makes_the_container(way: str, script: Path) -> None:
    settings = started(*ARGV, f"--gateway={way}", f"--gateway.launcher={script}", "--shell.timeout=5")
    command, variables = handing_over.command_of(settings, {})
    assert list(command[:2]) == [sys.executable, str(script)]
    said = dict(zip(command[2::2], command[3::2], strict=True))
    assert said == dict(zip(ARGV[::2], ARGV[1::2], strict=True))
    container = handing_over.settings_of_container(
        started("--gateway=container"),
        {**variables, "RESPONSE_ADDRESS": "10.0.0.1:8877", "PUBLIC_KEY": "aGk=", "KERNEL_ID": "k1"},
    )
    assert container.attributes["shell.timeout"] == 5
    assert Launch.of(container) == Launch(("10.0.0.1", 8877), "aGk=", "k1")


@pytest.mark.parametrize("option", ["{'use_uvloop': True, 'debug': False}", "{'a': 'it''s # a b: c'}"])
def test_the_arguments_of_a_container_are_yaml_whatever_they_are(option: str, script: Path) -> None:
    """The gateways' scripts read all variables of this beginning as YAML, and end where one is none."""
    words = (*ARGV, "--gateway=k8s", f"--gateway.launcher={script}", f"--backend_options={option}")
    _, variables = handing_over.command_of(started(*words), {})
    yaml.safe_load(variables["KERNEL_ARGUMENTS"])
    container = handing_over.settings_of_container(started("--gateway=container", *ARGV), variables)
    assert container.backend_options == started(*words).backend_options


@pytest.mark.parametrize("text", ["[", '["--backend=trio"'])
def test_broken_arguments_of_a_container_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="KERNEL_ARGUMENTS"):
        handing_over.settings_of_container(started("--gateway=container", *ARGV), {"KERNEL_ARGUMENTS": text})


def test_yarn_knows_the_application_by_the_id_of_the_kernel(tmp_path: Path) -> None:
    submit = tmp_path / "bin" / "spark-submit"
    submit.parent.mkdir()
    submit.write_text("#!/bin/sh\n")
    submit.chmod(0o755)
    settings = started(*ARGV, "--gateway=yarn", "--backend=trio")
    environ = {"SPARK_HOME": str(tmp_path), "SPARK_OPTS": "--conf 'a=b c'"}
    command, _ = handing_over.command_of(settings, environ)
    assert command[0] == str(submit)
    assert command[command.index("--name") + 1] == "k1"
    assert "a=b c" in command
    program = next(place for place, word in enumerate(command) if word.endswith("__main__.py"))
    inside = parse(command[program + 1 :])
    assert isinstance(inside, Start)
    assert inside.settings.backend == "trio"
    assert Launch.of(inside.settings) == Launch(("10.0.0.1", 8877), "aGk=", "k1")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["--gateway=k8s"], MissingPackageError),
        (["--gateway=docker", "--gateway.launcher=/nowhere.py"], UsageError),
        (["--gateway=yarn"], UsageError),
    ],
)
def test_what_a_way_needs_is_named(words: list[str], kind: type[AsyncKernelError]) -> None:
    with pytest.raises(kind) as refused:
        handing_over.check(started(*ARGV, *words), {"SPARK_HOME": "/nowhere"})
    assert refused.value.next_step


@pytest.mark.parametrize("variables", [{}, {"RESPONSE_ADDRESS": "a:1", "KERNEL_ARGUMENTS": "-a x"}])
def test_a_container_without_a_gateway_says_so(variables: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        handing_over.settings_of_container(started("--gateway=container"), variables)


def test_every_spec_names_a_process_proxy_and_a_provisioner() -> None:
    metadata: dict[str, Any] = dict(added("--gateway=yarn").metadata)
    assert metadata["process_proxy"]["class_name"].endswith("YarnClusterProcessProxy")
    assert metadata["kernel_provisioner"]["provisioner_name"] == "yarn-provisioner"
    json.dumps(metadata)
    assert "{response_address}" in " ".join(make_argv("far", gateway="yarn"))
