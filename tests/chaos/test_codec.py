"""The codec takes in what a peer sends: junk, half messages, signed ones that are wrong. All is read or refused."""

from __future__ import annotations

import random
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import HealthCheck

from async_kernel.errors import ProtocolError
from tests.protocol import test_codec as properties
from tests.protocol.test_codec import frames_of, make_codec

PROPERTIES = (
    properties.test_noise_is_a_protocol_error,
    properties.test_signed_noise_is_a_protocol_error,
    properties.test_a_message_is_read_or_refused,
    properties.test_all_that_is_sent_is_strict_json,
)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda test: test.__name__)
def test_a_property_with_more_examples(holds: Callable[[], None], seed: str, long: bool) -> None:
    """In the long run 10^6 altogether, with those of the next test, which takes a hundredth of the time for each."""
    own = dict(vars(holds))
    try:
        settings = hypothesis.settings(
            max_examples=25_000 if long else 250,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        hypothesis.seed(seed)(settings(holds))()
    finally:  # it is another module's
        vars(holds).clear()
        vars(holds).update(own)


@pytest.mark.timeout(7200)
def test_a_changed_message_is_refused(chance: random.Random, long: bool) -> None:
    """Bytes of a good message are changed, lost, doubled, moved to another frame; the signature is as it was."""
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "u", "version": "5.5"}
    whole = [b"identity", *frames_of(header, {}, {"cellId": "é"}, {"code": "1 + 1", "silent": False})]
    whole = [bytes(frame) for frame in whole]
    codec = make_codec()
    for _ in range(900_000 if long else 5_000):
        frames = spoilt(whole, chance)
        with pytest.raises(ProtocolError):
            codec.decode(frames)
    assert codec.decode(whole).content["code"] == "1 + 1", "none of them had its signature"


def spoilt(whole: list[bytes], chance: random.Random) -> list[bytes]:
    """A message of which something is wrong; at least one byte of what is signed, or of the signature."""
    frames = list(whole)
    place = chance.randrange(2, len(frames))
    frame = bytearray(frames[place])
    how = chance.randrange(6)
    if how == 0 and frame:
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
    elif how == 1 and frame:
        del frame[chance.randrange(len(frame)) :]
    elif how == 2:
        at = chance.randrange(len(frame) + 1)
        frame[at:at] = chance.randbytes(chance.randrange(1, 9))
    elif how == 3:
        del frames[place]
        return frames
    elif how == 4:
        frames.insert(place, chance.randbytes(chance.randrange(9)))
        return frames
    else:
        frame = bytearray(chance.randbytes(chance.randrange(1, 40)))
    frames[place] = bytes(frame)
    return frames
