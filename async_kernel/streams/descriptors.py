# mypy: disable-error-code="attr-defined"
# Windows lacks the functions of `os`, `select` and `fcntl` that are used here; nothing of this is made there.
"""File descriptors 1 and 2: output of C code and child processes goes to the cell.

Each cell gets pipes of its own. Its children inherit them, so that the output of a child belongs to the cell that
started it, however late; the output of the process itself goes to the cell that began last among those that run, or
ran. A child that works for others when the cell has ended gets pipes by which it speaks in their cells (`workers` says
which). A cell that has written nothing there, and started nothing that could, leaves its pipes to the next one.
A thread reads the pipes, which nothing else could do while a cell blocks; code that has something to say in order
with them, and a cell at its end, reads them too.

Only for POSIX systems: on Windows there is no waiting for pipes. Knows nothing of `sys.stdout`.
"""

from __future__ import annotations

import codecs
import os
import select
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

from async_kernel.kernel.request import Request
from async_kernel.stacks import callers
from async_kernel.system.children import FormerChildren
from async_kernel.system.service_thread import ServiceThread

from .starters import is_of_library

__all__ = ["Capture"]

PIPE_BYTES = 1 << 20
"""How much a pipe holds, where the system lets that be set: so much C code can write while it holds the GIL."""

READ_BYTES = 1 << 18

PATIENCE_SECONDS = 0.1
"""Seconds to wait for another thread that reads, so that output past Python is published before the cell's next
output."""

PAUSE_SECONDS = 0.002
"""How long the thread lets text gather after it has read some: code that writes line by line would else wait for
the GIL at each line."""


class _Pipe:
    """The pipe in place of one descriptor for one cell, or `lent` for its children that will work for others, too.
    `write_end` is kept until the cell has ended."""

    __slots__ = ("decoder", "identity", "lent", "name", "number", "open", "read_end", "request", "used", "write_end")

    def __init__(self, number: int, name: str, request: Request, lent: bool) -> None:
        self.number = number
        self.name = name
        self.request = request
        self.lent = lent
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.open = True
        self.used = False  # something came out of it
        self.read_end, self.write_end = _make_pipe()
        os.set_blocking(self.read_end, False)
        _widen(self.read_end)
        self.identity = _identity(self.read_end)


class _Cell:
    """The pipes of one cell: those in place of the descriptors, and those that it lends, each by its descriptor."""

    __slots__ = ("alone", "children", "lent", "pipes", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.alone = True  # no other cell ran beside it
        self.children: FormerChildren | None = None  # of the time since its pipes were made
        self.pipes: dict[int, _Pipe] = {}
        self.lent: dict[int, _Pipe] = {}


class Capture:
    """Takes `descriptors` (`{1: "stdout", 2: "stderr"}`) for the requests, until `restore`.

    `originals` are duplicates of the descriptors as they were. With `echo` all text is written there too. `prepare` is
    called once in the thread, before the first cell ends; `flush` at the end of each cell, to pass on the text in
    buffers. OSError when a descriptor is not open.
    """

    def __init__(
        self,
        descriptors: Mapping[int, str],
        *,
        echo: bool = False,
        prepare: Callable[[], None] = lambda: None,
        flush: Callable[[], None] = lambda: None,
    ) -> None:
        self.busy = False
        """Whether anything was written since the last cell began."""
        self._names = dict(descriptors)
        self._echo = echo
        self._prepare = prepare
        self._prepared = threading.Event()
        self._flush = flush
        self.originals = {number: os.dup(number) for number in self._names}
        self._ours = {_identity(original) for original in self.originals.values()}  # the files that may be replaced
        self._lock: Any = threading.RLock()  # reentrant: a signal handler may print
        self._pipes: dict[int, _Pipe] = {}  # by read end
        self._placed: dict[int, _Pipe] = {}  # by descriptor
        self._running: list[_Cell] = []  # in the order of their begin
        self._latest: _Cell | None = None  # whose pipes were put in place last
        self._spare: _Cell | None = None  # that has ended, and leaves its pipes to the next one
        self._lending: tuple[AbstractContextManager[object], dict[int, int]] | None = None  # while a fork is under way
        self._poll = select.poll()  # over all pipes
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = os.pipe()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._ended = False
        os.register_at_fork(before=self._prepare_fork, after_in_parent=self._forked, after_in_child=self._forget)
        self._thread = ServiceThread("descriptors", self._run)
        self._thread.start()

    def enter(self, request: Request) -> Callable[[], None]:
        """Have the output from now on, and that of the children that are started, belong to `request`.

        Returns the function that ends this: when it has been called all that was written has been said."""
        return partial(self._end, self._begin(request))

    @contextmanager
    def lending(self) -> Iterator[dict[int, int]]:
        """The descriptors to give a process in place of the captured ones when it will work for later cells, too: what
        it writes belongs to the cell that runs now until that has ended, then to the heir of its request.

        For example `{1: 17, 2: 19}`; a descriptor that a cell has redirected is left out. The process is to be started
        within the block.
        """
        with self._lock:
            cell = self._running[-1] if self._running else self._latest
            if self._ended or cell is None:
                yield {}
                return
            try:
                with suppress(OSError):  # out of descriptors: it speaks in this cell for ever
                    for number in self._names.keys() - cell.lent.keys():
                        cell.lent[number] = self._make(number, cell.request, lent=True)
                yield {number: pipe.write_end for number, pipe in cell.lent.items() if self._is_ours(number)}
            finally:
                if cell not in self._running:
                    self._stop_lending(cell)

    def bring_in(self) -> None:
        """Publish the output until now of the cells that run, and of children. Callable from any thread; returns at
        once."""
        # Not in a signal handler that has come upon its own thread in here, nor for a thread that waits with the lock
        # for a lock that this one holds: the thread publishes the rest.
        if self._lock._is_owned():
            return
        try:
            if self._lock.acquire(timeout=PATIENCE_SECONDS):
                self._read_all()
        finally:
            # A signal handler of the user's may raise behind any call, that of `acquire` for one: no other comes first.
            try:  # noqa: SIM105
                self._lock.release()
            except RuntimeError:  # it was not had
                pass

    def number_of(self, descriptor: int) -> int | None:
        """Which of the captured descriptors leads into the same pipe as `descriptor`, for example 2 for a duplicate of
        a cell's stderr; None when it leads elsewhere. OSError when it is not open."""
        with self._lock:
            if self._ended:
                return None
            identity = _identity(descriptor)
            return next((pipe.number for pipe in self._pipes.values() if pipe.identity == identity), None)

    def leave_cells(self) -> None:
        """Have the descriptors lead where they led at first, unless other code has taken them. Processes started
        before goes on writing into the pipe that it has."""
        with self._lock:
            self._drop_spare()
            for number, original in self.originals.items():
                self._place(number, original)

    def restore(self) -> None:
        """Give the descriptors back, unless somebody else has taken them. Children that still write into their pipes
        go on writing: to where the descriptors lead now."""
        if self._ended:
            return
        with self._lock:
            self._ended = True
            for number, original in self.originals.items():
                self._place(number, original)
            for pipe in [*self._pipes.values()]:
                self._close_write_end(pipe)
                self._read(pipe)
        os.write(self._waker, b"!")
        self._thread.join()
        for pipe in [*self._pipes.values()]:
            _hand_over(pipe.read_end, self.originals[pipe.number])
            self._drop(pipe)
        self._selector.close()
        for end in (self._wake, self._waker, *self.originals.values()):
            os.close(end)

    # Cells

    def _begin(self, request: Request) -> _Cell:
        with self._lock:
            cell = _Cell(request)
            if self._ended:
                return cell
            if not self._inherit(cell):
                cell.children = FormerChildren()
                with suppress(OSError):  # out of descriptors: the cell goes on with those that are there
                    for number in self._names:
                        cell.pipes[number] = pipe = self._make(number, request, lent=False)
                        self._ours.add(pipe.identity)
            for other in self._running:
                cell.alone = other.alone = False
            self._running.append(cell)
            self._take(cell)
            self.busy = False
            return cell

    def _inherit(self, cell: _Cell) -> bool:
        """Give `cell` the pipes of the one before it. Whether there were any that nobody else can write to."""
        before = self._spare
        if before is None:
            return False
        self._read_all()
        if before is not self._latest or not self._is_unused(before):
            self._drop_spare()
            return False
        self._spare = None
        cell.children = before.children  # it has had none
        cell.pipes = before.pipes
        for pipe in cell.pipes.values():
            pipe.request = cell.request
        return True

    def _is_unused(self, cell: _Cell) -> bool:
        """Whether the pipes of a cell are in place, nothing has come out of them, and no other process can have one."""
        for pipe in cell.pipes.values():
            if pipe.used or not _leads_to(pipe):
                return False
        return len(cell.pipes) == len(self._names) and cell.children is not None and not cell.children.may_exist()

    def _drop_spare(self) -> None:
        if self._spare is not None:
            for pipe in self._spare.pipes.values():
                self._close_write_end(pipe)
            self._spare = None

    def _make(self, number: int, request: Request, *, lent: bool) -> _Pipe:
        pipe = _Pipe(number, self._names[number], request, lent)
        self._pipes[pipe.read_end] = pipe
        self._poll.register(pipe.read_end, select.POLLIN)
        # While the thread waits: the selectors of pipes that systems have (epoll, kqueue) allow for it.
        self._selector.register(pipe.read_end, selectors.EVENT_READ, pipe)
        return pipe

    def _end(self, cell: _Cell) -> None:
        if self._ended:
            return
        if not self._prepared.is_set():
            self._prepared.wait()
        self._flush()
        with self._lock:
            self._running.remove(cell)
            self._read_all()  # those that are lent too: who wrote into one may have worked for this cell
            if cell.alone and not cell.lent and cell is self._latest and not any(map(_was_used, cell.pipes.values())):
                self._spare = cell  # whether a child has its pipes is asked when the next one begins
            else:
                for pipe in cell.pipes.values():
                    self._close_write_end(pipe)
                    self._read(pipe)
                self._stop_lending(cell)
            if self._running:
                self._take(self._running[-1])

    def _stop_lending(self, cell: _Cell) -> None:
        for pipe in cell.lent.values():
            self._close_write_end(pipe)
        cell.lent = {}

    def _take(self, cell: _Cell) -> None:
        """Put the pipes of a cell in place. The pipes before them are read to their end, which is now unless a child
        holds it."""
        self._latest = cell
        for pipe in cell.pipes.values():
            before = self._placed.get(pipe.number)
            if before is pipe:
                continue
            if before is not None:
                self._selector.unregister(before.read_end)  # the thread need not wake to see its end
            if self._place(pipe.number, pipe.write_end):
                self._placed[pipe.number] = pipe
            if before is not None:
                self._selector.register(before.read_end, selectors.EVENT_READ, before)
                self._read(before)

    def _place(self, number: int, end: int) -> bool:
        """Make `number` lead where `end` does, unless a cell has redirected it: then it stays as it is."""
        if not self._is_ours(number):
            return False
        os.dup2(end, number)
        return True

    def _is_ours(self, number: int) -> bool:
        """Whether a descriptor leads where it did at first, or into the pipe of a cell, or is closed: a cell that has
        closed it must not silence the next one."""
        try:
            return _identity(number) in self._ours
        except OSError:
            return True

    # Pipes: with the lock

    def _read_all(self) -> None:
        """Read what there is: one call tells of all pipes, as there is mostly nothing."""
        for read_end, _ in self._poll.poll(0):
            self._read(self._pipes[read_end])

    def _read(self, pipe: _Pipe) -> None:
        """Read the content of `pipe`, but no more than it can hold: a child may write for ever."""
        taken = 0
        while pipe.open and taken < PIPE_BYTES:
            try:
                data = os.read(pipe.read_end, READ_BYTES)
            except BlockingIOError:
                return
            taken += len(data)
            self._say(pipe, data)
            if not data:
                self._drop(pipe)

    def _say(self, pipe: _Pipe, data: bytes) -> None:
        self.busy = pipe.used = True
        if data and (self._echo or self._ended):
            write_all(self.originals[pipe.number], data)
        if self._ended:
            return
        text = pipe.decoder.decode(data, final=not data)
        if text:
            pipe.request.heir(serves=pipe.lent).stream(pipe.name, text)

    def _close_write_end(self, pipe: _Pipe) -> None:
        if pipe.write_end >= 0:
            os.close(pipe.write_end)
            pipe.write_end = -1

    def _drop(self, pipe: _Pipe) -> None:
        pipe.open = False
        self._close_write_end(pipe)
        self._selector.unregister(pipe.read_end)
        self._poll.unregister(pipe.read_end)
        del self._pipes[pipe.read_end]
        self._ours.discard(pipe.identity)
        if self._placed.get(pipe.number) is pipe:
            del self._placed[pipe.number]
        os.close(pipe.read_end)

    # The thread

    def _run(self) -> None:
        try:
            self._prepare()
        finally:
            self._prepared.set()
        while True:
            ready = self._selector.select()
            if self._ended:
                return
            with self._lock:
                for key, _ in ready:
                    self._read(key.data)  # a pipe that was dropped meanwhile is no longer open
            time.sleep(PAUSE_SECONDS)

    # Forks

    def _prepare_fork(self) -> None:
        """Before a fork. Lent pipes stay open, since the lock is held until it has come to pass."""
        if not self._ended and is_of_library(callers()):
            lending = self.lending()
            ends = lending.__enter__()
            self._lending = lending, ends

    def _forked(self) -> None:
        """In the parent of a fork, or after one that failed."""
        if self._lock._is_owned() and self._lending is not None:
            (lending, _), self._lending = self._lending, None
            lending.__exit__(None, None, None)

    def _forget(self) -> None:
        """In a forked child: it writes, and the parent reads."""
        if self._ended:
            return
        self._ended = True
        if self._lock._is_owned() and self._lending is not None:
            for number, end in self._lending[1].items():
                if self._is_ours(number):  # os.forkpty has put a terminal there
                    os.dup2(end, number)
        self._lock = threading.RLock()  # another thread may have held it
        for pipe in self._pipes.values():
            os.close(pipe.read_end)
            if not pipe.lent:  # a program that is being started may get it
                self._close_write_end(pipe)
        self._pipes = {}
        self._poll = select.poll()


def write_all(number: int, data: bytes) -> None:
    """Write `data` to a descriptor, whatever pieces it takes; without a reader it is lost."""
    with suppress(OSError):
        view = memoryview(data)
        while view:
            view = view[os.write(number, view) :]


def _identity(number: int) -> tuple[int, int]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino


def _was_used(pipe: _Pipe) -> bool:
    return pipe.used


def _leads_to(pipe: _Pipe) -> bool:
    """Whether the descriptor that a pipe is for leads into it."""
    try:
        return _identity(pipe.number) == pipe.identity
    except OSError:
        return False


def _make_pipe() -> tuple[int, int]:
    """A pipe, read end first, neither end of which is descriptor 0, 1 or 2: one that a cell has closed may be free."""
    ends = os.pipe()
    if min(ends) > 2:
        return ends
    import fcntl

    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _widen(end: int) -> None:
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # over the limit of the user
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _inheritable() -> list[int]:
    """The descriptors that programs inherit."""
    found: list[int] = []
    for name in os.listdir("/dev/fd"):  # noqa: PTH208  # of all systems, numbers
        with suppress(OSError):  # the one by which this list was read
            if os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def _hand_over(read_end: int, original: int) -> None:
    """Let a process of its own pass on the output of children after the kernel's end: writing into a pipe that
    nobody reads would kill them.

    It inherits nothing else. Children such as a resource tracker end when a pipe from this process is closed: it would
    hold that open, and wait for them itself.
    """
    actions: list[Any] = [(os.POSIX_SPAWN_DUP2, read_end, 0), (os.POSIX_SPAWN_DUP2, original, 1)]
    actions += [(os.POSIX_SPAWN_CLOSE, number) for number in _inheritable() if number > 2]
    os.set_blocking(read_end, True)  # not only for us: it is a property of the pipe's end, which `cat` shares
    with suppress(OSError):
        os.posix_spawnp("cat", ["cat"], os.environ, file_actions=actions, setpgroup=0)
