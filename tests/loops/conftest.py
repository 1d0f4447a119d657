"""What the tests of loops share."""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def interrupt_when() -> Iterator[Callable[[threading.Event], None]]:
    """`interrupt_when(event)` waits for `event` in a thread, then has the main thread raise KeyboardInterrupt.

    SIGINT is sent again every 10 ms until its handler has run. Once is not enough: a signal that arrives after the
    interpreter's last check and before the blocking system call begins (a sending thread gets the lock in just that
    gap) neither runs its handler nor ends the call.
    """
    main = threading.get_ident()
    handled = threading.Event()
    threads: list[threading.Thread] = []

    def handler(signum: int, frame: object) -> None:
        if not handled.is_set():  # not for a second signal that was under way
            handled.set()
            raise KeyboardInterrupt

    def send(when: threading.Event) -> None:
        def wait_and_kill() -> None:
            if when.wait(30):
                handled.clear()
                while not handled.wait(0.01):
                    signal.pthread_kill(main, signal.SIGINT)

        threads.append(threading.Thread(target=wait_and_kill, daemon=True))
        threads[-1].start()

    before = signal.signal(signal.SIGINT, handler)
    handled.set()
    yield send
    for thread in threads:
        thread.join(30)
    signal.signal(signal.SIGINT, before)
