"""The text of connection files, to values and back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_kernel.errors import ConnectionFileError
from async_kernel.protocol.connection import ConnectionInfo, Registration, parse_connection, parse_registration
from async_kernel.protocol.names import Channel

ports = st.integers(0, 65535)
PUBLIC, SECRET = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
"""The example of ZeroMQ RFC 26 and of `zmq_curve_keypair`."""

infos = st.builds(
    ConnectionInfo,
    ports,
    ports,
    ports,
    ports,
    ports,
    ip=st.sampled_from(["127.0.0.1", "*", "::1"]),
    transport=st.sampled_from(["tcp", "ipc"]),
    key=st.text(),
    kernel_name=st.text(),
    curve_publickey=st.just(""),
    curve_secretkey=st.just(""),
)


@given(infos)
def test_what_is_rendered_is_parsed(info: ConnectionInfo) -> None:
    assert parse_connection(info.to_text()) == info


def test_keys_of_curvezmq_are_kept_and_no_empty_ones_written() -> None:
    info = ConnectionInfo(curve_publickey=PUBLIC, curve_secretkey=SECRET)
    assert info.is_encrypted
    assert parse_connection(info.to_text()) == info
    assert "curve" not in ConnectionInfo().to_text(), "clients take an empty key for a key"
    assert not ConnectionInfo().is_encrypted
    assert ConnectionInfo(ip="0.0.0.0", key="k", curve_publickey=PUBLIC, curve_secretkey=SECRET).exposures() == []


@pytest.mark.parametrize(
    "keys",
    [
        {"curve_publickey": PUBLIC},
        {"curve_secretkey": SECRET},
        {"curve_publickey": PUBLIC, "curve_secretkey": ""},
        {"curve_publickey": PUBLIC, "curve_secretkey": None},
        {"curve_publickey": PUBLIC, "curve_secretkey": SECRET[:-1]},
        {"curve_publickey": PUBLIC, "curve_secretkey": SECRET[:-1] + " "},
        {"curve_publickey": "ü" * 40, "curve_secretkey": SECRET},
        {"curve_publickey": [PUBLIC], "curve_secretkey": SECRET},
    ],
)
def test_half_keys_and_nonsense_are_refused_and_not_repeated(keys: dict[str, object]) -> None:
    with pytest.raises(ConnectionFileError, match="curve_") as caught:
        parse_connection(json.dumps(keys), "kernel-1.json")
    assert SECRET[:-1] not in str(caught.value)


def test_what_jupyter_writes_is_read() -> None:
    """The example of the messaging spec, "Connection files", with a field that is not ours."""
    text = """{"control_port": 50160, "shell_port": 57503, "transport": "tcp", "signature_scheme": "hmac-sha256",
    "stdin_port": 52597, "hb_port": 42540, "ip": "127.0.0.1", "iopub_port": 40885, "key": "a0436f6c", "jupyter": {}}"""
    info = parse_connection(text, "kernel-1.json")
    assert {channel: info.port(channel) for channel in Channel} == {
        Channel.SHELL: 57503,
        Channel.IOPUB: 40885,
        Channel.STDIN: 52597,
        Channel.CONTROL: 50160,
        Channel.HB: 42540,
    }
    assert info.key == "a0436f6c"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"shell_port": "1"}',
        '{"shell_port": true}',
        '{"shell_port": 1.5}',
        '{"shell_port": null}',
        '{"shell_port": -1}',
        '{"shell_port": 65536}',
        '{"key": 1}',
        '{"transport": "inproc"}',
        '{"ip": ["127.0.0.1"]}',
        '{"key": "\\ud800"}',
    ],
    ids=lambda text: text[:30],
)
def test_what_is_wrong_names_the_file(text: str) -> None:
    with pytest.raises(ConnectionFileError) as caught:
        parse_connection(text, "/run/kernel-1.json")
    assert caught.value.path == "/run/kernel-1.json"
    assert "/run/kernel-1.json" in str(caught.value)
    assert caught.value.next_step


@given(st.text() | st.dictionaries(st.sampled_from(ConnectionInfo._fields), st.text() | st.integers()).map(json.dumps))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(ConnectionFileError):
        parse_connection(text)


def test_addresses() -> None:
    info = ConnectionInfo(shell_port=1, ip="127.0.0.1")
    assert info.address(Channel.SHELL) == "tcp://127.0.0.1:1"
    assert info.address(Channel.IOPUB) == "tcp://127.0.0.1:*"
    ipc = ConnectionInfo(shell_port=1, ip="/run/kernel", transport="ipc")
    assert ipc.address(Channel.SHELL) == "ipc:///run/kernel-1"


def test_another_port_for_one_channel() -> None:
    info = ConnectionInfo(shell_port=1, key="key")
    assert info.with_port(Channel.HB, 5) == info._replace(hb_port=5)


REGISTRATION: dict[str, Any] = {
    "kernel_id": "unique_kernel_id",
    "transport": "tcp",
    "registration_ip": "127.0.0.1",
    "registration_port": 51587,
    "signature_scheme": "hmac-sha256",
    "key": "a0436f6c",
}
"""The example of jupyter_client's documentation, "Registration file format"."""


def test_a_registration_file_says_where_to_register() -> None:
    registration = parse_registration(json.dumps(REGISTRATION | {"more": {}}), "registration.json")
    assert registration == Registration(**REGISTRATION)
    assert registration.address == "tcp://127.0.0.1:51587"
    info = registration.to_info("async")
    assert info == ConnectionInfo(ip="127.0.0.1", key="a0436f6c", kernel_name="async")
    assert all(not info.port(channel) for channel in Channel)


def test_a_kernel_can_be_elsewhere_than_its_launcher() -> None:
    registration = parse_registration(json.dumps(REGISTRATION | {"registration_ip": "10.0.0.5", "ip": "0.0.0.0"}))
    assert registration.address == "tcp://10.0.0.5:51587"
    assert registration.to_info().ip == "0.0.0.0"


def test_what_is_registered() -> None:
    """The example of the messaging spec, "Kernel startup handshake", has the ports as text."""
    content = Registration("id").content(ConnectionInfo(1, 2, 3, 4, 5))
    assert content == {
        "kernel_id": "id",
        "shell_port": "1",
        "iopub_port": "2",
        "stdin_port": "3",
        "control_port": "4",
        "hb_port": "5",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"registration_port": "51587"},
        {"registration_port": 0},
        {"registration_port": 65536},
        {"transport": "ipc"},
        {"kernel_id": 5},
        {"key": None},
    ],
    ids=str,
)
def test_a_wrong_registration_file_is_named(change: dict[str, object]) -> None:
    with pytest.raises(ConnectionFileError) as caught:
        parse_registration(json.dumps(REGISTRATION | change), "/run/registration.json")
    assert caught.value.path == "/run/registration.json"
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": "k"}, []),
        ({"key": "k", "ip": "127.0.0.2"}, []),
        ({"key": "k", "ip": "localhost"}, []),
        ({"key": "k", "ip": "::1"}, []),
        ({"key": "k", "ip": "0.0.0.0", "transport": "ipc"}, []),
        ({"key": "k", "ip": "0.0.0.0"}, ["0.0.0.0 over plain TCP"]),
        ({"key": "k", "ip": "*"}, ["* over plain TCP"]),
        ({"key": "k", "ip": "192.168.1.7"}, ["192.168.1.7 over plain TCP"]),
        ({"key": "", "transport": "ipc"}, ["an empty key"]),
        ({"ip": "::"}, ["an empty key", ":: over plain TCP"]),
    ],
)
def test_what_strangers_could_do_is_said(fields: dict[str, Any], said: list[str]) -> None:
    exposures = ConnectionInfo(**fields).exposures()
    assert len(exposures) == len(said)
    for exposure, words in zip(exposures, said, strict=True):
        assert words in exposure


def test_fields_that_are_not_known_are_written_again() -> None:
    former = '{"shell_port": 0, "theirs": [1], "key": "old"}'
    data = json.loads(ConnectionInfo(shell_port=7, key="new").to_text(former))
    assert (data["shell_port"], data["theirs"], data["key"]) == (7, [1], "new")
