"""A queue from any thread into one loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import anyio
import pytest

from async_kernel.concurrency.portal import Arrival, current_portal
from async_kernel.concurrency.queue import Queue

from .loops import DEADLINE, run


def test_items_put_before_the_loop_runs_come_out(backend: str) -> None:
    queue: Queue[int] = Queue()
    for number in range(5):
        queue.put(number)
    assert len(queue) == 5

    async def main() -> list[int]:
        portal = current_portal()
        return [await queue.get(portal) for _ in range(5)]

    assert run(backend, main) == list(range(5))
    assert len(queue) == 0


def test_nothing_is_lost_between_many_threads(backend: str) -> None:
    queue: Queue[tuple[int, int]] = Queue()

    def fill(number: int) -> None:
        for count in range(2000):
            queue.put((number, count))

    async def main() -> list[tuple[int, int]]:
        portal = current_portal()
        threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        with anyio.fail_after(DEADLINE):
            items = [await queue.get(portal) for _ in range(8000)]
        for thread in threads:
            thread.join()
        return items

    items = run(backend, main)
    for number in range(4):
        assert [count for thread, count in items if thread == number] == list(range(2000))


def test_a_getter_that_waits_is_woken_each_time(backend: str) -> None:
    queue: Queue[int] = Queue()

    def echo() -> None:
        for number in range(500):
            queue.put(number)
            assert turns[number].wait(DEADLINE)

    turns = [threading.Event() for _ in range(500)]

    async def main() -> None:
        portal = current_portal()
        thread = threading.Thread(target=echo)
        thread.start()
        with anyio.fail_after(DEADLINE):
            for number in range(500):
                assert await queue.get(portal) == number
                turns[number].set()
        thread.join()

    run(backend, main)
    assert len(queue) == 0


def test_taking_everything_beside_a_getter(backend: str) -> None:
    """What is there comes out once, whoever is quicker."""
    queue: Queue[int] = Queue()
    taken: list[int] = []
    done = threading.Event()

    def fill_and_take() -> None:
        for number in range(5000):
            queue.put(number)
            if number % 3 == 0:
                taken.extend(queue.take())
        done.set()
        queue.put(-1)

    async def main() -> list[int]:
        portal = current_portal()
        thread = threading.Thread(target=fill_and_take)
        thread.start()
        got = []
        with anyio.fail_after(DEADLINE):
            while (item := await queue.get(portal)) != -1:
                got.append(item)
        thread.join()
        return got

    got = run(backend, main)
    assert done.is_set()
    assert sorted(got + taken) == list(range(5000))
    assert got == sorted(got)


def test_a_cancelled_getter_loses_nothing(backend: str) -> None:
    queue: Queue[str] = Queue()

    async def main() -> str:
        portal = current_portal()
        with anyio.move_on_after(0.01):
            await queue.get(portal)
        queue.put("later")
        return await queue.get(portal)

    assert run(backend, main) == "later"


def test_take_gives_everything(backend: str) -> None:
    queue: Queue[int] = Queue()
    for number in range(3):
        queue.put(number)
    assert queue.take() == [0, 1, 2]
    assert queue.take() == []


def test_put_after_the_loop_is_gone_is_harmless(backend: str) -> None:
    queue: Queue[int] = Queue()

    async def main() -> None:
        portal = current_portal()
        with anyio.move_on_after(0.01):
            await queue.get(portal)

    run(backend, main)
    queue.put(1)
    assert queue.take() == [1]


def test_a_portal_is_made_inside_a_task() -> None:
    with pytest.raises(RuntimeError):
        current_portal()


class HeldUp(Queue[str]):
    """A thread named "late" that puts something in is held up when it has seen what the getter waits for."""

    def __init__(self) -> None:
        self.seen, self.go_on = threading.Event(), threading.Event()
        super().__init__()

    @property
    def _arrival(self) -> Arrival | None:
        arrival: Arrival | None = vars(self)["arrival"]
        if threading.current_thread().name == "late":
            self.seen.set()
            assert self.go_on.wait(DEADLINE)
        return arrival

    @_arrival.setter
    def _arrival(self, arrival: Arrival | None) -> None:
        vars(self)["arrival"] = arrival


def test_a_thread_that_is_held_up_takes_no_wake_up_from_the_next(backend: str) -> None:
    queue = HeldUp()
    taken: list[str] = []

    def waits(items: list[str]) -> None:
        end = time.monotonic() + DEADLINE
        while taken != items or queue._arrival is None:
            assert time.monotonic() < end, taken
            time.sleep(0.001)

    def fill() -> None:
        waits([])
        late = threading.Thread(target=queue.put, args=("late",), name="late")
        late.start()
        assert queue.seen.wait(DEADLINE)
        queue.put("quick")
        waits(["late", "quick"])
        queue.go_on.set()
        late.join(DEADLINE)
        queue.put("last")

    async def main() -> None:
        portal = current_portal()
        filler = threading.Thread(target=fill)
        filler.start()
        with anyio.fail_after(DEADLINE):
            for _ in range(3):
                taken.append(await queue.get(portal))
        filler.join()

    run(backend, main)
    assert taken == ["late", "quick", "last"]


def test_the_loop_is_woken_only_for_a_getter_that_waits(backend: str) -> None:
    """Each wake is a call into the loop, by a descriptor from another thread: none for what lies there already."""
    queue: Queue[int] = Queue()

    async def main() -> int:
        portal = current_portal()
        call, wakes = portal.call, 0

        def counted(function: Callable[..., None], *args: object) -> bool:
            nonlocal wakes
            wakes += 1
            return call(function, *args)

        portal.call = counted  # type: ignore[method-assign]  # it is counted
        for number in range(100):
            queue.put(number)
            assert await queue.get(portal) == number
        return wakes

    assert run(backend, main) == 0
