"""The streams put in place and given back; input and getpass ask the front end of the cell."""

from __future__ import annotations

import builtins
import getpass
import io
import sys
from collections.abc import Iterator

import pytest

from async_kernel.errors import StdinNotAllowedError
from async_kernel.kernel import request as requests
from async_kernel.kernel.request import serving
from async_kernel.streams.install import install_streams
from async_kernel.streams.output import RequestStream
from tests.fakes import FakeOutlet

from .test_output import make_request


def places() -> list[object]:
    return [sys.stdout, sys.stderr, builtins.input, getpass.getpass]


@pytest.fixture(autouse=True)
def given_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(requests, "_fallback", [])
    before = places()
    yield
    after = places()
    sys.stdout, sys.stderr, builtins.input, getpass.getpass = before  # type: ignore[assignment]  # as they were
    assert after == before


def test_they_are_put_in_place_and_given_back() -> None:
    before = places()
    restore = install_streams().restore
    try:
        assert all(ours is not old for ours, old in zip(places(), before, strict=True))
        outlet = FakeOutlet()
        with serving(make_request(outlet)):
            print("out")
            print("err", file=sys.stderr)
        assert outlet.written == [("stdout", "out"), ("stdout", "\n"), ("stderr", "err"), ("stderr", "\n")]
    finally:
        restore()
    assert places() == before


def test_what_somebody_else_replaced_is_left_to_them() -> None:
    stdout = sys.stdout
    restore = install_streams().restore
    theirs = sys.stdout = io.StringIO()
    restore()
    assert sys.stdout is theirs
    sys.stdout = stdout


def test_echo_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    restore = install_streams(echo=True).restore
    try:
        with serving(make_request(FakeOutlet())):
            print("both")
    finally:
        restore()
    assert capsys.readouterr().out == "both\n"


def test_input_asks_the_front_end_of_the_cell() -> None:
    restore = install_streams().restore
    try:
        outlet = FakeOutlet("typed")
        with serving(make_request(outlet, allow_stdin=True)):
            assert input() == "typed"
            assert input("name? ") == "typed"
            assert input(7) == "typed"
            assert getpass.getpass() == "typed"
            assert getpass.getpass("secret: ", stream=None) == "typed"
        assert outlet.asked == [("", False), ("name? ", False), ("7", False), ("Password: ", True), ("secret: ", True)]
        with serving(make_request(FakeOutlet())), pytest.raises(StdinNotAllowedError, match="front end"):
            input()
        with pytest.raises(StdinNotAllowedError, match="outside any cell"):
            input()
    finally:
        restore()


def test_the_stream_wraps_what_was_there() -> None:
    before = sys.stdout
    restore = install_streams().restore
    try:
        assert isinstance(sys.stdout, RequestStream)
        assert sys.stdout._original is before
    finally:
        restore()
