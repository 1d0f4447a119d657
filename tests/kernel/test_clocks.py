"""When a client sent a message, by the kernel's clock, whatever the client's clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from async_kernel.kernel.clocks import ClientClocks
from async_kernel.protocol.messages import Header
from async_kernel.system.real import real


def header(sent: float, ahead: float = 0.0, session: str = "s") -> Header:
    """The header of a message sent at `sent` by a client whose clock is `ahead` of ours."""
    moment = datetime.fromtimestamp(sent, UTC) + timedelta(seconds=ahead)
    return Header("1", "execute_request", session, "me", moment.isoformat(), "5.5", None)


def clocks(monkeypatch: pytest.MonkeyPatch, ahead: float, delays: list[float], session: str = "s") -> ClientClocks:
    """What was learnt from messages that took so long each; the first was sent at 1000."""
    learnt = ClientClocks()
    for number, delay in enumerate(delays):
        sent = 1000.0 + number
        monkeypatch.setattr(real, "time", lambda now=sent + delay: now)
        learnt.note(header(sent, ahead, session))
    return learnt


@pytest.mark.parametrize("ahead", [0.0, 3600.0, -3600.0, 0.5, -0.02])
def test_the_later_time_is_never_too_early(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    learnt = clocks(monkeypatch, ahead, [0.2, 0.001, 0.03])
    sent = learnt.sent(header(2000.0, ahead))
    assert sent is not None
    earliest, latest = sent
    assert 2000.0 <= latest == pytest.approx(2000.001, abs=1e-5)
    assert earliest <= latest


def test_with_one_clock_the_earlier_time_is_the_one_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = clocks(monkeypatch, 0.0, [0.2, 0.001])
    assert learnt.sent(header(2000.0)) == pytest.approx((2000.0, 2000.001))


@pytest.mark.parametrize("ahead", [60.0, -60.0])
def test_with_two_clocks_there_is_one_time(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    learnt = clocks(monkeypatch, ahead, [0.001])
    sent = learnt.sent(header(2000.0, ahead))
    assert sent is not None
    assert sent[0] == sent[1] == pytest.approx(2000.001)


def test_each_client_has_its_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = clocks(monkeypatch, 60.0, [0.001], session="other")
    assert learnt.sent(header(2000.0)) == (2000.0, 2000.0)


def test_a_message_without_a_date_says_nothing() -> None:
    assert ClientClocks().sent(Header("1", "execute_request", "s", "me", "yesterday", "5.5", None)) is None
