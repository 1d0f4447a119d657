"""Several calls as one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import anyio
import pytest

from async_kernel import Caller, Group, Pending

from .loops import DEADLINE, run, until


@pytest.fixture(params=["asyncio", "trio"])
def io(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """The caller of a thread with a loop of either backend, whichever the group runs on."""
    caller = Caller.get("io", backend=request.param)
    yield caller
    caller.close().result(DEADLINE)


async def fail() -> None:
    raise LookupError("failed")


def test_leaving_it_waits_for_all(backend: str, io: Caller) -> None:
    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            async with Group() as group:
                pendings = [group.add(io.call_later(0.01 * n, str, n)) for n in range(5)]
                assert group.add(Caller.to_thread(int, "7")).exception() is None
        assert [pending.result() for pending in pendings] == ["0", "1", "2", "3", "4"]

    run(backend, main)


def test_the_first_failure_cancels_the_rest(backend: str, io: Caller) -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await anyio.sleep(60)
        finally:
            ended.append("ended")

    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the error comes out at the end of the group
                async with Group() as group:
                    others = [group.add(io.call_soon(wait)) for _ in range(3)]
                    waiting: Pending[str] = group.add(io.call_later(60, str))
                    await io.call_soon(anyio.sleep, 0.01)
                    group.add(io.call_soon(fail))
                    await anyio.sleep(60)  # the block itself is cancelled
            assert [type(error) for error in caught.value.exceptions] == [LookupError]
        assert ended == ["ended"] * 3, "it has waited for their end"
        assert all(pending.cancelled() for pending in others)
        assert waiting.cancelled()

    run(backend, main)


def test_an_error_in_the_block_cancels_all(backend: str, io: Caller) -> None:
    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the error comes out at the end of the group
                async with Group() as group:
                    pending = group.add(io.call_soon(anyio.sleep, 60))
                    raise LookupError
            assert caught.group_contains(LookupError)
        assert pending.cancelled()

    run(backend, main)


def test_a_timeout_cancels_all(backend: str, io: Caller) -> None:
    async def main() -> None:
        with anyio.move_on_after(0.02) as scope:
            async with Group() as group:
                pendings = [group.add(io.call_soon(anyio.sleep, 60)) for _ in range(3)]
        assert scope.cancelled_caught
        assert all(pending.cancelled() for pending in pendings)

    run(backend, main)


def test_it_can_be_cancelled(backend: str, io: Caller) -> None:
    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            async with Group() as group:
                pending = group.add(io.call_soon(anyio.sleep, 60))
                group.cancel()
        assert pending.cancelled()

    run(backend, main)


def test_what_was_cancelled_by_itself_is_no_failure(backend: str, io: Caller) -> None:
    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            async with Group() as group:
                ended = group.add(io.call_soon(anyio.sleep, 60))
                other = group.add(io.call_later(0.02, str, "goes on"))
                ended.cancel()
        assert other.result() == "goes on"

        def raise_cancelled() -> None:
            raise CancelledError

        with pytest.raises(ExceptionGroup) as caught:
            async with Group() as group:
                group.add(io.call_soon(raise_cancelled))
        assert caught.group_contains(CancelledError), "it was not cancelled: it raised that"

    run(backend, main)


def test_they_come_as_they_are_completed(backend: str, io: Caller) -> None:
    async def main() -> None:
        steps = [threading.Event() for _ in range(3)]
        seen: list[str] = []
        with anyio.fail_after(DEADLINE):
            async with Group() as group:

                def wait(number: int) -> str:
                    assert steps[number].wait(DEADLINE)
                    return str(number)

                for number in range(3):
                    group.add(Caller.to_thread(wait, number))
                steps[2].set()
                async for pending in group:
                    seen.append(pending.result())
                    if seen[-1] == "2":
                        steps[0].set()
                        group.add(io.call_soon(str, "added"))
                    if len(seen) == 3:
                        steps[1].set()
                assert sorted(seen[1:3]) == ["0", "added"]
                assert seen[0] == "2"
                assert seen[3:] == ["1"]
                assert [pending async for pending in group] == []

    run(backend, main)


def test_a_function_that_runs_is_left_to_itself(backend: str) -> None:
    go_on = threading.Event()

    async def main() -> Pending[bool]:
        began = threading.Event()

        def wait() -> bool:
            began.set()
            return go_on.wait(DEADLINE)

        with anyio.fail_after(DEADLINE):
            async with Group() as group:
                pending = group.add(Caller.to_thread(wait))
                await until(began.is_set)
                group.cancel()
        assert pending.running()
        return pending

    pending = run(backend, main)
    go_on.set()
    assert pending.result(DEADLINE)


def test_it_is_used_inside_its_block_and_once(backend: str, io: Caller) -> None:
    async def main() -> None:
        group = Group()
        pending = io.call_soon(str)
        with pytest.raises(RuntimeError, match="block"):
            group.add(pending)
        async with group:
            group.add(pending)
        with pytest.raises(RuntimeError):
            group.add(pending)
        with pytest.raises(RuntimeError, match="once"):
            async with group:
                pass

    run(backend, main)
