"""What the tests of loops share."""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def send_sigint() -> Iterator[Callable[[threading.Event], None]]:
    """`send_sigint(event)` waits for `event` in a thread, then signals the main thread with SIGINT."""
    main = threading.get_ident()
    before = signal.getsignal(signal.SIGINT)
    threads: list[threading.Thread] = []

    def send(when: threading.Event) -> None:
        def wait_and_kill() -> None:
            if when.wait(30):
                signal.pthread_kill(main, signal.SIGINT)

        threads.append(threading.Thread(target=wait_and_kill))
        threads[-1].start()

    yield send
    for thread in threads:
        thread.join(30)
    signal.signal(signal.SIGINT, before)
