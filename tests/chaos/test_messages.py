"""A kernel that is sent wrong messages by somebody who knows its key: each is answered, once, and it serves on."""

from __future__ import annotations

import random

import pytest

from tests.needs.kernel import Kernel

from .junk import Junk, junk
from .kernels import SECONDS, ends, serves, subject

BATCH = 100


@pytest.mark.timeout(7200)
def test_each_wrong_message_is_answered_once(chance: random.Random, loop: str, long: bool) -> None:
    with Kernel(subject(loop)) as kernel:
        for _ in range(500 if long else 8):
            batch = [junk(chance) for _ in range(BATCH)]
            sent = [(send(kernel, one), one) for one in batch]
            settle(kernel, sent)
            kernel.client.forget()
        serves(kernel)
        ends(kernel)


def send(kernel: Kernel, one: Junk) -> str:
    """Send it; the id that it had before anything was made wrong."""
    return kernel.client.send(one.channel, one.msg_type, one.content, **one.options)


def settle(kernel: Kernel, sent: list[tuple[str, Junk]]) -> None:
    """Wait until all is answered that has to be, and see that nothing is answered twice."""
    for request, one in sent:
        if one.answer == "reply":
            kernel.client.reply(request, SECONDS, f"a reply to {one}")
        if one.answer:
            kernel.client.idle(request, SECONDS, f"idle after {one}")
    for channel in ("shell", "control"):  # what is said twice has come before this
        kernel.client.idle(kernel.client.send(channel, "kernel_info_request"), SECONDS)
    for request, one in sent:
        came = kernel.client.by_parent[request]
        idles = [each for each in came if each.content.get("execution_state") == "idle"]
        assert sum(each.msg_type.endswith("_reply") for each in came) <= (one.answer != "idle"), one
        assert len(idles) <= 1, one
