"""The names of the protocol."""

from __future__ import annotations

import pytest

from async_kernel.protocol.names import Channel, reply_type, topic_of


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("execute_request", "execute_reply"),
        ("kernel_info_request", "kernel_info_reply"),
        ("comm_open", "comm_open_reply"),
        ("_request", "_reply"),
    ],
)
def test_replies_are_named_after_requests(asked: str, answered: str) -> None:
    assert reply_type(asked) == answered


def test_topics_name_the_kernel_and_the_type() -> None:
    assert topic_of("4f0c", "status") == b"kernel.4f0c.status"


def test_channels_are_called_as_in_the_connection_file() -> None:
    assert {f"{channel}_port" for channel in Channel} == {
        "shell_port",
        "iopub_port",
        "stdin_port",
        "control_port",
        "hb_port",
    }
